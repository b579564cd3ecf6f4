"""What all dialogs share: a heading, room around the words, buttons at the right, Esc closes, words that follow the
language while the dialog is open."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.ui.controls import label
from desktop.ui.theme import theme, themes


class Dialog(QDialog):
    """A subclass fills `self.body`, adds buttons, and calls `self.ready()` once."""

    def __init__(self, parent: QWidget | None = None, *, width: int = 460, scrolls: bool = False) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self._width = width
        self.heading = label("title", wrap=True)
        self.body = QVBoxLayout()
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self._whole = QVBoxLayout(self)
        self._whole.addWidget(self.heading)
        if scrolls:
            inside = QWidget()
            self.body.setContentsMargins(0, 0, 12, 0)  # beside the scroll bar
            inside.setLayout(self.body)
            area = QScrollArea()
            area.setWidgetResizable(True)
            area.setFrameShape(QFrame.Shape.NoFrame)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            area.setWidget(inside)
            inside.setAutoFillBackground(False)
            self._whole.addWidget(area, 1)
        else:
            self._whole.addLayout(self.body, 1)
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
        made = label(role, wrap=True)
        if role == "section" and self.body.count():
            made.setContentsMargins(0, theme().space(2), 0, 0)
        self.body.addWidget(made)
        return made

    def set_heading(self, text: str) -> None:
        """Heading and window title."""
        self.heading.setText(text)
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
        self.setMinimumWidth(look.px(self._width))
        self.setMaximumWidth(look.px(max(self._width, 640)))

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
