"""Said before there is a window: why the conversations cannot be opened. Nothing is changed by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from desktop.chat.state import Notice
from desktop.i18n import translate
from desktop.ui.controls import label
from desktop.ui.dialogs.base import Dialog
from desktop.ui.words import words_of

if TYPE_CHECKING:
    from belle.errors import KnownError


class StoreFaultDialog(Dialog):
    """The reason in words, the exact message, the file."""

    def __init__(self, error: KnownError, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=520)
        self._notice = Notice.of(error, key="store")
        self._text = self.paragraph()
        self._exact = label("code", wrap=True)
        self._exact.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.body.addWidget(self._exact)
        self.quit_button = self.add_button(primary=True)
        self.quit_button.clicked.connect(self.accept)
        self.ready()

    def retranslate(self) -> None:
        """The words in the present language."""
        super().retranslate()
        words = words_of(self._notice)
        self.set_heading(words.title)
        self._text.setText(words.text)
        self._exact.setText(words.details)
        self._exact.setAccessibleName(words.details)
        self._exact.setVisible(bool(words.details))
        self.quit_button.setText(translate("Dialog", "Quit"))
        self.quit_button.setAccessibleName(translate("Dialog", "Quit"))


def show_store_fault(error: KnownError) -> None:
    """Show the dialog and return when the person has closed it."""
    StoreFaultDialog(error).exec()
