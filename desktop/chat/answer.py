"""The answer to one request: its text so far, and saving it in the store.

The store may refuse it (a full disk). Then the answer exists only here, with a negative id of its own, and `save` is
called again until the store has all of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from belle.engine.process.events import Done
from desktop.documents.cited import KEY
from desktop.store import Store, StoredMessage

CHECKPOINT_S = 1.0
"""Interval of the checkpoints: at most this much of an answer is lost when the process is killed."""

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
        conversation_id: of the question; the window may show another conversation meanwhile.
        parent_id: id of the question.
        message_ids: ids of the messages in the request, in order; None for the system message.
        left_out: ids of the messages that are not in its prompt, as far as the engine has reported it.
        message: its row in the store, or a record with a negative id that the store does not have yet; None until the
            first text arrives, so that a failed prefill leaves no empty row.
        text: the whole text so far, including that of the answer that is continued.
        thinking: what the model wrote before its answer; `thinking_seconds`: how long that took, None until it ends.
        status: `streaming`, then the final status.
        stats: what the engine measured.
        is_summarising: the engine writes a summary of what it leaves out before it answers.
        documents: for `stats`, the passages of documents that the model was handed; empty without documents.
        dialogue: for `stats`, how a strategy came to the answer; empty where it is plain.
        is_stepped: a strategy makes it.
        is_stored: the store has the finished answer.
    """

    request_id: int
    conversation_id: int
    parent_id: int
    model: str
    message_ids: list[int | None]
    left_out: tuple[int, ...] = ()
    message: StoredMessage | None = None
    text: str = ""
    thinking: str = ""
    thinking_seconds: float | None = None
    status: str = "streaming"
    stats: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)
    dialogue: Mapping[str, Any] = field(default_factory=dict)
    is_stepped: bool = False
    stopping: bool = False
    is_summarising: bool = False
    is_stored: bool = False
    _saved: tuple[str, str] = field(default=("", ""), repr=False)
    _thinking_since: float | None = field(default=None, repr=False)

    @property
    def snapshot(self) -> StoredMessage | None:
        """The message with everything that has arrived so far, whether stored or not."""
        if self.message is None:
            return None
        return replace(
            self.message,
            text=self.text,
            thinking=self.thinking,
            thinking_seconds=self.thinking_seconds,
            status=self.status,  # type: ignore[arg-type]
            stats=self.all_stats,
        )

    @property
    def all_stats(self) -> dict[str, Any]:
        """What is stored beside the text."""
        return {**self.documents, **({"dialogue": self.dialogue} if self.dialogue else {}), **self.stats}

    @property
    def is_unstored(self) -> bool:
        """Whether it has begun and the store has no row for it."""
        return self.message is not None and self.message.id < 0

    def resume(self, message: StoredMessage) -> None:
        """Continue `message` at its end. If it has thinking but no text yet, the model thinks again from the start."""
        self.message, self.text = message, message.text
        self.documents = {name: value for name, value in message.stats.items() if name == KEY}
        self.dialogue = message.stats.get("dialogue") or {}
        if self.text:
            self.thinking, self.thinking_seconds = message.thinking, message.thinking_seconds

    def add_thinking(self, text: str) -> None:
        """Append to the thinking; the first piece creates `message`."""
        if self._thinking_since is None:
            self._thinking_since = time.monotonic()
        self.thinking += text
        self._begin()

    def end_thinking(self) -> bool:
        """End the thinking, if any. True when there was thinking that had not ended."""
        if self._thinking_since is None or self.thinking_seconds is not None:
            return False
        self.thinking_seconds = time.monotonic() - self._thinking_since
        return True

    def take_back(self, provisional: str) -> None:
        """All of the text so far was provisional: it becomes a part of the thinking, and the text begins anew."""
        self.text = ""
        self.add_thinking(f"{provisional}\n\n")

    def add_text(self, text: str) -> None:
        """Append to the text; the first piece creates `message`."""
        self.text += text
        self._begin()

    def _begin(self) -> None:
        if self.message is None:
            self.message = StoredMessage(
                id=-self.request_id,
                conversation_id=self.conversation_id,
                parent_id=self.parent_id,
                role="assistant",
                text="",
                status="streaming",
                created_at=time.time(),
                model=self.model,
                stats=self.all_stats,
                sibling_index=0,
                sibling_count=1,
            )

    def end(self, status: str) -> None:
        """End the answer with this status."""
        self.end_thinking()
        self.status = status

    def finish(self, done: Done) -> None:
        """End the answer with the engine's final event. An empty answer gets a message too: nothing came."""
        self.end(STATUS_OF_REASON[done.reason])
        if done.thinking and not self.thinking:
            # The text began without a marker of thinking; the closing marker shows only now that it was thinking.
            self.thinking, self.text = done.thinking, done.text
        if done.thinking_seconds is not None:
            self.thinking_seconds = done.thinking_seconds
        self.stats = {name: value for name, value in asdict(done.stats).items() if value is not None}
        if done.reason == "context_full":
            self.stats = {**self.stats, "ended_by": done.reason}
        # Stopped before the first piece: no message at all.
        if done.reason != "stopped":
            self.add_text("")

    def save(self, store: Store) -> None:
        """Write to the store what it does not have yet. When that raises StoreError nothing is lost: call it again."""
        if self.message is None or self.is_stored:
            return
        if self.message.id < 0:
            self.message = store.start_answer(self.conversation_id, self.parent_id, self.model, stats=self.all_stats)
        if self.status != "streaming":
            store.finish(self.message.id, self.text, status=self.status, stats=self.all_stats, **self._thinking_columns)
            self.is_stored = True
        elif (self.text, self.thinking) != self._saved:
            store.checkpoint(self.message.id, self.text, **self._thinking_columns)
            self._saved = self.text, self.thinking

    @property
    def _thinking_columns(self) -> dict[str, Any]:
        return {"thinking": self.thinking, "thinking_seconds": self.thinking_seconds}
