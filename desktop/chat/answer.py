"""One answer under way: what has come so far, and the checkpoint about once a second."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from belle.engine.protocol import Done, Stats
from desktop.store import Message, Store

CHECKPOINT_S = 1.0
"""At most this much of an answer is lost when the process is killed."""

STATUS_OF_REASON = {
    "end": "complete",
    "stop_string": "complete",
    "length": "length",
    "context_full": "length",
    "stopped": "stopped",
}


@dataclass(slots=True)
class Answer:
    """The answer to one request.

    Args:
        request_id: the engine's id of the request.
        conversation_id: where it belongs; the window may show another conversation meanwhile.
        parent_id: the question.
        asked: ids of the messages sent, in the order of the request, None for the system message.
        message: the stored answer; None until its first text arrives, so that a failed prefill leaves no empty row.
        text: all of it so far, including what a continued answer began with.
    """

    request_id: int
    conversation_id: int
    parent_id: int
    model: str
    asked: list[int | None]
    message: Message | None = None
    text: str = ""
    stopping: bool = False
    _saved: str = field(default="", repr=False)

    def add(self, store: Store, text: str) -> bool:
        """Append `text`. Returns True when this was the first and the message has just been made."""
        self.text += text
        if self.message is not None:
            return False
        self.message = store.start_answer(self.conversation_id, self.parent_id, self.model)
        return True

    def checkpoint(self, store: Store) -> None:
        """Write what has come since the last checkpoint. Raises StoreError."""
        if self.message is not None and self.text != self._saved:
            store.checkpoint(self.message.id, self.text)
            self._saved = self.text

    def finish(self, store: Store, status: str, stats: Stats | None = None) -> Message | None:
        """Write the end; the stored message, or None when there never was one. Raises StoreError."""
        if self.message is None:
            return None
        figures = {k: v for k, v in asdict(stats).items() if v is not None} if stats else {}
        store.finish(self.message.id, self.text, status=status, stats=figures)
        return store.message(self.message.id)

    def finish_done(self, store: Store, done: Done) -> Message | None:
        """The end as the engine tells it. An empty answer is stored too: the person sees that nothing came."""
        if self.message is None and done.reason != "stopped":
            self.add(store, "")
        return self.finish(store, STATUS_OF_REASON[done.reason], done.stats)
