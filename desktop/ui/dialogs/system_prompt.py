"""Edits the system prompt of a conversation."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords


class SystemPromptDialog(Dialog):
    """The dialog stays open until the receiver of `chosen` has stored the text and calls `accept`."""

    chosen = Signal(str)  # the text to save
    typed = Signal(str)  # the text in the field, at each change

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=520)
        self._explanation = self.paragraph()
        self.field = QPlainTextEdit()
        LongWords(self.field)
        self.field.setPlainText(text)
        self.field.textChanged.connect(lambda: self.typed.emit(self.field.toPlainText()))
        self.field.setProperty("role", "field")
        self.field.setTabChangesFocus(True)
        self.field.moveCursor(QTextCursor.MoveOperation.End)
        self.body.addWidget(self.field)
        self.add_cancel_button()
        self.save_button = self.add_button(primary=True)
        self.save_button.clicked.connect(self._save)
        self.field.setFocus()
        self.ready()

    def _save(self) -> None:
        self.chosen.emit(self.field.toPlainText().strip())

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("SystemPrompt", "System prompt"))
        self._explanation.setText(
            translate(
                "SystemPrompt",
                "The model reads this before every question of this conversation: who it is, how it should answer.",
            )
        )
        self.field.setAccessibleName(translate("SystemPrompt", "System prompt"))
        self.field.setPlaceholderText(translate("SystemPrompt", "For example: Answer briefly and in simple words."))
        self.save_button.setText(translate("Dialog", "Save"))

    def restyle(self) -> None:
        """Set the height of the field."""
        super().restyle()
        self.field.setMinimumHeight(theme().px(160))
