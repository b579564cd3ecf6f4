"""The Qt client: a chat window for a model that runs in a separate process."""
