"""A picture above the composer: a small version, its size, what it costs, and the text that the model gets of it."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.store.records import StoredPicture
from desktop.ui import numbers
from desktop.ui.foreign_text import shortened
from desktop.ui.pictures.facts import pixels_text
from desktop.ui.pictures.picture_button import PictureButton
from desktop.ui.style.controls import SELECTABLE, ElidedLabel, IconButton, View, label
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

_SIDE = 64
_TEXT_LINES = 2


class PictureCard(View):
    """One picture that goes along with the next question.

    `text_changed` comes when the person has changed the text, or it was read.
    """

    accessible_role = "Grouping"
    removed = Signal()
    text_changed = Signal()

    def __init__(self, picture: StoredPicture, n_frames: int = 1, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture, self._n_frames = picture, n_frames
        self._tokens: int | None = None
        self._state = ""  # of the text: `reading`, `read`, `missing`, `failed`; empty: the model needs none
        self._reason = ""
        self.button = PictureButton(picture, self)
        self._facts = ElidedLabel(self)
        self._facts.setProperty("role", "muted")
        self.remove_button = IconButton("x", "ink-3", parent=self)
        self.remove_button.clicked.connect(self.removed)
        self._note = label("quiet", self, wrap=True)
        self._note.setTextInteractionFlags(SELECTABLE)
        self.editor = QPlainTextEdit(self)
        LongWords(self.editor)
        self.editor.setProperty("role", "field")
        self.editor.setTabChangesFocus(True)
        self.editor.hide()
        head = QHBoxLayout()
        head.addWidget(self._facts, 1)
        head.addWidget(self.remove_button)
        column = QVBoxLayout()
        column.addLayout(head)
        column.addWidget(self._note)
        column.addWidget(self.editor)
        self._column = column
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addLayout(column, 1)
        self.editor.setPlainText(picture.text)
        self.editor.textChanged.connect(self.text_changed)
        self.ready()

    @property
    def picture(self) -> StoredPicture:
        """The picture with the text as the person has left it."""
        return replace(self._picture, text=self.editor.toPlainText())

    @property
    def is_reading(self) -> bool:
        """Whether the text in it is still being read."""
        return self._state == "reading"

    def words(self) -> str:
        """What the card says."""
        return " ".join(filter(None, (self._facts.whole_text(), self._note.text())))

    def set_tokens(self, tokens: int) -> None:
        """Show what it costs of the context."""
        self._tokens = tokens
        self.retranslate()

    def set_seen(self) -> None:
        """The model sees the picture itself: it gets no text of it, which is kept for another model."""
        self.editor.hide()
        self._set_state("")

    def set_reading(self) -> None:
        """The text in it is being read."""
        self._set_state("reading")

    def set_text(self, text: str) -> None:
        """Show the text that was read in it, to be corrected."""
        self._show_text(text)
        self.text_changed.emit()

    def set_missing(self, command: str) -> None:
        """The text cannot be read before something is installed by `command`."""
        self._set_state("missing", command)

    def set_failed(self, reason: str) -> None:
        """The text could not be read; the person can type one."""
        self._show_text("")
        self._set_state("failed", reason)

    def _show_text(self, text: str) -> None:
        self.editor.blockSignals(True)
        self.editor.setPlainText(text)
        self.editor.blockSignals(False)
        self.editor.show()
        self._set_state("read")

    def _set_state(self, state: str, reason: str = "") -> None:
        self._state, self._reason = state, reason
        self.retranslate()
        self.restyle()

    def retranslate(self) -> None:
        """The texts in the present language."""
        parts = [shortened(self._picture.name), pixels_text(self._picture)]
        if self._tokens is not None:
            one, many = translate("Attachments", "1 token"), translate("Attachments", "{n} tokens")
            parts.append(numbers.counted(self._tokens, one, many))
        if self._n_frames > 1:
            first = translate("Pictures", "the first of {n} pictures in the file")
            parts.append(first.format(n=numbers.count(self._n_frames)))
        self._facts.set_text(" · ".join(parts))
        self._note.setText(self._note_text())
        self._note.setVisible(bool(self._note.text()))
        self.editor.setAccessibleName(translate("Pictures", "Text in the picture"))
        self.setAccessibleName(self.words())
        self.button.retranslate()
        self.remove_button.name(translate("Pictures", "Do not send this picture"))

    def _note_text(self) -> str:
        match self._state:
            case "reading":
                return translate("Pictures", "This model cannot see. Reading the text in the picture…")
            case "missing":
                text = translate(
                    "Pictures",
                    "This model cannot see pictures. Choose one that can, or install what reads the text in them: "
                    "{command}",
                )
                return text.format(command=self._reason)
            case "failed":
                text = translate("Pictures", "The text could not be read: {reason} You can type it here.")
                return text.format(reason=self._reason)
            case "read" if not self.editor.toPlainText().strip():
                return translate(
                    "Pictures", "No text was found in it, and this model cannot see. Describe the picture here."
                )
            case "read":
                return translate("Pictures", "This model cannot see. It gets this text; correct what was misread.")
        return ""

    def restyle(self) -> None:
        """Distances and sizes."""
        look = theme()
        self._row.setContentsMargins(look.space(3), look.space(1), 0, look.space(1))
        self._row.setSpacing(look.space(2))
        self._column.setSpacing(look.px(2))
        self.button.setFixedSize(self.button.fitting(QSize(look.px(_SIDE * 3 // 2), look.px(_SIDE))))
        self.editor.setFixedHeight(self.editor.fontMetrics().lineSpacing() * _TEXT_LINES + look.px(22))
