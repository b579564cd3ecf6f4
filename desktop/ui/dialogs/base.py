"""What all dialogs share: a heading, room around the words, buttons at the right, Esc closes, words that follow the
language while the dialog is open. A dialog is as large as what is in it, and never larger than the screen: then what is
between heading and buttons scrolls."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import breakable
from desktop.ui.screen import room
from desktop.ui.style.controls import label
from desktop.ui.style.theme import theme, themes

_PAGE_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End)


class Dialog(QDialog):
    """A subclass fills `self.body`, adds buttons, and calls `self.ready()` once.

    Args:
        width: of the dialog, in pixels at 100 %.
        height: of what is between heading and buttons, at least, where the screen has room for it.
    """

    def __init__(self, parent: QWidget | None = None, *, width: int = 460, height: int = 0) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self._width, self._height = width, height
        self.heading = label("title", wrap=True)
        self.body = QVBoxLayout()
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self._whole = QVBoxLayout(self)
        self._whole.addWidget(self.heading)
        self._inside = QWidget()
        self.body.setContentsMargins(0, 0, 0, 0)
        self._inside.setLayout(self.body)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setMinimumHeight(1)
        self.area.setWidget(self._inside)
        self._inside.setAutoFillBackground(False)
        self._whole.addWidget(self.area, 1)
        self._whole.addLayout(self.buttons)
        self.close_button: QPushButton | None = None

    def ready(self) -> None:
        """Put in words and sizes for the first time and follow their changes."""
        themes().changed.connect(self.restyle)
        self.retranslate()
        self.restyle()

    def add_button(self, *, primary: bool = False) -> QPushButton:
        """One more button in the bottom row."""
        button = QPushButton()
        if primary:
            button.setProperty("kind", "primary")
        button.setAutoDefault(primary)
        button.setDefault(primary)
        self.buttons.addWidget(button)
        return button

    def add_close_button(self) -> None:
        """The button of dialogs that only show something."""
        self.close_button = self.add_button(primary=True)
        self.close_button.clicked.connect(self.accept)

    def paragraph(self, role: str = "muted") -> QLabel:
        """A wrapped text in the body; a `section` heading stands a little apart from what is above it."""
        widget = label(role, wrap=True)
        if role == "section" and self.body.count():
            widget.setContentsMargins(0, theme().space(2), 0, 0)
        self.body.addWidget(widget)
        return widget

    def set_heading(self, text: str) -> None:
        """Heading and window title."""
        self.heading.setText(breakable(text))
        self.setWindowTitle(f"{text} — ChatBELLE")
        self.setAccessibleName(text)

    def retranslate(self) -> None:
        """Set every text again; a subclass calls this one too."""
        if self.close_button is not None:
            self.close_button.setText(translate("Dialog", "Close"))
            self.close_button.setAccessibleName(translate("Dialog", "Close"))

    def restyle(self) -> None:
        """Distances."""
        look = theme()
        edge = look.space(4)
        self._whole.setContentsMargins(edge, edge, edge, look.px(20))
        self._whole.setSpacing(look.space(3))
        self.body.setSpacing(look.space(2))
        self.buttons.setSpacing(look.space(1))
        self.fit()

    def fit(self) -> None:
        """Take the size of what is in it, as far as the screen has room."""
        most = room(self)
        edges = self._whole.contentsMargins()
        around = edges.left() + edges.right()
        wanted = max(theme().px(self._width), min(self._inside.minimumSizeHint().width() + around, theme().px(640)))
        width = min(wanted, most.width())
        inner = width - around
        parts = [self.heading.heightForWidth(inner), self.buttons.sizeHint().height(), edges.top(), edges.bottom()]
        rest = sum(parts) + 2 * self._whole.spacing()
        height = rest + self._content_height(inner)
        if height > most.height():
            inner -= self.area.verticalScrollBar().sizeHint().width()
            height = min(rest + self._content_height(inner), most.height())
        self.setMinimumSize(QSize(width, min(height, rest + theme().px(120))))
        self.setMaximumSize(most)
        # A scroll bar that is there makes the text narrower, therefore higher, and so seems needed for ever.
        self.area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.resize(width, height)
        self._whole.activate()
        self.area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def _content_height(self, width: int) -> int:
        content = self.body.heightForWidth(width) if self.body.hasHeightForWidth() else self.body.sizeHint().height()
        return max(content, theme().px(self._height))

    def showEvent(self, event: QShowEvent) -> None:
        """Now the screen is known, and every widget has its style."""
        super().showEvent(event)
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Page keys scroll what does not fit."""
        if event.key() in _PAGE_KEYS and self.area.verticalScrollBar().maximum():
            bar = self.area.verticalScrollBar()
            bar.setValue(
                {
                    Qt.Key.Key_PageUp: bar.value() - bar.pageStep(),
                    Qt.Key.Key_PageDown: bar.value() + bar.pageStep(),
                    Qt.Key.Key_Home: 0,
                    Qt.Key.Key_End: bar.maximum(),
                }[Qt.Key(event.key())]
            )
            return
        super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
            self.fit()
        super().changeEvent(event)
