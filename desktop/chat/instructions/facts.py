"""What the person wants the model to remember about them: changing it, and adding it to a system prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from belle.errors import KnownError
from desktop.chat.refusals import read_or, store_faults
from desktop.chat.state import Notice
from desktop.settings import Settings
from desktop.store import Store, StoredConversation, StoredFact
from desktop.store.instructions.precedence import InForce, in_force

KEY = "facts"
"""Of the notice about the last export."""
_CHINESE = re.compile(r"[\u3400-\u9fff]")


class FactControl(QObject):
    """The facts, and where they are used: nowhere until the person switches it on.

    Args:
        store: has them.
        settings: has the switch.
        conversation: the open conversation; None for the new one.
        new_project_uses: whether the project of the new conversation uses them; None where it says nothing.
        notify: shows a notice.
    """

    changed = Signal()
    LONGEST = 500
    """Characters of one fact: the list is read before every conversation."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        conversation: Callable[[], StoredConversation | None],
        new_project_uses: Callable[[], bool | None],
        notify: Callable[[Notice], object],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._store, self._settings, self._conversation = store, settings, conversation
        self._new_project_uses, self._notify = new_project_uses, notify
        self._new_uses: bool | None = None  # chosen for the new conversation

    # The list

    def all(self) -> list[StoredFact]:
        """All facts in the order in which they were added."""
        return read_or(self._store.facts, [], self._notify)

    def save(self, fact_id: int | None, text: str) -> bool:
        """Change a fact, or add one (None). False when it was not stored."""
        text = " ".join(text.split())[: self.LONGEST].strip()
        saved = False
        with store_faults(self._notify):
            if fact_id is None:
                self._store.add_fact(text)
            else:
                self._store.change_fact(fact_id, text)
            saved = True
            self.changed.emit()
        return saved

    def delete(self, fact_id: int) -> None:
        """Delete a fact."""
        with store_faults(self._notify):
            self._store.delete_fact(fact_id)
            self.changed.emit()

    def export(self, path: Path) -> None:
        """Write the facts to a file: JSON, or a Markdown list where the name ends so."""
        from desktop.exchange.fact_files import write_facts

        try:
            write_facts(self.all(), path)
        except KnownError as error:
            self._notify(Notice.of(error, key=KEY))
        else:
            self._notify(Notice("exported", "info", {"file": str(path)}, (), KEY))

    # Where they are used

    @property
    def is_on(self) -> bool:
        """Whether facts are used at all."""
        return self._settings.uses_facts

    def set_on(self, on: bool) -> None:
        """Use facts, or do not; conversations and projects can still opt out."""
        self._settings.set_uses_facts(on)
        self.changed.emit()

    def used_here(self) -> InForce[bool]:
        """Whether facts are used in the open conversation, or in the new one, while they are used at all."""
        conversation = self._conversation()
        if conversation is not None:
            return read_or(lambda: self._store.uses_facts_of(conversation), InForce(True, "general"), self._notify)
        return in_force(self._new_uses, self._new_project_uses(), True)

    def use_here(self, use: bool) -> None:
        """Use facts in the open conversation, or in the new one, or do not."""
        conversation = self._conversation()
        if conversation is None:
            self._new_uses = use
        else:
            with store_faults(self._notify):
                self._store.set_uses_facts(conversation.id, use)
        self.changed.emit()

    @property
    def new_uses(self) -> bool | None:
        """What was chosen for the new conversation; None: nothing."""
        return self._new_uses

    def begin(self) -> None:
        """Another new conversation begins, for which nothing is chosen."""
        self._new_uses = None

    # The system prompt

    def added_to(self, system_prompt: str, conversation: StoredConversation | None) -> str:
        """A system prompt with the facts, where they are used in a conversation (None: in the new one).

        Raises StoreError.
        """
        if not self.is_on:
            return system_prompt
        used = self.used_here() if conversation is None else self._store.uses_facts_of(conversation)
        return with_facts(system_prompt, [fact.text for fact in self._store.facts()]) if used.value else system_prompt


def with_facts(system_prompt: str, facts: Sequence[str]) -> str:
    """A system prompt with a list of facts behind it, so that what was read of the prompt itself stays in the cache.

    The list speaks the language of the facts, not that of the window, which may change.
    """
    lines = [f"- {' '.join(fact.split())}" for fact in facts if fact.strip()]
    if not lines:
        return system_prompt
    if any(_CHINESE.search(line) for line in lines):
        head, end = "【用户希望你记住的事】\n以下由用户自己写下，只在有帮助时使用：", "【以上】"
    else:
        head = "[What the user wants you to remember]\nThe user wrote this; use it only where it helps:"
        end = "[End]"
    block = "\n".join([head, *lines, end])
    return f"{system_prompt.rstrip()}\n\n{block}" if system_prompt.strip() else block
