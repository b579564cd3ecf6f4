"""Pictures of strangers, read by a process of its own: what comes out of it is drawn anew, and small enough."""
