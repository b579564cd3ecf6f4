"""Asked when a model file carries no prompt template: nothing is assumed, the person chooses."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QRadioButton, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.ui.controls import label
from desktop.ui.dialogs.base import Dialog
from desktop.ui.theme import theme

ORDER = ("belle", "belle-llama2", "belle-ext", "belle-bloom", "belle-v0", "chatml", "llama-2", "plain")
"""The likeliest first; ids of `belle.prompts.TEMPLATES`. What is not named here follows at the end."""


class TemplateDialog(Dialog):
    """`chosen` carries the id of a template; rejecting means: close the model."""

    chosen = Signal(str)

    def __init__(self, file_name: str, parent: QWidget | None = None) -> None:
        from belle.prompts import TEMPLATES  # only when asked

        super().__init__(parent, width=560)
        self._file_name = file_name
        self._templates = TEMPLATES
        self._words = self.paragraph()
        self._choices: dict[str, QRadioButton] = {}
        group = QButtonGroup(self)
        self._column = QVBoxLayout()
        self.body.addLayout(self._column)
        ordered = [name for name in ORDER if name in TEMPLATES] + [name for name in TEMPLATES if name not in ORDER]
        for name in ordered:
            choice = QRadioButton()
            choice.toggled.connect(self._show_example)
            group.addButton(choice)
            self._choices[name] = choice
            self._column.addWidget(choice)
        self._example_title = self.paragraph("section")
        self._example = label("code", wrap=True)
        self._example.setFont(theme().font_code)
        self.body.addWidget(self._example)
        self.cancel_button = self.add_button()
        self.cancel_button.clicked.connect(self.reject)
        self.use_button = self.add_button(primary=True)
        self.use_button.clicked.connect(self._use)
        self._choices[ordered[0]].setChecked(True)
        self.ready()

    def choose(self, template_id: str) -> None:
        """Take a choice."""
        self._choices[template_id].setChecked(True)

    def choice(self) -> str:
        """The id taken."""
        return next(name for name, button in self._choices.items() if button.isChecked())

    def example(self) -> str:
        """One question as this template writes it for the model."""
        from belle.prompts import Message

        question = translate("Template", "What is spring rain?")
        parts = self._templates[self.choice()].segments([Message("user", question)])
        return "".join(f"<{part.special}>" if part.special else part.text for part in parts)

    def _show_example(self) -> None:
        # Control characters are shown as what they are: line breaks are what these templates differ in.
        self._example.setText(self.example().replace("\n", "⏎\n"))

    def _use(self) -> None:
        self.chosen.emit(self.choice())
        self.accept()

    def retranslate(self) -> None:
        """The words in the present language."""
        super().retranslate()
        self.set_heading(translate("Template", "How does one talk to this model?"))
        self._words.setText(
            translate(
                "Template",
                "“{file}” does not say which prompt template it was trained with. With the wrong one it answers badly. "
                "The page you got it from usually tells; your choice is remembered for this file.",
            ).format(file=self._file_name)
        )
        for name, choice in self._choices.items():
            choice.setText(self._words_of(name))
            choice.setAccessibleName(choice.text())
        self._example_title.setText(translate("Template", "The model will read"))
        self._show_example()
        self.cancel_button.setText(translate("Template", "Close the model"))
        self.use_button.setText(translate("Template", "Use this"))
        for button in (self.cancel_button, self.use_button):
            button.setAccessibleName(button.text())

    def _words_of(self, name: str) -> str:
        return {
            "belle": translate("Template", "BELLE — most BELLE models (LLaMA, 2M and later)"),
            "belle-llama2": translate("Template", "BELLE on Llama 2"),
            "belle-ext": translate("Template", "BELLE with the extended Chinese vocabulary"),
            "belle-bloom": translate("Template", "BELLE on BLOOM"),
            "belle-v0": translate("Template", "BELLE — the first releases"),
            "chatml": translate("Template", "ChatML — Qwen, Yi, SmolLM and many others"),
            "llama-2": translate("Template", "Llama 2 chat"),
            "plain": translate("Template", "None — a base model that continues a text"),
        }.get(name, self._templates[name].title)

    def restyle(self) -> None:
        """Distances."""
        super().restyle()
        self._column.setSpacing(theme().px(6))
        self._example.setMinimumHeight(theme().px(96))
