"""The training loop, its schedule, and the session around it."""
