"""Native code in processes of its own: the worker, its protocol and client, and why a process ended."""
