"""Counts how many tokens of the context a conversation takes, and notices when all of it fits again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal

from belle.engine.answer.overflow import room_for_prompt
from belle.engine.process.commands import Count
from belle.engine.process.events import Counted, Event
from desktop.chat.model_host import ModelHost
from desktop.chat.prompt_path import PathPrompt, RequestBuilder
from desktop.chat.refusals import store_faults
from desktop.chat.state import ContextUsage
from desktop.store import Store, StoredConversation, StoredMessage


@dataclass(frozen=True, slots=True)
class _Counting:
    """A request under way. `counts_all`: all messages are counted, also those that were left out."""

    request_id: int
    conversation: StoredConversation
    prompt: PathPrompt
    counts_all: bool = True


class ContextGauge(QObject):
    """Asks the engine for the size of a conversation.

    `ids` gives the request ids, shared with `CurrentAnswer`.
    """

    usage = Signal(int, object)  # conversation, ContextUsage
    read = Signal(object, object, str)  # conversation, the messages that will be read of it, their summary
    all_fits = Signal(int)  # conversation that was cut and fits again, in a larger context
    notice = Signal(object)

    def __init__(self, store: Store, host: ModelHost, ids: Iterator[int], prompts: RequestBuilder) -> None:
        super().__init__()
        self._store, self._host, self._ids, self._prompts = store, host, ids, prompts
        self._counting: _Counting | None = None
        self._system: dict[int, int] = {}  # conversation -> tokens before its first message, when last counted
        host.answer_event.connect(self._on_event)

    def count(self, conversation: StoredConversation, path: Sequence[StoredMessage]) -> None:
        """Count what is sent of `path`; `usage` has the result, unless another count is requested before it arrives.

        Raises StoreError.
        """
        if path:
            prompt = self._prompts.prompt(conversation, path)
            self._counting = _Counting(next(self._ids), conversation, prompt)
            self._host.count(Count(self._counting.request_id, prompt.messages))

    def cancel(self, conversation_id: int) -> None:
        """Stop counting a conversation, such as one that is deleted: nothing of it must be read ahead any more."""
        if self._counting is not None and self._counting.conversation.id == conversation_id:
            self._counting = None

    def after_answer(self, conversation_id: int, used: int, total: int) -> ContextUsage:
        """The usage as the engine has just measured it; how much of it is the system prompt's is as last counted."""
        return ContextUsage(used, total, min(used, self._system.get(conversation_id, 0)))

    def _on_event(self, event: Event) -> None:
        counting = self._counting
        if not isinstance(event, Counted) or counting is None or counting.request_id != event.id:
            return
        conversation, prompt = counting.conversation, counting.prompt
        fits = event.tokens <= room_for_prompt(event.n_ctx, None)
        if counting.counts_all and not fits and conversation.overflow != "refuse":
            rest = prompt.without(conversation.left_out)
            if len(rest) < len(prompt.messages):  # count what the model sees
                self._counting = replace(counting, request_id=next(self._ids), counts_all=False)
                self._host.count(Count(self._counting.request_id, rest, prompt.summary))
                return
        if counting.counts_all and fits and conversation.left_out:
            with store_faults(self.notice.emit):
                self._store.set_left_out(conversation.id, ())
                self.all_fits.emit(conversation.id)
        rest = prompt.messages if counting.counts_all else prompt.without(conversation.left_out)
        self.read.emit(conversation, rest, "" if counting.counts_all else prompt.summary)
        self._system[conversation.id] = event.system_tokens
        self.usage.emit(conversation.id, ContextUsage(event.tokens, event.n_ctx, event.system_tokens))
