"""Explains what “offline” means."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from belle import paths
from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog


class OfflineDialog(Dialog):
    """Opened by the offline badge."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._paragraphs = [self.paragraph() for _ in range(3)]
        self._path_label = self.paragraph("quiet")
        self.add_close_button()
        self.ready()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Offline", "Nothing leaves this computer"))
        texts = (
            translate("Offline", "The model runs here, in a program of its own beside this window."),
            translate(
                "Offline", "While you chat no network connection is opened: no account, no statistics, no updates."
            ),
            translate("Offline", "What you write is kept in one file that only your user can read:"),
        )
        for paragraph, text in zip(self._paragraphs, texts, strict=True):
            paragraph.setText(text)
        self._path_label.setText(str(paths.database_file()))
