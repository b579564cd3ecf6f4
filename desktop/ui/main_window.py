"""The window: every widget in its place, wired to the controller. It appears first; models come behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QIcon, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from belle import paths
from desktop.i18n import set_language, translate
from desktop.ui.composer import Composer
from desktop.ui.gestures import Gestures
from desktop.ui.header import Header, model_words
from desktop.ui.sidebar import Sidebar
from desktop.ui.status import StatusLine
from desktop.ui.theme import theme, themes

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.chat.state import ModelState, Notice
    from desktop.settings import Settings
    from desktop.store import Conversation, Message
    from desktop.ui.banner import BannerStack
    from desktop.ui.transcript import TranscriptView
    from desktop.ui.welcome import Welcome

FOLD_WIDTH = 720
"""A window narrower than this has its sidebar folded (pixels at 100 %)."""

_IDLE_MS = 50


class MainWindow(QMainWindow):
    """Shows what the controller tells, tells the controller what the person does. `closed` comes once, at the end."""

    closed = Signal()

    def __init__(self, controller: ChatController, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.controller = controller
        self.settings = settings
        self._conversation: Conversation | None = None
        self._jump: tuple[int, str] | None = None
        self._folded_by_hand = False
        self._narrow = False
        self._prefilling = False
        self._complete = False
        self.setWindowIcon(QIcon(str(paths.asset("icon/chatbelle-128.png"))))
        self.setAcceptDrops(True)
        self._build()
        self.gestures = Gestures(self)
        self._listen()
        themes().changed.connect(self._restyle)
        self._restyle()
        self._restore()
        self._retitle()
        self.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    # Building

    def _build(self) -> None:
        # Parents first: a widget that moves under another one is styled anew, with all it holds.
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)
        self.sidebar = Sidebar(self.controller.summaries, self.controller.search, self.splitter)
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

        self._foot = QVBoxLayout(self._foot_widget)
        self._foot.addWidget(self.composer)
        self._foot.addWidget(self.status)
        self._banner_row, self._foot_row = _centred(None), _centred(self._foot_widget)
        column = QVBoxLayout(self._page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(self._banner_row)
        column.addWidget(self.pages, 1)
        column.addLayout(self._foot_row)
        self.splitter.setStretchFactor(0, 0)
        self.splitter.setStretchFactor(1, 1)
        self.setCentralWidget(self.splitter)

    def _listen(self) -> None:
        told = self.controller
        told.conversations_changed.connect(self._conversations_changed)
        told.conversation_opened.connect(self._opened)
        told.path_changed.connect(self._path_changed)
        told.message_added.connect(self._message_added)
        told.message_updated.connect(self._message_updated)
        told.answer_text.connect(self._answer_text)
        told.prefill.connect(self._prefill)
        told.busy_changed.connect(self._busy_changed)
        told.waiting_changed.connect(self._waiting_changed)
        told.model_changed.connect(self._model_changed)
        told.context_usage.connect(self.status.set_context)
        told.speed.connect(self.status.set_speed)
        told.notice.connect(self._notice)
        told.notice_cleared.connect(self._notice_cleared)
        self.settings.changed.connect(self._setting_changed)
        self._model_changed(told.model)

    # What the controller tells

    def _conversations_changed(self) -> None:
        self.sidebar.reload()
        current = self.controller.conversation
        if current is not None and self._conversation is not None and current.id == self._conversation.id:
            self._conversation = current
            self._retitle()

    def _opened(self, conversation: Conversation | None, messages: list[Message]) -> None:
        self._conversation = conversation
        place = conversation.id if conversation else None
        begun = self.composer.sending  # the draft of a conversation not begun yet becomes its first question
        if not begun:
            self.composer.set_conversation(place)
        else:
            self.composer.move_to_conversation(place)
        self.sidebar.set_open(place)
        start = conversation.context_start if conversation else None
        if messages or self._transcript is not None:
            self.transcript.set_path(messages, context_start=start, keep_position=False)
        self._show_welcome(shown=not messages)
        self._retitle()
        if self._jump is not None:
            message_id, text = self._jump
            self._jump = None
            self.transcript.highlight(message_id, text)
        if not self.sidebar.isAncestorOf(self.focusWidget() or self):
            self.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _path_changed(self, conversation: Conversation, messages: list[Message]) -> None:
        self._conversation = conversation
        self.transcript.set_path(messages, context_start=conversation.context_start, keep_position=True)
        self._show_welcome(shown=not messages)

    def _message_added(self, message: Message) -> None:
        self._show_welcome(shown=False)
        self._end_prefill()
        self.transcript.append(message)

    def _message_updated(self, message: Message) -> None:
        self.transcript.update_message(message)

    def _answer_text(self, message_id: int, text: str) -> None:
        self._end_prefill()
        self.transcript.append_text(message_id, text)

    def _prefill(self, done: int, total: int, seconds_left: float | None) -> None:
        self._prefilling = True
        self.transcript.set_prefill(100 * done // max(1, total), seconds_left)

    def _end_prefill(self) -> None:
        if self._prefilling:
            self._prefilling = False
            self.transcript.set_prefill(None, None)

    def _busy_changed(self, busy: bool) -> None:
        self._end_prefill()
        self.composer.set_busy(busy)
        if busy or self._transcript is not None:
            self.transcript.set_busy(busy)
        self.gestures.set_can_stop(busy)

    def _waiting_changed(self, waiting: bool) -> None:
        self.composer.set_waiting(waiting)
        if waiting or self._transcript is not None:
            self.transcript.set_waiting(waiting)
        self.gestures.set_can_stop(waiting or self.controller.busy)

    def _model_changed(self, state: ModelState) -> None:
        self.header.set_model(state)
        if self._welcome is not None:
            self._welcome.set_model(state)
        self.status.set_model(model_words(state))

    def _notice(self, notice: Notice) -> None:
        banner = self.banners.show_notice(notice)
        before: QWidget = self.header.more_button
        for control in banner.controls():
            self.setTabOrder(before, control)
            before = control
        if not self.isActiveWindow() and notice.level == "bad":
            QApplication.alert(self)

    def _notice_cleared(self, key: str) -> None:
        if self._banners is not None:
            self._banners.clear(key)

    # What the window can do without at first

    @property
    def welcome(self) -> Welcome:
        """What is shown while there is no conversation."""
        if self._welcome is None:
            from desktop.ui.welcome import Welcome

            self._welcome = Welcome(self.pages)
            self._welcome.set_model(self.controller.model)
            self.pages.addWidget(self._welcome)
            self.setTabOrder(self.header.more_button, self._welcome)
            self.gestures.connect_welcome(self._welcome)
        return self._welcome

    @property
    def transcript(self) -> TranscriptView:
        """The conversation as it is read. Made when it is needed, at the latest shortly after the first painting."""
        if self._transcript is None:
            from desktop.ui.transcript import TranscriptView

            self._transcript = TranscriptView(self.pages)
            self.pages.addWidget(self._transcript)
            self.setTabOrder(self.header.more_button, self._transcript)
            self.gestures.connect_transcript(self._transcript)
        return self._transcript

    @property
    def banners(self) -> BannerStack:
        """What has to be said. Made when there is something to say."""
        if self._banners is None:
            from desktop.ui.banner import BannerStack

            self._banners = BannerStack(self._page)
            self._banner_row.insertWidget(1, self._banners, 100)
            self.gestures.connect_banners(self._banners)
            self._restyle()
        return self._banners

    def paintEvent(self, event: QPaintEvent) -> None:
        """The first painting shows where one writes; everything else follows at once."""
        super().paintEvent(event)
        if not self._complete:
            self._complete = True
            QTimer.singleShot(0, self, self.complete)

    def complete(self) -> None:
        """Fill in what the first painting did without: list, welcome and, a little later, transcript."""
        self._complete = True
        self.sidebar.reload()
        self._show_welcome(shown=self.pages.currentWidget() is None or self.pages.currentWidget() is self._welcome)
        QTimer.singleShot(_IDLE_MS, self, lambda: self.transcript)

    # What the person does with the window itself

    def show_model_menu(self) -> None:
        """Open the list of models under the model's name."""
        self.header.model_button.showMenu()

    def toggle_sidebar(self) -> None:
        """Fold or unfold the sidebar."""
        shown = self.sidebar.isHidden()
        self._folded_by_hand = not shown and not self._narrow
        self._set_sidebar(shown=shown)

    def jump_to(self, conversation_id: int, message_id: int | None, text: str) -> None:
        """Open a conversation at a message, with what was searched for marked."""
        self._jump = (message_id, text) if message_id is not None else None
        self.controller.open_conversation(conversation_id)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold the sidebar when there is no room for it, bring it back when there is."""
        super().resizeEvent(event)
        narrow = self.width() < theme().px(FOLD_WIDTH)
        if narrow != self._narrow:
            self._narrow = narrow
            self._set_sidebar(shown=not narrow and not self._folded_by_hand)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A file is welcome."""
        if self.gestures.dropped_file(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open it; whether it is a model is found out there."""
        path = self.gestures.dropped_file(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            # Not while the other program waits for the end of the drag.
            QTimer.singleShot(0, self, lambda: self.controller.load_model(path))

    def changeEvent(self, event: QEvent) -> None:
        """Follow the language."""
        if event.type() == QEvent.Type.LanguageChange and hasattr(self, "gestures"):
            self.gestures.retranslate()
            self._retitle()
            self._model_changed(self.controller.model)
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember the window. An answer that is still being written is stopped and kept by the controller."""
        self._remember()
        super().closeEvent(event)
        self.closed.emit()

    # Small things

    def _show_welcome(self, *, shown: bool) -> None:
        self.pages.setCurrentWidget(self.welcome if shown else self.transcript)

    def _retitle(self) -> None:
        title = " ".join(self._conversation.title.split()) if self._conversation else ""
        self.header.set_title(title, can_rename=self._conversation is not None)
        shown = title or translate("Window", "New chat")
        self.setWindowTitle(f"{shown} — ChatBELLE")

    def _set_sidebar(self, *, shown: bool) -> None:
        had_focus = self.sidebar.isAncestorOf(self.focusWidget()) if self.focusWidget() else False
        self.sidebar.setVisible(shown)
        self.header.set_sidebar_shown(shown=shown)
        if had_focus and not shown:
            self.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _setting_changed(self, name: str) -> None:
        if name == "window/language":
            set_language(self.settings.value(name, "system"))
        elif name == "window/send_key":
            self.composer.set_send_key(self.settings.value(name, "enter"))

    def _restyle(self) -> None:
        look = theme()
        self._foot.setContentsMargins(look.space(3), look.space(1), look.space(3), look.px(2))
        self._foot.setSpacing(0)
        for row in (self._banner_row, self._foot_row):
            row.setContentsMargins(0, 0, look.px(12), 0)  # the transcript's scroll bar: one column for all
        for part in (self._foot_widget, self._banners):
            if part is not None:
                part.setMaximumWidth(look.shape("column") + 2 * look.space(3))
        self.sidebar.setMinimumWidth(look.px(200))
        self.sidebar.setMaximumWidth(look.px(420))
        self.setMinimumSize(look.px(400), look.px(360))

    def _restore(self) -> None:
        value = self.settings.value
        self.composer.set_send_key(value("window/send_key", "enter"))
        geometry: Any = value("window/geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(theme().px(1120), theme().px(760))
        state: Any = value("window/splitter")
        if not (isinstance(state, QByteArray) and self.splitter.restoreState(state)):
            side = theme().shape("sidebar")
            self.splitter.setSizes([side, max(1, self.width() - side)])
        self._folded_by_hand = value("window/sidebar_folded", "false") in (True, "true")
        self._narrow = self.width() < theme().px(FOLD_WIDTH)
        self._set_sidebar(shown=not self._narrow and not self._folded_by_hand)

    def _remember(self) -> None:
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
