"""Shows the scratchpad of a conversation, a fact on each line, and lets a person edit it."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords


class ScratchpadDialog(Dialog):
    """The dialog of a scratchpad; `chosen` carries the facts, as names with values."""

    chosen = Signal(object)  # dict[str, str]

    def __init__(self, facts: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent, width=520)
        self._explanation = self.paragraph()
        self.field = QPlainTextEdit()
        LongWords(self.field)
        self.field.setPlainText("\n".join(f"{name} = {value}" for name, value in facts.items()))
        self.field.setProperty("role", "field")
        self.field.setTabChangesFocus(True)
        self.field.textChanged.connect(self._check)
        self.body.addWidget(self.field)
        self.problem = self.paragraph("small")
        self.add_cancel_button()
        self.save_button = self.add_button(primary=True)
        self.save_button.clicked.connect(self._save)
        self.field.setFocus()
        self.ready()

    @property
    def facts(self) -> dict[str, str]:
        """The facts as they are typed; lines without a name and a value are left out."""
        parts = (line.partition("=") for line in self.field.toPlainText().splitlines())
        pairs = ((name.strip(), value.strip()) for name, _, value in parts)
        return {name: value for name, value in pairs if name and value}

    def _save(self) -> None:
        self.chosen.emit(self.facts)
        self.accept()

    def _check(self) -> None:
        lines = [line for line in self.field.toPlainText().splitlines() if line.strip()]
        is_wrong = any(not all(part.strip() for part in line.partition("=")) for line in lines)
        self.save_button.setEnabled(not is_wrong)
        if is_wrong != self.problem.isVisibleTo(self):
            self.problem.setVisible(is_wrong)
            self.fit()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Strategy", "Scratchpad"))
        self._explanation.setText(
            translate(
                "Strategy",
                "What the model has noted in this chat, and reads with your next question. Change it as you like: one"
                " fact on each line.",
            )
        )
        self.field.setAccessibleName(translate("Strategy", "Scratchpad"))
        self.field.setPlaceholderText(translate("Strategy", "For example: budget = 400 euros"))
        self.problem.setText(translate("Strategy", "Write each line as: name = value"))
        self.save_button.setText(translate("Dialog", "Save"))
        self._check()

    def restyle(self) -> None:
        """Set the height of the field."""
        self.field.setFixedHeight(theme().px(180))
        super().restyle()
