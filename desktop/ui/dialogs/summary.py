"""The summary that the model is sent in the place of the beginning of a conversation: read, corrected, deleted."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords


class SummaryDialog(Dialog):
    """`chosen` carries the text to save, `delete_requested` nothing; whoever has done it accepts the dialog."""

    chosen = Signal(str)
    delete_requested = Signal()

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=520)
        self._explanation = self.paragraph()
        self.field = QPlainTextEdit()
        LongWords(self.field)
        self.field.setPlainText(text)
        self.field.setProperty("role", "field")
        self.field.setTabChangesFocus(True)
        self.field.textChanged.connect(self._typed)
        self.body.addWidget(self.field)
        self.delete_button = self.add_button()
        self.delete_button.clicked.connect(self.delete_requested)
        self.add_cancel_button()
        self.save_button = self.add_button(primary=True)
        self.save_button.clicked.connect(lambda: self.chosen.emit(self._text()))
        self.field.setFocus()
        self.ready()

    def _text(self) -> str:
        return self.field.toPlainText().strip()

    def _typed(self) -> None:
        self.save_button.setEnabled(bool(self._text()))  # without a word of it, it is to be deleted

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Summary", "Summary of the earlier conversation"))
        self._explanation.setText(
            translate(
                "Summary",
                "The model wrote this when the context was full, and now reads it instead of those messages. Correct"
                " what is wrong or missing. If you delete it, the model writes another when it needs one.",
            )
        )
        self.field.setAccessibleName(translate("Summary", "Summary of the earlier conversation"))
        self.delete_button.setText(translate("Summary", "Delete"))
        self.save_button.setText(translate("Dialog", "Save"))

    def restyle(self) -> None:
        """A comfortable height."""
        super().restyle()
        self.field.setMinimumHeight(theme().px(160))
