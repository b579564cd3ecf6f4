"""Asks before the window is closed while the store refuses to save something."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog


class UnsavedDialog(Dialog):
    """Close without it (`accepted`), or stay while saving is tried again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = self.paragraph()
        self.close_anyway = self.add_button()
        self.close_anyway.clicked.connect(self.accept)
        self.stay = self.add_button(primary=True)
        self.stay.clicked.connect(self.reject)
        self.ready()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Dialog", "Something is not saved yet"))
        self._text.setText(
            translate(
                "Dialog",
                "An answer or a text of yours could not be written to the disk. When there is space, and the place can "
                "be written, it is saved by itself within seconds. If you close the window now, it is lost.",
            )
        )
        self.close_anyway.setText(translate("Dialog", "Close without it"))
        self.stay.setText(translate("Dialog", "Stay"))
