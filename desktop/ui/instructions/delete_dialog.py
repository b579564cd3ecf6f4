"""Asks what becomes of the conversations of a project that is deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import shortened
from desktop.ui.sidebar.rows import shown_name
from desktop.ui.style.controls import CheckBox

if TYPE_CHECKING:
    from desktop.store.records import StoredProject


class DeleteProjectDialog(Dialog):
    """`chosen` says whether the conversations are to be deleted, too; unless the person ticks that, they stay."""

    chosen = Signal(bool)

    def __init__(self, project: StoredProject, n_conversations: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._project, self._count = project, n_conversations
        self._text = self.paragraph()
        self.with_conversations = CheckBox()
        self.with_conversations.setVisible(n_conversations > 0)
        self.body.addWidget(self.with_conversations)
        self.keep_button = self.add_button(primary=True)
        self.keep_button.clicked.connect(self.reject)
        self.delete_button = self.add_button()
        self.delete_button.clicked.connect(self._delete)
        self.ready()

    def _delete(self) -> None:
        self.chosen.emit(self.with_conversations.isChecked())
        self.accept()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        name = shortened(shown_name(self._project))
        self.set_heading(translate("Projects", "Delete the project “{name}”?").format(name=name))
        self._text.setText(
            translate(
                "Projects",
                "Its system prompt, its model and its choice of documents are deleted; the documents themselves are"
                " not. Its conversations stay in the list, without them.",
            )
            if self._count
            else translate("Projects", "It has no conversations.")
        )
        count = numbers.count(self._count)
        self.with_conversations.setText(
            translate("Projects", "Delete its conversations, too ({count})").format(count=count)
        )
        self.keep_button.setText(translate("Projects", "Keep the project"))
        self.delete_button.setText(translate("Projects", "Delete project"))
