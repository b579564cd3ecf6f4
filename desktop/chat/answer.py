"""One answer under way: what has come so far, and how it gets into the store.

The store may refuse (a full disk). Then the answer lives on here, under a number of its own below zero, and `keep` is
called again until the store has all of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from belle.engine.process.protocol import Done
from desktop.store import Store, StoredMessage

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
        message: its row in the store, or one that is only here (`id` below zero); None until its first text arrives,
            so that a failed prefill leaves no empty row.
        text: all of it so far, including what a continued answer began with.
        thinking: what the model thinks before it, and `thinking_seconds` how long that took, None until it is over.
        status: `streaming`, then how it ended.
        stats: what the engine measured.
        kept: the store has all of it.
    """

    request_id: int
    conversation_id: int
    parent_id: int
    model: str
    asked: list[int | None]
    message: StoredMessage | None = None
    text: str = ""
    thinking: str = ""
    thinking_seconds: float | None = None
    status: str = "streaming"
    stats: Mapping[str, Any] = field(default_factory=dict)
    stopping: bool = False
    kept: bool = False
    _saved: tuple[str, str] = field(default=("", ""), repr=False)
    _thinks_since: float | None = field(default=None, repr=False)

    @property
    def shown(self) -> StoredMessage | None:
        """The message as it is to be seen: as far as it has come, whatever the store has of it."""
        if self.message is None:
            return None
        return replace(
            self.message,
            text=self.text,
            thinking=self.thinking,
            thinking_seconds=self.thinking_seconds,
            status=self.status,  # type: ignore[arg-type]
            stats=self.stats,
        )

    @property
    def is_only_here(self) -> bool:
        """The store has no row for it yet."""
        return self.message is not None and self.message.id < 0

    def resume(self, message: StoredMessage) -> None:
        """Go on where `message` ends. A thought without an answer is thought anew."""
        self.message, self.text = message, message.text
        if self.text:
            self.thinking, self.thinking_seconds = message.thinking, message.thinking_seconds

    def think(self, text: str) -> None:
        """Append to the thought; with the first there is a message."""
        if self._thinks_since is None:
            self._thinks_since = time.monotonic()
        self.thinking += text
        self._begin()

    def ends_thought(self) -> bool:
        """The answer proper begins. True when that ends a thought."""
        if self._thinks_since is None or self.thinking_seconds is not None:
            return False
        self.thinking_seconds = time.monotonic() - self._thinks_since
        return True

    def add(self, text: str) -> None:
        """Append `text`; with the first there is a message."""
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
                stats={},
                sibling_index=0,
                sibling_count=1,
            )

    def end(self, status: str) -> None:
        """It ends here, with this status."""
        self.ends_thought()
        self.status = status

    def end_as_told(self, done: Done) -> None:
        """The end as the engine tells it. An empty answer is one too: the person sees that nothing came."""
        self.end(STATUS_OF_REASON[done.reason])
        if done.thinking and not self.thinking:
            # Only now it is known that what came first was not part of the answer.
            self.thinking, self.text = done.thinking, done.text
        if done.thinking_seconds is not None:
            self.thinking_seconds = done.thinking_seconds
        self.stats = {name: value for name, value in asdict(done.stats).items() if value is not None}
        if done.reason == "context_full":
            self.stats = {**self.stats, "ended_by": done.reason}
        if done.reason != "stopped":
            self.add("")

    def keep(self, store: Store) -> None:
        """Bring the store up to what is here. Raises StoreError; then nothing is lost, and it may be called again."""
        if self.message is None or self.kept:
            return
        if self.message.id < 0:
            self.message = store.start_answer(self.conversation_id, self.parent_id, self.model)
        if self.status != "streaming":
            store.finish(self.message.id, self.text, status=self.status, stats=self.stats, **self._thought)
            self.kept = True
        elif (self.text, self.thinking) != self._saved:
            store.checkpoint(self.message.id, self.text, **self._thought)
            self._saved = self.text, self.thinking

    @property
    def _thought(self) -> dict[str, Any]:
        return {"thinking": self.thinking, "thinking_seconds": self.thinking_seconds}
