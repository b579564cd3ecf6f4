"""Banners under the header: what happened and what can be done about it; announced to screen readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from desktop.i18n import translate
from desktop.ui.announce import announce
from desktop.ui.foreign_text import breakable
from desktop.ui.notices.text import notice_text
from desktop.ui.style.controls import IconButton, View, label
from desktop.ui.style.flow import FlowLayout
from desktop.ui.style.icons import icon
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.chat.state import Notice

_COLORS = {"info": "violet", "warn": "warn", "bad": "bad"}
_LEVELS = ("bad", "warn", "info")  # the most important first
_MIN_HEIGHT = 48
"""Minimum height of all banners, in pixels at 100 %; more scrolls."""


class Banner(View):
    """One notice. `acted` has the id of the pressed button."""

    acted = Signal(str)
    closed = Signal()

    def __init__(self, notice: Notice, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = notice
        self._color = _COLORS[notice.level]
        self.setObjectName("banner")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._icon = QLabel()
        self._title = label("strong", wrap=True)
        self._text = label("muted", wrap=True)
        self._details = label("code", wrap=True)
        self._details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._details.hide()
        self.details_button = QPushButton()
        self.details_button.setProperty("kind", "link")
        self.details_button.setCheckable(False)
        self.details_button.clicked.connect(self._toggle_details)
        self.close_button = IconButton("x", "ink-3")
        self.close_button.clicked.connect(self.closed)
        self.buttons: dict[str, QPushButton] = {}
        self._button_row = FlowLayout()
        for index, action in enumerate(notice.actions):
            button = QPushButton()
            button.setProperty("kind", "primary" if index == 0 and notice.level == "bad" else "")
            button.clicked.connect(lambda _=False, chosen=action: self.acted.emit(chosen))
            self.buttons[action] = button
            self._button_row.addWidget(button)
        self._button_row.addWidget(self.details_button)
        self._column = QVBoxLayout()
        for part in (self._title, self._text, self._details):
            self._column.addWidget(part)
        self._column.addLayout(self._button_row)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addLayout(self._column, 1)
        self._row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.ready()

    @property
    def accessible_role(self) -> str:
        """An alert is something that keeps a person from going on."""
        return "Notification" if self.notice.level == "info" else "AlertMessage"

    def controls(self) -> list[QWidget]:
        """The buttons, in reading order."""
        return [*self.buttons.values(), self.details_button, self.close_button]

    def spoken(self) -> str:
        """The text for screen readers."""
        return notice_text(self.notice).in_one_line

    def retranslate(self) -> None:
        """Set the texts of the notice in the present language."""
        content = notice_text(self.notice)
        self._title.setText(breakable(content.title))
        self._text.setText(breakable(content.text))
        self._text.setVisible(bool(content.text))
        self._details.setText(content.details)
        self.details_button.setVisible(bool(content.details))
        self._name_details_button()
        for action, text in content.actions:
            self.buttons[action].setText(text)
        self.close_button.name(translate("Banner", "Close this message"))
        self.setAccessibleName(self.spoken())

    def restyle(self) -> None:
        """Set icon and distances."""
        look = theme()
        name = "info" if self.notice.level == "info" else "warning"
        self._icon.setPixmap(icon(name, self._color).pixmap(look.px(20), look.px(20)))
        self._row.setContentsMargins(look.space(3), look.px(10), look.space(1), look.px(10))
        self._row.setSpacing(look.space(2))
        self._column.setSpacing(look.px(2))
        self._button_row.setContentsMargins(0, look.space(1) if self.buttons else 0, 0, 0)
        self._button_row.setSpacing(look.space(1))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint a bar in the colour of the level at the edge where reading begins."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme().color(self._color)))
        left = self.width() - 9 if self.isRightToLeft() else 6
        painter.drawRoundedRect(left, 10, 3, self.height() - 20, 1.5, 1.5)

    def _toggle_details(self) -> None:
        self._details.setVisible(self._details.isHidden())
        self._name_details_button()

    def _name_details_button(self) -> None:
        shown = not self._details.isHidden()
        self.details_button.setText(
            translate("Banner", "Hide the details") if shown else translate("Banner", "What exactly happened")
        )


class BannerStack(QScrollArea):
    """The visible banners, one for each key: the most important first, then the newest. They scroll if they do not fit.

    `focus_left`: the banner that had the focus was removed.
    """

    accessible_role = "Grouping"
    acted = Signal(str, str)  # key, action
    cleared = Signal(str)  # key
    dismissed = Signal(str)  # key: closed by the person
    focus_left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._banners: dict[str, Banner] = {}
        self._max_height = theme().px(300)
        self._inside = QWidget()
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidgetResizable(True)
        self.setWidget(self._inside)
        self._inside.setAutoFillBackground(False)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.hide()

    def set_max_height(self, height: int) -> None:
        """Limit the height of all banners, in pixels."""
        self._max_height = height
        self.updateGeometry()

    def heightForWidth(self, width: int) -> int:
        """The height of the banners, up to the limit."""
        return min(self._column.totalHeightForWidth(width), self._max_height)

    def sizeHint(self) -> QSize:
        """The size of the banners, up to the limit of the height."""
        width = self._column.totalSizeHint().width()
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """The width of the banners, and the height of one line; the rest scrolls."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self._column.totalMinimumSize().width() + bar, min(theme().px(_MIN_HEIGHT), self._max_height))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show the scroll bar only where the banners do not fit."""
        # Not ScrollBarAsNeeded alone: the bar makes the text narrower, so higher, and then keeps itself needed.
        fits = self._column.totalHeightForWidth(self.width()) <= self.height()
        policies = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(policies.ScrollBarAlwaysOff if fits else policies.ScrollBarAsNeeded)
        super().resizeEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Update the height when a banner is added, removed or unfolded."""
        if event.type() == QEvent.Type.LayoutRequest and watched is self._inside:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def show_notice(self, notice: Notice) -> Banner:
        """Show a notice, replacing an earlier one of the same key, and announce it to screen readers."""
        key = notice.key or notice.kind
        self.clear(key)
        self.setAccessibleName(translate("Banner", "Messages of ChatBELLE"))
        banner = Banner(notice)
        banner.acted.connect(lambda action: self._act(key, action))
        banner.closed.connect(lambda: self._dismiss(key))
        look = theme()
        self._column.setContentsMargins(look.space(3), look.space(2), look.space(3), 0)
        self._column.setSpacing(look.space(1))
        above = sum(_rank(other.notice) < _rank(notice) for other in self._banners.values())
        self._banners[key] = banner
        self._column.insertWidget(above, banner)
        self.verticalScrollBar().setValue(0)
        self.show()
        announce(banner, banner.spoken(), urgent=notice.level == "bad")
        return banner

    def clear(self, key: str) -> None:
        """Remove a banner, if it exists."""
        banner = self._banners.pop(key, None)
        if banner is None:
            return
        had_focus = banner.isAncestorOf(self.focusWidget()) if self.focusWidget() else False
        banner.hide()
        banner.deleteLater()
        if not self._banners:
            self.hide()
        if had_focus:
            self.focus_left.emit()
        self.cleared.emit(key)

    def banner(self, key: str) -> Banner | None:
        """The banner of a key; None when it is not shown."""
        return self._banners.get(key)

    def keys(self) -> list[str]:
        """The keys of the banners shown, oldest first."""
        return list(self._banners)

    def _dismiss(self, key: str) -> None:
        self.clear(key)
        self.dismissed.emit(key)

    def _act(self, key: str, action: str) -> None:
        self.clear(key)
        self.acted.emit(key, action)


def _rank(notice: Notice) -> int:
    """Smaller is more important. A notice with *undo* comes first, because undoing is possible only for a while."""
    return 0 if "undo" in notice.actions else _LEVELS.index(notice.level)
