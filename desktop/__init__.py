"""The Qt client: a window on a model that runs in a process of its own."""
