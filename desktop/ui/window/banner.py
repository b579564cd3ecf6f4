"""Banners under the header: what happened, in words, with what can be done about it. Spoken by screen readers too."""

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
from desktop.ui.foreign_text import breakable
from desktop.ui.notices import notice_text
from desktop.ui.style.controls import IconButton, View, label
from desktop.ui.style.icons import icon
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.chat.state import Notice

_COLORS = {"info": "violet", "warn": "warn", "bad": "bad"}
_RANKS = ("bad", "warn", "info")
_LEAST = 48
"""Height of the banners where a window is very low (pixels at 100 %)."""


class Banner(View):
    """One notice. `acted` carries the id of the button pressed."""

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
        self._exact = label("code", wrap=True)
        self._exact.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._exact.hide()
        self.fold_button = QPushButton()
        self.fold_button.setProperty("kind", "link")
        self.fold_button.setCheckable(False)
        self.fold_button.clicked.connect(self._toggle_exact)
        self.close_button = IconButton("x", "ink-3")
        self.close_button.clicked.connect(self.closed)
        self.buttons: dict[str, QPushButton] = {}
        self._button_row = QHBoxLayout()
        for index, action in enumerate(notice.actions):
            button = QPushButton()
            button.setProperty("kind", "primary" if index == 0 and notice.level == "bad" else "")
            button.clicked.connect(lambda _=False, chosen=action: self.acted.emit(chosen))
            self.buttons[action] = button
            self._button_row.addWidget(button)
        self._button_row.addWidget(self.fold_button)
        self._button_row.addStretch(1)
        self._column = QVBoxLayout()
        for part in (self._title, self._text, self._exact):
            self._column.addWidget(part)
        self._column.addLayout(self._button_row)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        self._row.addLayout(self._column, 1)
        self._row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.ready()

    def controls(self) -> list[QWidget]:
        """What can be pressed, in the order of reading."""
        return [*self.buttons.values(), self.fold_button, self.close_button]

    def spoken(self) -> str:
        """What a screen reader says when the banner appears."""
        content = notice_text(self.notice)
        return f"{content.title}. {content.text}"

    def retranslate(self) -> None:
        """The notice's text in the present language."""
        content = notice_text(self.notice)
        self._title.setText(breakable(content.title))
        self._text.setText(breakable(content.text))
        self._text.setVisible(bool(content.text))
        self._exact.setText(content.details)
        self.fold_button.setVisible(bool(content.details))
        self._name_fold()
        for action, text in content.actions:
            self.buttons[action].setText(text)
            self.buttons[action].setAccessibleName(text)
        self.close_button.name(translate("Banner", "Close this message"))
        self.setAccessibleName(self.spoken())

    def restyle(self) -> None:
        """Icon and distances."""
        look = theme()
        name = "info" if self.notice.level == "info" else "warning"
        self._icon.setPixmap(icon(name, self._color).pixmap(look.px(20), look.px(20)))
        self._row.setContentsMargins(look.space(3), look.px(10), look.space(1), look.px(10))
        self._row.setSpacing(look.space(2))
        self._column.setSpacing(look.px(2))
        self._button_row.setContentsMargins(0, look.space(1) if self.buttons else 0, 0, 0)
        self._button_row.setSpacing(look.space(1))

    def paintEvent(self, event: QPaintEvent) -> None:
        """A bar in the level's colour at the left edge."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme().color(self._color)))
        painter.drawRoundedRect(6, 10, 3, self.height() - 20, 1.5, 1.5)

    def _toggle_exact(self) -> None:
        self._exact.setVisible(self._exact.isHidden())
        self._name_fold()

    def _name_fold(self) -> None:
        shown = not self._exact.isHidden()
        text = translate("Banner", "Hide the details") if shown else translate("Banner", "What exactly happened")
        self.fold_button.setText(text)
        self.fold_button.setAccessibleName(text)


class BannerStack(QScrollArea):
    """The banners that are shown, one per key: the most important on top, the newest first among its like. What has no
    room scrolls. `acted` carries key and action; `focus_left` says that the keyboard was on a banner that went away."""

    acted = Signal(str, str)
    cleared = Signal(str)  # key
    dismissed = Signal(str)  # key: the person has closed it
    focus_left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._banners: dict[str, Banner] = {}
        self._most = theme().px(300)
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

    def set_most(self, height: int) -> None:
        """How high all of them together may be, in pixels."""
        self._most = height
        self.updateGeometry()

    def heightForWidth(self, width: int) -> int:
        """As high as the banners, up to the most."""
        return min(self._column.totalHeightForWidth(width), self._most)

    def sizeHint(self) -> QSize:
        """As wide as the banners are."""
        width = self._column.totalSizeHint().width()
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """Room for a line: the rest scrolls."""
        bar = self.verticalScrollBar().sizeHint().width()
        return QSize(self._column.totalMinimumSize().width() + bar, min(theme().px(_LEAST), self._most))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A scroll bar that is there makes the text narrower, therefore higher, and so seems needed for ever."""
        fits = self._column.totalHeightForWidth(self.width()) <= self.height()
        policies = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(policies.ScrollBarAlwaysOff if fits else policies.ScrollBarAsNeeded)
        super().resizeEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A banner that comes, goes or unfolds changes the height of all."""
        if event.type() == QEvent.Type.LayoutRequest and watched is self._inside:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def show_notice(self, notice: Notice) -> Banner:
        """Show a notice in place of an earlier one of the same key, and have it spoken."""
        key = notice.key or notice.kind
        self.clear(key)
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
        _announce(banner, banner.spoken(), urgent=notice.level == "bad")
        return banner

    def clear(self, key: str) -> None:
        """Take a banner away; nothing happens when there is none."""
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
        """The banner of a key."""
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
    """The less, the more important. What can be undone can be only for a while."""
    return 0 if "undo" in notice.actions else _RANKS.index(notice.level)


def _announce(widget: QWidget, text: str, *, urgent: bool) -> None:
    from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

    event = QAccessibleAnnouncementEvent(widget, text)
    if urgent:
        event.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
    QAccessible.updateAccessibility(event)
