"""The transcript: the conversation as it is read. The rest of the window uses `TranscriptView` only."""

from desktop.ui.transcript.view import TranscriptView

__all__ = ["TranscriptView"]
