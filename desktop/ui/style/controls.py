"""Small controls that the whole window uses. Their colours and sizes follow the theme."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QToolButton,
    QWidget,
)

from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import themes

_SEGMENT_PADDING = 12
"""Padding at each side of a segment's text, in pixels at 100 %; the same as in `assets/window.qss`."""

SELECTABLE = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
"""For a label whose text can be copied."""


class View(QWidget):
    """A widget that follows language and theme: `retranslate` and `restyle` are called when they change.

    A subclass makes its children, then calls `self.ready()` once.
    """

    def ready(self) -> None:
        """Set texts and colours for the first time, and follow their changes from now on."""
        themes().changed.connect(self.restyle)
        self.retranslate()
        self.restyle()

    def retranslate(self) -> None:
        """Set every text again."""

    def restyle(self) -> None:
        """Set what the style sheet cannot: margins, icons, fonts."""

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)


class IconButton(QToolButton):
    """A button with an icon only. Its name is its tooltip, and what a screen reader says."""

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
        """Set the kind by which the style sheet selects the button."""
        set_style_property(self, "kind", kind)

    def name(self, text: str, shortcut: str = "") -> None:
        """Set the name; `shortcut`, in the platform's spelling, is added to the tooltip."""
        self.setAccessibleName(text)
        set_tooltip(self, f"{text}  {shortcut}".rstrip())

    def _draw(self) -> None:
        self.setIcon(icon(self._icon_name, self._color_name))
        self.setIconSize(icon_size(20))


class Choice(QComboBox):
    """A choice from a long list, no wider than needed to see `shortest` characters of it."""

    def __init__(self, shortest: int = 12, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(shortest)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the chevron, too: an image of the style sheet has one colour in all themes."""
        super().paintEvent(event)
        side = themes().current.px(16)
        box = QRect(0, 0, side, side)
        box.moveCenter(self.rect().center())
        gap = themes().current.px(8)
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            box.moveLeft(gap)
        else:
            box.moveRight(self.width() - gap)
        icon("chevron-down", "ink-3", 16).paint(QPainter(self), box)


class CheckBox(QCheckBox):
    """A box to check, with a tick in it when it is checked: a colour alone does not say that."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the tick, too: an image of the style sheet has one colour in all themes."""
        super().paintEvent(event)
        if self.isChecked():
            option = QStyleOptionButton()
            self.initStyleOption(option)
            box = self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)
            icon("check", "on-violet", 14).paint(QPainter(self), box)


class ElidedLabel(QLabel):
    """A label of one line that is cut off with … when it does not fit; then the whole text is the tooltip."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setTextFormat(Qt.TextFormat.PlainText)

    def set_text(self, text: str) -> None:
        """Set the text; line breaks become spaces."""
        self._whole = " ".join(text.split())
        self.setAccessibleName(self._whole)
        self._elide()

    def whole_text(self) -> str:
        """The whole text."""
        return self._whole

    def sizeHint(self) -> QSize:
        """Wide enough for the whole text."""
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self._whole) + 4, hint.height())

    def minimumSizeHint(self) -> QSize:
        """Wide enough for a few characters."""
        return QSize(self.fontMetrics().averageCharWidth() * 4, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Elide again."""
        super().resizeEvent(event)
        self._elide()

    def changeEvent(self, event: QEvent) -> None:
        """Elide again, for another font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._elide()

    def _elide(self) -> None:
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, max(0, self.width()))
        if shown != self.text():
            self.setText(shown)
        set_tooltip(self, self._whole if shown != self._whole else "")


class Segments(QFrame):
    """A few choices side by side, of which one is selected. `chosen` carries its value."""

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
        """Set the accessible name of the control, and the text of each choice."""
        self.setAccessibleName(name)
        for button, text in zip(self._buttons.values(), texts, strict=True):
            button.setText(text)
            button.setAccessibleName(f"{name}: {text}")
        self._make_room()

    def _make_room(self) -> None:
        # The selected text is bold. Each button is wide enough for that, so that a selection moves nothing.
        for button in self._buttons.values():
            font = button.font()
            font.setWeight(QFont.Weight.DemiBold)
            text_width = QFontMetrics(font).horizontalAdvance(button.text())
            button.setMinimumWidth(text_width + themes().current.px(2 * _SEGMENT_PADDING) + 4)

    def set_value(self, value: str) -> None:
        """Select a value without emitting `chosen`; an unknown value is ignored."""
        if value in self._buttons:
            self._buttons[value].setChecked(True)
            # Qt lets Tab enter a group at its first button until one of them has had the focus.
            for button in self._buttons.values():
                button.setFocusPolicy(Qt.FocusPolicy.StrongFocus if button.isChecked() else Qt.FocusPolicy.ClickFocus)

    def value(self) -> str:
        """The selected value; empty when none is."""
        return next((v for v, b in self._buttons.items() if b.isChecked()), "")

    def button(self, value: str) -> QPushButton:
        """The button of a value."""
        return self._buttons[value]

    def _clicked(self) -> None:
        self.chosen.emit(self.value())


def set_style_property(widget: QWidget, name: str, value: str) -> None:
    """Set a property by which the style sheet selects, and apply the sheet again: Qt does not do that by itself."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def label(role: str = "", parent: QWidget | None = None, *, wrap: bool = False) -> QLabel:
    """A plain-text label with a role of the style sheet: title, small, quiet, muted, section, code."""
    widget = QLabel(parent)
    widget.setTextFormat(Qt.TextFormat.PlainText)
    widget.setWordWrap(wrap)
    if role:
        widget.setProperty("role", role)
    return widget
