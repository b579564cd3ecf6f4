"""The widgets of the window and their layout: folding the sidebar, size and position, remembered in the settings.

The first paint creates only the widgets that it shows; the properties of `WindowLayout` create the others later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from belle import paths
from desktop.ui.screen import fit_to_screen
from desktop.ui.sidebar import Sidebar
from desktop.ui.style.theme import theme, themes
from desktop.ui.window.composer import Composer
from desktop.ui.window.header import Header
from desktop.ui.window.status import StatusLine

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.settings import Settings
    from desktop.store.records import ConversationSummary, SearchHit
    from desktop.ui.documents.chip import DocumentsChip
    from desktop.ui.transcript import TranscriptView
    from desktop.ui.window.banner import BannerStack
    from desktop.ui.window.welcome import Welcome

FOLD_WIDTH = 720
"""In a window narrower than this the sidebar is folded, in pixels at 100 %."""

BANNER_SHARE = 0.4
"""The largest part of the window's height that all banners may take."""


class WindowLayout(QMainWindow):
    """Sidebar on the left; header, banners, welcome or transcript, composer and status line on the right."""

    ask_requested = Signal()
    """A quick question is to be asked, in a window of its own."""
    quit_requested = Signal()
    """The program is to end."""

    controller: ChatController
    """Set by `MainWindow.attach`; the first paint does not need it."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self._folded_by_hand = False
        self._narrow = False
        self._is_reader = False
        self.setWindowIcon(QIcon(str(paths.asset("icon/chatbelle-128.png"))))
        self._build()
        themes().changed.connect(self._restyle)
        self._restyle()
        self._restore()

    def _build(self) -> None:
        # Every widget is created with its parent: giving it one later styles it and all its children again.
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.sidebar = Sidebar(self._summaries, self._search, self.splitter)
        self._page = QWidget(self.splitter)
        self._page.setObjectName("page")
        self.header = Header(self._page)
        self.pages = QStackedWidget(self._page)
        self._foot_widget = QWidget(self._page)
        self.composer = Composer(self._foot_widget)
        self.status = StatusLine(self._foot_widget)
        self._welcome: Welcome | None = None
        self._transcript: TranscriptView | None = None
        self._banners: BannerStack | None = None
        self._documents_chip: DocumentsChip | None = None

        self._foot = QVBoxLayout(self._foot_widget)
        self._foot.addWidget(self.composer)
        self._foot.addWidget(self.status)
        self._banner_row, self._foot_row = _centred(None), _centred(self._foot_widget)
        column = self._column = QVBoxLayout(self._page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(self._banner_row)
        column.addWidget(self.pages, 1)
        column.addLayout(self._foot_row)
        self.splitter.setStretchFactor(0, 0)
        self.splitter.setStretchFactor(1, 1)
        self.setCentralWidget(self.splitter)

    def add_above_composer(self, widget: QWidget) -> None:
        """Show a widget between the conversation and the composer."""
        self._foot.insertWidget(0, widget)

    def add_above_pages(self, widget: QWidget) -> None:
        """Show a widget between the banners and the conversation."""
        self._column.insertWidget(self._column.indexOf(self.pages), widget)

    def _summaries(self, limit: int, before: ConversationSummary | None) -> list[ConversationSummary]:
        return self.controller.conversations.summaries(limit, before)

    def _search(self, text: str) -> list[SearchHit]:
        return self.controller.conversations.search(text)

    # Widgets that are created later

    def connect_part(self, part: Welcome | TranscriptView | BannerStack | DocumentsChip) -> None:
        """Called with each of the following widgets when it is created, to connect its signals."""

    @property
    def welcome(self) -> Welcome:
        """The page shown while there is no conversation."""
        if self._welcome is None:
            from desktop.ui.window.welcome import Welcome

            self._welcome = Welcome(self.pages)
            self.pages.addWidget(self._welcome)
            self.setTabOrder(self.header.more_button, self._welcome)
            self.connect_part(self._welcome)
        return self._welcome

    @property
    def transcript(self) -> TranscriptView:
        """The messages of the open conversation. Created at the first use, or shortly after the first paint."""
        if self._transcript is None:
            from desktop.ui.transcript import TranscriptView

            self._transcript = TranscriptView(self.pages)
            self.pages.addWidget(self._transcript)
            self.setTabOrder(self.header.more_button, self._transcript)
            self.connect_part(self._transcript)
        return self._transcript

    @property
    def banners(self) -> BannerStack:
        """The banners. Created at the first notice."""
        if self._banners is None:
            from desktop.ui.window.banner import BannerStack

            self._banners = BannerStack(self._page)
            self._banner_row.insertWidget(1, self._banners, 100)
            self._banners.set_max_height(self._max_banner_height())
            self._restyle()
            self.connect_part(self._banners)
        return self._banners

    @property
    def documents_chip(self) -> DocumentsChip:
        """The folder of documents above the composer. Created when a conversation has one."""
        if self._documents_chip is None:
            from desktop.ui.documents.chip import DocumentsChip

            self._documents_chip = DocumentsChip(self._foot_widget)
            self._foot.insertWidget(0, self._documents_chip)
            self.connect_part(self._documents_chip)
        return self._documents_chip

    # Folding

    def toggle_sidebar(self) -> None:
        """Fold or unfold the sidebar."""
        shown = self.sidebar.isHidden()
        self._folded_by_hand = not shown and not self._narrow
        self._set_sidebar(shown=shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold the sidebar when the window becomes narrow, unfold it when it becomes wide; limit the banners."""
        super().resizeEvent(event)
        narrow = self.width() < theme().px(FOLD_WIDTH)
        if narrow != self._narrow:
            self._narrow = narrow
            if not self._is_reader:
                self._unfold_sidebar()
        if self._banners is not None:
            self._banners.set_max_height(self._max_banner_height())

    def _max_banner_height(self) -> int:
        return int(self.height() * BANNER_SHARE)

    @property
    def is_reader(self) -> bool:
        """Whether the conversation is shown alone."""
        return self._is_reader

    def set_reader(self, on: bool) -> None:
        """Show the conversation as a quiet page, without sidebar, tools and composer; or show these again."""
        if on == self._is_reader:
            return
        self._is_reader = on
        self.header.set_reader(on)
        self.transcript.set_quiet(on)
        if on:
            self._set_sidebar(shown=False)
            self.transcript.setFocus(Qt.FocusReason.OtherFocusReason)
        self._foot_widget.setVisible(not on)
        if not on:
            self._unfold_sidebar()
            self.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _unfold_sidebar(self) -> None:
        self._set_sidebar(shown=not self._narrow and not self._folded_by_hand)

    def _set_sidebar(self, *, shown: bool) -> None:
        had_focus = self.sidebar.isAncestorOf(self.focusWidget()) if self.focusWidget() else False
        self.sidebar.setVisible(shown)
        self.header.set_sidebar_shown(shown=shown)
        if had_focus and not shown:
            self.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    # Size and position

    def bring_to_front(self) -> None:
        """Show the window before all others, with the keyboard."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        QApplication.alert(self)

    def _restyle(self) -> None:
        look = theme()
        self._foot.setContentsMargins(look.space(3), look.space(1), look.space(3), look.px(2))
        self._foot.setSpacing(0)
        for row in (self._banner_row, self._foot_row):
            # The width of the transcript's scroll bar, so that all texts are in one column.
            bar = look.px(12)
            row.setContentsMargins(*((bar, 0, 0, 0) if self.isRightToLeft() else (0, 0, bar, 0)))
        for part in (self._foot_widget, self._banners):
            if part is not None:
                part.setMaximumWidth(themes().column + 2 * look.space(3))
        self.sidebar.setMinimumWidth(look.px(200))
        self.sidebar.setMaximumWidth(look.px(420))
        self.setMinimumSize(fit_to_screen(QSize(look.px(400), look.px(360)), self))

    def _restore(self) -> None:
        value = self.settings.value
        self.composer.set_send_key(value("window/send_key", "enter"))
        geometry: Any = value("window/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(theme().px(1120), theme().px(760))
        # The screen may be smaller than this size, or than the screen of the last run.
        self.resize(fit_to_screen(self.size(), self))
        state: Any = value("window/splitter")
        if not (isinstance(state, QByteArray) and self.splitter.restoreState(state)):
            side = theme().shape("sidebar")
            self.splitter.setSizes([side, max(1, self.width() - side)])
        self._folded_by_hand = value("window/sidebar_folded", "false") in (True, "true")
        self._narrow = self.width() < theme().px(FOLD_WIDTH)
        self._unfold_sidebar()

    def remember(self) -> None:
        """Write size, position and folding into the settings."""
        self.settings.set_value("window/geometry", self.saveGeometry())
        if not self.sidebar.isHidden():
            self.settings.set_value("window/splitter", self.splitter.saveState())
        self.settings.set_value("window/sidebar_folded", self._folded_by_hand)


def _centred(widget: QWidget | None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addStretch(1)
    if widget is not None:
        row.addWidget(widget, 100)
    row.addStretch(1)
    return row
