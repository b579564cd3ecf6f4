"""Explains how to get a model of the catalogue, and its terms. Uses no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import breakable

if TYPE_CHECKING:
    from desktop.chat.state import ModelChoice


class ModelInfoDialog(Dialog):
    """For a model that is not installed. `open_file_requested`: the person has its file already."""

    open_file_requested = Signal()

    def __init__(self, choice: ModelChoice, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=500)
        self._choice = choice
        self._subtitle = self.paragraph()
        self._how = self.paragraph()
        self._command = self.paragraph("code")
        self._command.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._terms_title = self.paragraph("section")
        self._terms = self.paragraph()
        self.open_button = self.add_button()
        self.open_button.clicked.connect(self._open)
        self.add_close_button()
        self.ready()

    def _open(self) -> None:
        self.accept()
        self.open_file_requested.emit()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(self._choice.title)
        self._subtitle.setText(breakable(self._choice.subtitle))
        self._subtitle.setVisible(bool(self._choice.subtitle))
        self._how.setText(
            translate(
                "ModelInfo",
                "This model is not on this computer yet, and this window never fetches anything by itself. "
                "The line below, typed in a terminal, fetches the model and makes it ready; or, when you have its "
                "GGUF file, open it here or drop it on the window.",
            )
        )
        self._command.setText(f"belle models get {self._choice.ref}")
        terms = self._choice.license_note
        if self._choice.group == "belle":
            research = translate("ModelInfo", "The BELLE weights are for research only; commercial use is not allowed.")
            terms = f"{research} {terms}".strip()
        self._terms_title.setText(translate("ModelInfo", "Terms of use"))
        self._terms.setText(breakable(terms))
        for part in (self._terms_title, self._terms):
            part.setVisible(bool(terms))
        self.open_button.setText(translate("ModelInfo", "Open its file…"))
        self.open_button.setAccessibleName(self.open_button.text())
