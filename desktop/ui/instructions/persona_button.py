"""A button whose menu has the personas, and what a persona that is chosen does to a form: for two dialogs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPlainTextEdit, QPushButton, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import breakable, caption, set_tooltip
from desktop.ui.instructions.words import sampling_line
from desktop.ui.style.controls import IconButton, label

if TYPE_CHECKING:
    from desktop.store.records import Persona, SamplingChoice

Personas = Callable[[], "tuple[Sequence[Persona], Sequence[Persona]]"]
"""The person's own personas, and those that ship with the program."""


class PersonaButton(QPushButton):
    """`chosen` carries the persona, `manage_requested` asks for the list of them."""

    chosen = Signal(object)  # Persona
    manage_requested = Signal()

    def __init__(self, personas: Personas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._personas = personas
        self.setAutoDefault(False)
        self.list = QMenu(self)
        self.list.setToolTipsVisible(True)
        self.list.aboutToShow.connect(self.fill)
        self.setMenu(self.list)

    def fill(self) -> None:
        """Fill the menu with the personas as they are now."""
        self.list.clear()
        for group in self._personas():
            for persona in group:
                action = self.list.addAction(caption(persona.name))
                set_tooltip(action, persona.system_prompt)
                action.triggered.connect(lambda _=False, chosen=persona: self.chosen.emit(chosen))
            if group:
                self.list.addSeparator()
        manage = self.list.addAction(translate("Personas", "Edit personas…"))
        manage.triggered.connect(self.manage_requested)

    def retranslate(self) -> None:
        """Set the text in the present language."""
        self.setText(translate("Personas", "Choose a persona"))


class SamplingRow(QWidget):
    """Says with which sampling values is answered, and removes them; hidden while there are none."""

    removed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = label("small", wrap=True)
        self.remove_button = IconButton("x", "ink-3")
        self.remove_button.clicked.connect(self.removed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.words, 1)
        row.addWidget(self.remove_button)

    def show_sampling(self, sampling: SamplingChoice) -> None:
        """Show values, in the present language."""
        self.words.setText(breakable(sampling_line(sampling)))
        self.remove_button.name(translate("Personas", "Answer as set in the settings"))
        self.setVisible(bool(sampling))


def replace_text(field: QPlainTextEdit, text: str) -> None:
    """Replace the text of a field by a step that Ctrl+Z takes back."""
    cursor = QTextCursor(field.document())
    cursor.select(QTextCursor.SelectionType.Document)
    cursor.insertText(text)
