"""How answers come about in the open conversation, or in the new one: chosen, and the scratchpad edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import QObject

from desktop.chat.refusals import read_or, store_faults
from desktop.chat.state import Notice
from desktop.store import Store, StoredConversation, StoredMessage
from desktop.store.records import StoredStrategy


class StrategyControl(QObject):
    """The strategy.

    Args:
        store: has that of each conversation.
        conversation: the open conversation; None for the new one.
        path: of a conversation, with what the store does not have yet. Raises StoreError.
        reread: has the open conversation read again.
        notify: shows a notice.
    """

    def __init__(
        self,
        store: Store,
        *,
        conversation: Callable[[], StoredConversation | None],
        path: Callable[[StoredConversation], Sequence[StoredMessage]],
        reread: Callable[[], object],
        notify: Callable[[Notice], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._store, self._conversation, self._path = store, conversation, path
        self._reread, self._notify = reread, notify
        self._new = StoredStrategy()

    @property
    def current(self) -> StoredStrategy:
        """That of the open conversation, or of the new one."""
        conversation = self._conversation()
        return self._new if conversation is None else conversation.strategy

    def choose(self, name: str) -> None:
        """Answer by the strategy of this name from now on."""
        self._change(replace(self.current, name=name))

    def choose_slow(self, ref: str) -> None:
        """Let DUMA ask this model, by its catalogue name or path; empty: the same one."""
        self._change(replace(self.current, name="duma", slow=ref))

    def facts(self) -> dict[str, str]:
        """The scratchpad as the next question will find it."""
        conversation = self._conversation()
        if conversation is None:
            return dict(self._new.facts or {})
        from desktop.chat.strategies.resources import facts_on

        return read_or(lambda: facts_on(self._path(conversation), conversation), {}, self._notify)

    def edit_facts(self, facts: Mapping[str, str]) -> None:
        """Replace the scratchpad."""
        conversation = self._conversation()
        last = 0
        if conversation is not None:
            last = read_or(lambda: _last_answer(self._path(conversation)), 0, self._notify)
        self._change(replace(self.current, facts=dict(facts), facts_after=last))

    def begin(self) -> None:
        """Another new conversation begins, for which nothing is chosen."""
        self._new = StoredStrategy()

    @property
    def new(self) -> StoredStrategy:
        """What was chosen for the new conversation."""
        return self._new

    def _change(self, strategy: StoredStrategy) -> None:
        conversation = self._conversation()
        if conversation is None:
            self._new = strategy
            return
        with store_faults(self._notify):
            self._store.set_strategy(conversation.id, strategy)
            self._reread()


def _last_answer(path: Sequence[StoredMessage]) -> int:
    """The id of the last answer of a path; 0 where there is none."""
    return next((message.id for message in reversed(path) if message.role == "assistant"), 0)
