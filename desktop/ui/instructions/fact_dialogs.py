"""Opens the dialogs of what the person wants remembered."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import shortened
from desktop.ui.style.icons import icon

if TYPE_CHECKING:
    from desktop.chat.instructions.facts import FactControl
    from desktop.store.records import StoredFact
    from desktop.ui.instructions.facts_dialog import FactsDialog


class FactDialogs(QObject):
    """Opens dialogs; each is imported at its first use.

    Args:
        window: the parent of the dialogs.
        facts: reads and changes them.
    """

    def __init__(self, window: QWidget, facts: FactControl) -> None:
        super().__init__(window)
        self._window, self._facts = window, facts

    def show(self) -> None:
        """Show the facts, and the switch."""
        from desktop.ui.instructions.facts_dialog import FactsDialog

        facts = self._facts
        dialog = FactsDialog(facts.all, self._window, is_on=facts.is_on)
        facts.changed.connect(dialog.refresh)
        dialog.switched.connect(facts.set_on)
        dialog.edit_requested.connect(partial(self._edit, dialog))
        dialog.delete_requested.connect(partial(self._delete, dialog))
        dialog.export_requested.connect(partial(self._export, dialog))
        dialog.open()

    def remember(self, text: str) -> None:
        """Ask what is to be remembered of a text, and store that."""
        self._ask(self._window, None, text)

    def add_to(self, menu: QMenu) -> None:
        """Add the entries about facts to a menu."""
        facts = self._facts
        show = menu.addAction(icon("pin", size=16), translate("Window", "What to remember…"))
        show.triggered.connect(lambda _: self.show())
        if facts.is_on:
            here = menu.addAction(translate("Window", "Use what is remembered in this chat"))
            here.setCheckable(True)
            here.setChecked(facts.used_here().value)
            here.toggled.connect(facts.use_here)

    def _edit(self, parent: FactsDialog, fact: StoredFact | None) -> None:
        self._ask(parent, fact.id if fact is not None else None, fact.text if fact is not None else "")

    def _ask(self, parent: QWidget, fact_id: int | None, text: str) -> None:
        from desktop.ui.instructions.fact_dialog import FactDialog

        facts = self._facts
        dialog = FactDialog(text, facts.LONGEST, parent, is_on=facts.is_on)
        dialog.chosen.connect(lambda chosen: dialog.accept() if facts.save(fact_id, chosen) else None)
        dialog.open()

    def _delete(self, parent: FactsDialog, fact: StoredFact) -> None:
        from desktop.ui.library.asking import ConfirmDialog

        dialog = ConfirmDialog(
            translate("Facts", "Delete this fact?"),
            f"“{shortened(' '.join(fact.text.split()))}”",
            translate("Facts", "Delete"),
            translate("Facts", "Keep"),
            parent,
        )
        dialog.accepted.connect(lambda: self._facts.delete(fact.id))
        dialog.open()

    def _export(self, parent: FactsDialog) -> None:
        from desktop.ui.file_dialog import choose_new_file

        formats = {".md": translate("Facts", "List (*.md)"), ".json": translate("Facts", "Data (*.json)")}
        title = translate("Facts", "Export your facts")
        choose_new_file(parent, title, "facts", self._facts.export, formats=formats)
