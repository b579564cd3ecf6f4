"""Counts how many tokens of the context a conversation takes, and notices when all of it fits again."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QObject, Signal

from belle.engine.answer.overflow import room_for_prompt
from belle.engine.process.protocol import Count, Counted, Event
from desktop.chat.faults import store_faults
from desktop.chat.model_host import ModelHost
from desktop.chat.prompt_path import prompt_of
from desktop.store import Store, StoredConversation, StoredMessage


class ContextGauge(QObject):
    """Asks the engine for the size of a conversation. `ids` gives the request ids, shared with `AnswerQueue`."""

    usage = Signal(int, int, int)  # conversation, tokens used, context length in tokens
    all_fits = Signal(int)  # conversation that was cut and fits again, in a larger context
    notice = Signal(object)

    def __init__(self, store: Store, host: ModelHost, ids: Iterator[int]) -> None:
        super().__init__()
        self._store, self._host, self._ids = store, host, ids
        self._asked: tuple[int, StoredConversation, list[StoredMessage]] | None = None  # request, what is counted
        host.answer_event.connect(self._on_event)

    def count(self, conversation: StoredConversation, path: list[StoredMessage]) -> None:
        """Count the messages of `path`; `usage` has the result, unless another count is requested before it arrives."""
        if path:
            self._asked = (next(self._ids), conversation, path)
            self._host.count(Count(self._asked[0], prompt_of(conversation, path)[1]))

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, Counted) or self._asked is None or self._asked[0] != event.id:
            return
        _, conversation, path = self._asked
        ids = [message.id for message in path]
        left_out = ids.index(conversation.context_start) if conversation.context_start in ids else 0
        if left_out and event.tokens > room_for_prompt(event.n_ctx, None):
            self.count(conversation, path[left_out:])  # still too long: count what the model sees
            return
        if left_out:
            with store_faults(self.notice.emit):
                self._store.set_context_start(conversation.id, None)
                self.all_fits.emit(conversation.id)
        self.usage.emit(conversation.id, event.tokens, event.n_ctx)
