"""Edits one fact that is to be remembered."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.dialogs.base import Dialog
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords


class FactDialog(Dialog):
    """The dialog stays open until the receiver of `chosen` has stored the text and calls `accept`.

    Args:
        text: to begin with, such as that of a message.
        longest: characters that a fact may have.
        is_on: whether facts are given to the model at all.
    """

    chosen = Signal(str)

    def __init__(self, text: str, longest: int, parent: QWidget | None = None, *, is_on: bool = True) -> None:
        super().__init__(parent, width=480)
        self._longest = longest
        self._explanation = self.paragraph()
        self.field = QPlainTextEdit()
        LongWords(self.field)
        self.field.setPlainText(" ".join(text.split()))
        self.field.setProperty("role", "field")
        self.field.setTabChangesFocus(True)
        self.field.moveCursor(QTextCursor.MoveOperation.End)
        self.field.textChanged.connect(self._check)
        self.body.addWidget(self.field)
        self.problem = self.paragraph("small")
        self._off = self.paragraph("small")
        self._off.setVisible(not is_on)
        self.add_cancel_button()
        self.save_button = self.add_button(primary=True)
        self.save_button.clicked.connect(lambda: self.chosen.emit(self._text))
        self.field.setFocus()
        self.ready()

    @property
    def _text(self) -> str:
        return " ".join(self.field.toPlainText().split())

    def _check(self) -> None:
        too_long = len(self._text) > self._longest
        self.save_button.setEnabled(bool(self._text) and not too_long)
        if too_long != self.problem.isVisibleTo(self):
            self.problem.setVisible(too_long)
            self.fit()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Facts", "Remember this"))
        self._explanation.setText(
            translate("Facts", "One fact about you, in a short sentence, as the model is to read it.")
        )
        self.field.setAccessibleName(translate("Facts", "Fact"))
        self.field.setPlaceholderText(translate("Facts", "For example: I am a vegetarian and cook for four."))
        self.problem.setText(
            translate("Facts", "Too long: at most {count} characters.").format(count=numbers.count(self._longest))
        )
        self._off.setText(
            translate("Facts", "The model does not get it before you allow that under “What to remember…”.")
        )
        self.save_button.setText(translate("Dialog", "Save"))
        self._check()

    def restyle(self) -> None:
        """Set the height of the field."""
        self.field.setFixedHeight(theme().px(96))
        super().restyle()
