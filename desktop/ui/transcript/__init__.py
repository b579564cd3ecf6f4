"""The transcript: the conversation as people read it. `TranscriptView` is all that the rest of the window uses."""

from desktop.ui.transcript.view import TranscriptView

__all__ = ["TranscriptView"]
