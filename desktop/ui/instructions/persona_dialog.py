"""Edits one persona: its name, its system prompt, its first message and its sampling values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QLabel, QLineEdit, QPlainTextEdit, QWidget

from desktop.i18n import translate
from desktop.model_settings import SAMPLING_RANGES
from desktop.ui.dialogs.base import Dialog
from desktop.ui.instructions.words import sampling_name
from desktop.ui.style.controls import label
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

if TYPE_CHECKING:
    from desktop.store.records import Persona

MAX_NAME = 200
"""Characters."""

_STEPS = {"temperature": 0.05, "top_p": 0.05, "repeat_penalty": 0.01}  # what most cards are tuned with


class PersonaDialog(Dialog):
    """The dialog stays open until the receiver of `chosen` has stored the persona and calls `accept`.

    `persona` is the one to begin with; None for a new one.
    """

    chosen = Signal(str, str, str, object)  # name, system prompt, greeting, sampling

    def __init__(self, persona: Persona | None, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=540)
        self._is_new = persona is None
        self._sampling = dict(persona.sampling) if persona else {}
        self._name_title = self.paragraph("section")
        self.name_field = QLineEdit(persona.name if persona else "")
        self.name_field.setMaxLength(MAX_NAME)
        self.name_field.textChanged.connect(lambda _: self._check())
        self.body.addWidget(self.name_field)
        self._prompt_title = self.paragraph("section")
        self.prompt_field = self._text_field(persona.system_prompt if persona else "")
        self._greeting_title = self.paragraph("section")
        self.greeting_field = self._text_field(persona.greeting if persona else "")
        self._sampling_title = self.paragraph("section")
        self.values: dict[str, QDoubleSpinBox] = {}
        self._labels: dict[str, QLabel] = {}
        self.body.addLayout(self._sampling_grid())
        self.add_cancel_button()
        self.save_button = self.add_button(primary=True)
        self.save_button.clicked.connect(self._save)
        self.name_field.setFocus()
        self.ready()

    def _text_field(self, text: str) -> QPlainTextEdit:
        field = QPlainTextEdit()
        LongWords(field)
        field.setPlainText(text)
        field.setProperty("role", "field")
        field.setTabChangesFocus(True)
        field.textChanged.connect(self._check)
        self.body.addWidget(field)
        return field

    def _sampling_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setColumnStretch(0, 1)
        for row, (name, step) in enumerate(_STEPS.items()):
            low, high = SAMPLING_RANGES[name]
            field = self.values[name] = QDoubleSpinBox()
            field.setDecimals(2)
            # One step below the smallest value means that the persona has none; Qt then shows the special text.
            field.setRange(low - step, high)
            field.setSingleStep(step)
            field.setValue(self._sampling.get(name, low - step))
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            name_label = self._labels[name] = label()
            grid.addWidget(name_label, row, 0)
            grid.addWidget(field, row, 1)
        return grid

    def _check(self) -> None:
        texts = self.prompt_field.toPlainText() + self.greeting_field.toPlainText()
        self.save_button.setEnabled(bool(self.name_field.text().strip()) and bool(texts.strip()))

    def _save(self) -> None:
        sampling = {name: value for name, value in self._sampling.items() if name not in self.values}
        for name, field in self.values.items():
            if field.value() > field.minimum():
                sampling[name] = round(field.value(), field.decimals())
        self.chosen.emit(
            " ".join(self.name_field.text().split()),
            self.prompt_field.toPlainText().strip(),
            self.greeting_field.toPlainText().strip(),
            sampling,
        )

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Personas", "New persona") if self._is_new else translate("Personas", "Persona"))
        self._name_title.setText(translate("Personas", "Name"))
        self._prompt_title.setText(translate("SystemPrompt", "System prompt"))
        self._greeting_title.setText(translate("Personas", "First message"))
        self._sampling_title.setText(translate("Personas", "How it answers"))
        self.name_field.setAccessibleName(self._name_title.text())
        self.prompt_field.setAccessibleName(self._prompt_title.text())
        self.greeting_field.setAccessibleName(self._greeting_title.text())
        self.prompt_field.setPlaceholderText(
            translate("SystemPrompt", "For example: Answer briefly and in simple words.")
        )
        self.greeting_field.setPlaceholderText(
            translate("Personas", "With what a new chat begins. Empty: with your question.")
        )
        for name, field in self.values.items():
            self._labels[name].setText(sampling_name(name))
            field.setAccessibleName(sampling_name(name))
            field.setSpecialValueText(translate("Personas", "as set"))
        self.save_button.setText(translate("Dialog", "Save"))
        self._check()

    def restyle(self) -> None:
        """Set the heights of the fields."""
        self.prompt_field.setFixedHeight(theme().px(140))
        self.greeting_field.setFixedHeight(theme().px(64))
        super().restyle()
