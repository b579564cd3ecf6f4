"""Chooses the prompt template of the model, showing what each makes of a short conversation.

It opens when a file has no template that works, and on request. No template is assumed; those that fit are marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPlainTextEdit, QVBoxLayout, QWidget

from belle.prompts import OWN_TEMPLATE, Message
from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import set_tooltip, shortened
from desktop.ui.style.controls import label, set_style_property
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

if TYPE_CHECKING:
    from belle.engine.process.events import TemplateOption


class TemplateDialog(Dialog):
    """`chosen` has the id of a template.

    Args:
        file_name: of the model.
        current: id of the template in use; None when there is none.
    """

    chosen = Signal(str)

    def __init__(self, file_name: str, current: str | None, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=720, height=380)
        self._file_name, self._current = file_name, current
        self._options: dict[str, TemplateOption] = {}
        self._explanation = self.paragraph()
        self.choices = QListWidget()
        self.choices.setProperty("role", "choices")
        self.choices.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.choices.setWordWrap(True)
        self.choices.currentItemChanged.connect(lambda *_: self._show_choice())
        self.choices.itemActivated.connect(lambda _: self._use())
        self._example_title = label("section")
        self.example = QPlainTextEdit()
        LongWords(self.example)
        self.example.setReadOnly(True)
        self.example.setTabChangesFocus(True)
        self.example.setProperty("role", "field")
        self._advice = label("small", wrap=True)
        right = QVBoxLayout()
        right.addWidget(self._example_title)
        right.addWidget(self.example, 1)
        right.addWidget(self._advice)
        self._row = QHBoxLayout()
        self._row.addWidget(self.choices, 4)
        self._row.addLayout(right, 5)
        self.body.addLayout(self._row, 1)
        self.add_cancel_button()
        self.use_button = self.add_button(primary=True)
        self.use_button.clicked.connect(self._use)
        self.ready()

    def conversation(self) -> tuple[Message, ...]:
        """The example conversation: a system prompt, a question, its answer, another question."""
        return (
            Message("system", translate("Template", "Answer briefly.")),
            Message("user", translate("Template", "What is spring rain?")),
            Message("assistant", translate("Template", "Rain that wakes the fields.")),
            Message("user", translate("Template", "And hail?")),
        )

    def show_options(self, options: Sequence[TemplateOption]) -> None:
        """List the templates. The one in use is selected, else the first that fits."""
        self._options = {option.id: option for option in options}
        self.choices.clear()
        for option in options:
            item = QListWidgetItem(self._title_of(option))
            item.setData(Qt.ItemDataRole.UserRole, option.id)
            set_tooltip(item, option.id)
            self.choices.addItem(item)
        fits = [option.id for option in options if option.suggested]
        self.choose(next(name for name in (self._current, *fits, *self._options) if name in self._options))

    def choose(self, template_id: str) -> None:
        """Select a template."""
        self.choices.setCurrentRow(list(self._options).index(template_id))
        self._show_choice()

    def choice(self) -> TemplateOption | None:
        """The selected template; None before they are listed."""
        item = self.choices.currentItem()
        return self._options[item.data(Qt.ItemDataRole.UserRole)] if item is not None else None

    def _use(self) -> None:
        option = self.choice()
        if option is not None and not option.problem:
            self.chosen.emit(option.id)
            self.accept()

    def _show_choice(self) -> None:
        option = self.choice()
        self.use_button.setEnabled(option is not None and not option.problem)
        # Line breaks are what many of these templates differ in.
        self.example.setPlainText(option.text.replace("\n", "⏎\n") if option else "")
        level, text = self._advice_on(option)
        self._advice.setText(text)
        self._advice.setVisible(bool(text))
        set_style_property(self._advice, "level", level)

    def _advice_on(self, option: TemplateOption | None) -> tuple[str, str]:
        """The level and the text of the advice about a template."""
        if option is None:
            return "", ""
        if option.problem:
            return "bad", translate("Template", "It does not work: {reason}").format(reason=option.problem)
        if option.missing:
            words = translate(
                "Template", "This model's vocabulary has no {tokens}: it was most likely trained with another template."
            )
            return "warn", words.format(tokens=", ".join(option.missing))
        if option.id == OWN_TEMPLATE:
            return "", translate("Template", "It came with the file; nearly always it is the right one.")
        if option.suggested:
            return "", translate("Template", "It fits this model's vocabulary or name.")
        return "", ""

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Template", "How does one talk to this model?"))
        self._explanation.setText(
            translate(
                "Template",
                "A model answers well only in the form that it was trained with, its prompt template. Your choice is "
                "remembered for “{file}” and can be changed at any time.",
            ).format(file=shortened(self._file_name))
        )
        self._example_title.setText(translate("Template", "The model will read"))
        self.choices.setAccessibleName(translate("Template", "Prompt templates"))
        self.example.setAccessibleName(self._example_title.text())
        for row in range(self.choices.count()):
            item = self.choices.item(row)
            item.setText(self._title_of(self._options[item.data(Qt.ItemDataRole.UserRole)]))
        self.use_button.setText(translate("Template", "Use this"))
        self._show_choice()

    def _title_of(self, option: TemplateOption) -> str:
        title = {
            OWN_TEMPLATE: translate("Template", "The file's own"),
            "belle": translate("Template", "BELLE — most BELLE models (LLaMA, 2M and later)"),
            "belle-llama2": translate("Template", "BELLE on Llama 2"),
            "belle-ext": translate("Template", "BELLE with the extended Chinese vocabulary"),
            "belle-bloom": translate("Template", "BELLE on BLOOM"),
            "belle-v0": translate("Template", "BELLE — the first releases"),
            "plain": translate("Template", "None — a base model that continues a text"),
        }.get(option.id, option.title)
        if option.id == self._current:
            return translate("Template", "{title} · in use").format(title=title)
        if option.problem:
            return translate("Template", "{title} · does not work").format(title=title)
        return translate("Template", "{title} · fits").format(title=title) if option.suggested else title

    def restyle(self) -> None:
        """Set distances, and a font in which similar characters differ."""
        look = theme()
        self._row.setSpacing(look.space(2))
        self.example.setFont(look.font_code)
        for part in (self.choices, self.example):
            part.setMinimumHeight(look.px(96))
        super().restyle()
