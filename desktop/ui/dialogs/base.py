"""The base class of all dialogs: heading, body, buttons at the right, Esc closes, texts follow the language.

A dialog has the size of its content, but at most that of the screen; then the body between heading and buttons scrolls.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import breakable
from desktop.ui.screen import available_size
from desktop.ui.style.controls import label
from desktop.ui.style.theme import theme, themes

_PAGE_KEYS = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End)


class Dialog(QDialog):
    """A modal dialog. A subclass fills `self.body`, adds buttons, and calls `self.ready()` once at the end.

    Args:
        width: of the dialog, in pixels at 100 %.
        height: minimum height of the body, in pixels at 100 %, where the screen is large enough.
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
        self.cancel_button: QPushButton | None = None

    def ready(self) -> None:
        """Set texts and sizes, and follow changes of the theme."""
        themes().changed.connect(self.restyle)
        self.retranslate()
        self.restyle()

    def add_button(self, *, primary: bool = False) -> QPushButton:
        """Add a button to the bottom row. A `primary` one is pressed by Enter."""
        button = QPushButton()
        if primary:
            button.setProperty("kind", "primary")
        button.setAutoDefault(primary)
        button.setDefault(primary)
        self.buttons.addWidget(button)
        return button

    def add_close_button(self) -> None:
        """Add the only button of a dialog that shows something."""
        self.close_button = self.add_button(primary=True)
        self.close_button.clicked.connect(self.accept)

    def add_cancel_button(self) -> None:
        """Add the button of a dialog that asks for something which leaves all as it is."""
        self.cancel_button = self.add_button()
        self.cancel_button.clicked.connect(self.reject)

    def paragraph(self, role: str = "muted") -> QLabel:
        """Add a wrapped text to the body; a `section` heading has some space above it."""
        widget = label(role, wrap=True)
        if role == "section" and self.body.count():
            widget.setContentsMargins(0, theme().space(2), 0, 0)
        self.body.addWidget(widget)
        return widget

    def set_heading(self, text: str) -> None:
        """Set the heading and the window title."""
        self.heading.setText(breakable(text))
        self.setWindowTitle(f"{text} — ChatBELLE")
        self.setAccessibleName(text)

    def retranslate(self) -> None:
        """Set every text in the present language; a subclass extends this."""
        if self.close_button is not None:
            self.close_button.setText(translate("Dialog", "Close"))
        if self.cancel_button is not None:
            self.cancel_button.setText(translate("Dialog", "Cancel"))

    def restyle(self) -> None:
        """Set distances."""
        look = theme()
        edge = look.space(4)
        self._whole.setContentsMargins(edge, edge, edge, look.px(20))
        self._whole.setSpacing(look.space(3))
        self.body.setSpacing(look.space(2))
        self.buttons.setSpacing(look.space(1))
        self.fit()

    def fit(self) -> None:
        """Resize to the content, up to the size of the screen."""
        limit = available_size(self)
        edges = self._whole.contentsMargins()
        around = edges.left() + edges.right()
        wanted = max(theme().px(self._width), min(self._inside.minimumSizeHint().width() + around, theme().px(640)))
        width = min(wanted, limit.width())
        inner = width - around
        parts = [self.heading.heightForWidth(inner), self.buttons.sizeHint().height(), edges.top(), edges.bottom()]
        rest = sum(parts) + 2 * self._whole.spacing()
        height = rest + self._content_height(inner)
        if height > limit.height():  # it scrolls, and the scroll bar takes a part of the width
            inner -= self.area.verticalScrollBar().sizeHint().width()
            height = min(rest + self._content_height(inner), limit.height())
        self.setMinimumSize(QSize(width, min(height, rest + theme().px(120))))
        self.setMaximumSize(limit)
        # With ScrollBarAsNeeded alone, a bar that appears for a moment makes the text narrower, so higher, and then
        # keeps itself needed. So the layout is computed once without a bar.
        self.area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.resize(width, height)
        self._whole.activate()
        self.area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def _content_height(self, width: int) -> int:
        content = self.body.heightForWidth(width) if self.body.hasHeightForWidth() else self.body.sizeHint().height()
        return max(content, theme().px(self._height))

    def showEvent(self, event: QShowEvent) -> None:
        """Fit again: only now the screen is known and every widget is styled."""
        super().showEvent(event)
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scroll with the page keys."""
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
        """Show the texts in the new language."""
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
            self.fit()
        super().changeEvent(event)
