"""Asks what to do when the conversations cannot be opened at the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDateTime, QLocale, Qt
from PySide6.QtWidgets import QWidget

from desktop.chat.state import Notice
from desktop.i18n import current_language, translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import breakable
from desktop.ui.notices.text import notice_text
from desktop.ui.style.controls import SELECTABLE, Choice, label

if TYPE_CHECKING:
    from belle.errors import KnownError

_REPAIRABLE = ("damaged", "not_a_store", "io_error")
"""Kinds of errors for which restoring a backup can help."""


@dataclass(frozen=True, slots=True)
class CopyToRestore:
    """A backup that can be restored. `made_at` is in seconds since the epoch."""

    path: Path
    made_at: float
    before_update: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What the person chose: restore a backup, open the damaged file, or, with neither, quit."""

    restore: Path | None = None
    open_anyway: bool = False


class StoreFaultDialog(Dialog):
    """Shows the reason, the exact message, and the backups that can be restored."""

    def __init__(
        self,
        error: KnownError,
        parent: QWidget | None = None,
        *,
        copies: Sequence[CopyToRestore] = (),
        may_open: bool = False,
    ) -> None:
        super().__init__(parent, width=520)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # `decision` is read after it was closed
        self.decision = Decision()
        notice = Notice.of_store(error)
        self._notice = replace(notice, kind="damaged_at_start") if error.kind == "damaged" else notice
        is_repairable = error.kind in _REPAIRABLE
        self._copies = copies if is_repairable else ()
        self._text = self.paragraph()
        self._details = label("code", wrap=True)
        self._details.setTextInteractionFlags(SELECTABLE)
        self.body.addWidget(self._details)
        self._copies_note = self.paragraph()
        self.choice = Choice()
        self.body.addWidget(self.choice)
        self.open_button = self.add_button()
        self.open_button.clicked.connect(lambda: self._decide(Decision(open_anyway=True)))
        self.open_button.setVisible(may_open and error.kind == "damaged")
        self.restore_button = self.add_button()
        self.restore_button.clicked.connect(
            lambda: self._decide(Decision(restore=self._copies[self.choice.currentIndex()].path))
        )
        self._copies_note.setVisible(is_repairable)
        for part in (self.choice, self.restore_button):
            part.setVisible(bool(self._copies))
        self.quit_button = self.add_button(primary=True)
        self.quit_button.clicked.connect(self.accept)
        self.ready()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        content = notice_text(self._notice)
        self.set_heading(content.title)
        self._text.setText(breakable(content.text))
        self._details.setText(content.details)
        self._details.setAccessibleName(content.details)
        self._details.setVisible(bool(content.details))
        self._copies_note.setText(
            translate("Dialog", "These copies can be put back. The present file is kept beside them, never deleted.")
            if self._copies
            else translate("Dialog", "There is no copy of it yet that could be put back.")
        )
        chosen = max(0, self.choice.currentIndex())
        self.choice.clear()
        self.choice.addItems([self._name(copy) for copy in self._copies])
        self.choice.setCurrentIndex(chosen)
        for part in (self.choice, self.choice.view()):
            part.setAccessibleName(translate("Dialog", "Copies of the conversations"))
        self.open_button.setText(translate("Dialog", "Open what can be read"))
        self.restore_button.setText(translate("Dialog", "Put this copy back"))
        self.quit_button.setText(translate("Dialog", "Quit"))

    def _name(self, copy: CopyToRestore) -> str:
        locale = QLocale(current_language())
        date = locale.toString(QDateTime.fromSecsSinceEpoch(int(copy.made_at)), QLocale.FormatType.ShortFormat)
        return translate("Dialog", "{date}, before an update").format(date=date) if copy.before_update else date

    def _decide(self, decision: Decision) -> None:
        self.decision = decision
        self.accept()


def ask_about_store_fault(error: KnownError, copies: Sequence[CopyToRestore], *, may_open: bool) -> Decision:
    """Show the dialog and return what the person chose."""
    dialog = StoreFaultDialog(error, copies=copies, may_open=may_open)
    dialog.exec()
    dialog.deleteLater()
    return dialog.decision
