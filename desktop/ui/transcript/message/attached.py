"""The line under a question that names the files which went along with it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QWidget

from desktop.i18n import translate
from desktop.store.records import StoredAttachment
from desktop.ui import numbers
from desktop.ui.foreign_text import shortened
from desktop.ui.style.controls import ElidedLabel

HEIGHT = 24


class AttachedFiles(ElidedLabel):
    """Name and size of each file; as much of it as the line holds."""

    def __init__(self, files: Sequence[StoredAttachment], parent: QWidget) -> None:
        super().__init__(parent)
        self._files = files
        self.setProperty("role", "quiet")
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._retranslate()

    def changeEvent(self, event: QEvent) -> None:
        """Say it in the new language."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.LanguageChange:
            self._retranslate()

    def _retranslate(self) -> None:
        named = (f"{shortened(file.name)} ({numbers.size(file.size)})" for file in self._files)
        self.set_text(translate("Attachments", "Attached: {names}").format(names=", ".join(named)))
