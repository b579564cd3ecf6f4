"""Edits the system prompt of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import breakable
from desktop.ui.instructions.persona_button import PersonaButton, Personas, SamplingRow, replace_text
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

if TYPE_CHECKING:
    from desktop.store.records import Persona, SamplingChoice


class SystemPromptDialog(Dialog):
    """The dialog stays open until the receiver of `chosen` has stored the text and calls `accept`.

    Args:
        text: the system prompt as it is.
        personas: to choose from. A persona that is chosen fills the field, and sets `sampling`, `greeting` and `title`.
        note: what holds for the conversation while the text is empty.
        sampling: the values that the conversation has besides those of the settings.
    """

    chosen = Signal(str)  # the text to save
    typed = Signal(str)  # the text in the field, at each change

    def __init__(
        self,
        text: str,
        personas: Personas,
        parent: QWidget | None = None,
        *,
        note: str = "",
        sampling: SamplingChoice | None = None,
    ) -> None:
        super().__init__(parent, width=520)
        self.sampling: SamplingChoice = dict(sampling or {})
        self.greeting = self.title = ""
        self._explanation = self.paragraph()
        self.persona_button = PersonaButton(personas)
        self.persona_button.chosen.connect(self._take)
        self.body.addWidget(self.persona_button, alignment=Qt.AlignmentFlag.AlignLeft)
        self.note = self.paragraph("small")
        self.note.setText(breakable(note))
        self.note.setVisible(bool(note))
        self.field = QPlainTextEdit()
        LongWords(self.field)
        self.field.setPlainText(text)
        self.field.textChanged.connect(lambda: self.typed.emit(self.field.toPlainText()))
        self.field.setProperty("role", "field")
        self.field.setTabChangesFocus(True)
        self.field.moveCursor(QTextCursor.MoveOperation.End)
        self.body.addWidget(self.field)
        self.sampling_row = SamplingRow()
        self.sampling_row.removed.connect(lambda: self._set_sampling({}))
        self.body.addWidget(self.sampling_row)
        self.add_cancel_button()
        self.save_button = self.add_button(primary=True)
        self.save_button.clicked.connect(self._save)
        self.field.setFocus()
        self.ready()

    def _take(self, persona: Persona) -> None:
        replace_text(self.field, persona.system_prompt)
        self.greeting, self.title = persona.greeting, persona.name
        self._set_sampling(persona.sampling)

    def _set_sampling(self, sampling: SamplingChoice) -> None:
        self.sampling = sampling
        self.sampling_row.show_sampling(sampling)
        self.fit()

    def _save(self) -> None:
        self.chosen.emit(self.field.toPlainText().strip())

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.persona_button.retranslate()
        self.sampling_row.show_sampling(self.sampling)
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
