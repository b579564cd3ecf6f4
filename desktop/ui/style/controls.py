"""Small controls that the whole window shares: they take their colours from the theme and change with it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFont, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import themes

_SEGMENT_PADDING = 12
"""At each side of a choice's words, in pixels at 100 %; as the style sheet has it."""


class View(QWidget):
    """A widget with words and colours: `retranslate` and `restyle` are called when either changes.

    A subclass builds its children, then calls `self.ready()` once.
    """

    def ready(self) -> None:
        """Put in words and colours for the first time and follow their changes."""
        themes().changed.connect(self.restyle)
        self.retranslate()
        self.restyle()

    def retranslate(self) -> None:
        """Set every text again."""

    def restyle(self) -> None:
        """Set what the style sheet does not: margins, icons, fonts."""

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


class IconButton(QToolButton):
    """A button that shows an icon only; its name is said by tooltip and screen reader."""

    def __init__(
        self, icon_name: str, color_name: str = "ink-2", *, kind: str = "icon", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._icon_name, self._color_name = icon_name, color_name
        self.setProperty("kind", kind)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        themes().changed.connect(self._draw)
        self._draw()

    def set_icon(self, icon_name: str, color_name: str | None = None) -> None:
        """Show another icon."""
        self._icon_name, self._color_name = icon_name, color_name or self._color_name
        self._draw()

    def set_kind(self, kind: str) -> None:
        """Take another role of the style sheet."""
        if self.property("kind") != kind:
            self.setProperty("kind", kind)
            repolish(self)

    def name(self, text: str, shortcut: str = "") -> None:
        """Say what the button does; `shortcut` in native spelling is added to the tooltip."""
        self.setAccessibleName(text)
        set_tooltip(self, f"{text}  {shortcut}".rstrip())

    def _draw(self) -> None:
        self.setIcon(icon(self._icon_name, self._color_name))
        self.setIconSize(icon_size(20))


class ElidedLabel(QLabel):
    """One line that ends in … where there is no room; the whole text is in the tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def set_text(self, text: str) -> None:
        """Show `text`, as much of it as fits."""
        self._whole = " ".join(text.split())
        self.setAccessibleName(self._whole)
        self._elide()

    def whole_text(self) -> str:
        """The text without …"""
        return self._whole

    def sizeHint(self) -> QSize:
        """Wide enough for the whole text."""
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + 4, hint.height())

    def minimumSizeHint(self) -> QSize:
        """A few characters."""
        return QSize(self.fontMetrics().averageCharWidth() * 4, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Elide again."""
        super().resizeEvent(event)
        self._elide()

    def changeEvent(self, event: QEvent) -> None:
        """Elide again in another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._elide()

    def _elide(self) -> None:
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, max(0, self.width()))
        if shown != self.text():
            self.setText(shown)
        set_tooltip(self, self._whole if shown != self._whole else "")


class Segments(QFrame):
    """A few choices side by side, one of them taken. `chosen` carries the value."""

    chosen = Signal(str)

    def __init__(self, values: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("segments")
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(2)
        for value in values:
            button = QPushButton()
            button.setCheckable(True)
            button.setProperty("kind", "segment")
            self._group.addButton(button)
            self._buttons[value] = button
            row.addWidget(button)
        self._group.buttonClicked.connect(self._clicked)
        themes().changed.connect(self._make_room)

    def set_texts(self, name: str, texts: Sequence[str]) -> None:
        """Name the whole for a screen reader and each choice for everybody."""
        self.setAccessibleName(name)
        for button, text in zip(self._buttons.values(), texts, strict=True):
            button.setText(text)
            button.setAccessibleName(f"{name}: {text}")
        self._make_room()

    def _make_room(self) -> None:
        """The one taken is written in bold: each is wide enough for that, so that nothing moves either."""
        from PySide6.QtGui import QFontMetrics

        for button in self._buttons.values():
            font = button.font()
            font.setWeight(QFont.Weight.DemiBold)
            letters = QFontMetrics(font).horizontalAdvance(button.text())
            button.setMinimumWidth(letters + themes().current.px(2 * _SEGMENT_PADDING) + 4)

    def set_value(self, value: str) -> None:
        """Take a choice without telling."""
        if value in self._buttons:
            self._buttons[value].setChecked(True)

    def value(self) -> str:
        """The choice taken."""
        return next((v for v, b in self._buttons.items() if b.isChecked()), "")

    def button(self, value: str) -> QPushButton:
        """The button of a choice."""
        return self._buttons[value]

    def _clicked(self) -> None:
        self.chosen.emit(self.value())


def repolish(widget: QWidget) -> None:
    """Let the style sheet look again at a widget whose dynamic property changed."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def label(role: str = "", parent: QWidget | None = None, *, wrap: bool = False) -> QLabel:
    """A plain-text label in a role of the style sheet: title, small, quiet, muted, section, code."""
    widget = QLabel(parent)
    widget.setTextFormat(Qt.TextFormat.PlainText)
    widget.setWordWrap(wrap)
    if role:
        widget.setProperty("role", role)
    return widget
