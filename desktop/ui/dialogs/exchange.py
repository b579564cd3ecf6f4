"""What is asked and shown while conversations come in and go out."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar, QWidget

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import shortened


class ImportOffer(Dialog):
    """Whether the chats of a file are to be imported. `accepted`: yes."""

    def __init__(self, file: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file = file
        self._text = self.paragraph()
        self.add_cancel_button()
        self.yes = self.add_button(primary=True)
        self.yes.clicked.connect(self.accept)
        self.ready()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Exchange", "Import chats?"))
        self._text.setText(
            translate(
                "Exchange",
                "“{file}” looks like an export of chats. Chats that are here already do not come in twice, and nothing "
                "that is here changes.",
            ).format(file=shortened(self._file))
        )
        self.yes.setText(translate("Exchange", "Import"))


class ExchangeProgress(Dialog):
    """How far an export or import has come. `rejected`: the person stops it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._done = self._total = 0
        self._text = self.paragraph()
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.body.addWidget(self.bar)
        self.stop = self.add_button()
        self.stop.clicked.connect(self.reject)
        self.ready()

    def show_progress(self, done: int, total: int) -> None:
        """`done` chats of `total`; 0: nobody knows of how many."""
        self._done, self._total = done, total
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self._text.setText(self._words())

    def _words(self) -> str:
        if self._total:
            one, many = translate("Exchange", "{done} of 1 chat"), translate("Exchange", "{done} of {n} chats")
            return numbers.counted(self._total, one, many).format(done=numbers.count(self._done))
        one, many = translate("Exchange", "1 chat so far"), translate("Exchange", "{n} chats so far")
        return numbers.counted(self._done, one, many)

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Exchange", "One moment…"))
        self._text.setText(self._words())
        self.bar.setAccessibleName(translate("Exchange", "Progress"))
        self.stop.setText(translate("Exchange", "Stop"))
