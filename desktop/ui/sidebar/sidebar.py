"""The whole sidebar: new chat, search, conversations or search results, settings, offline badge."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import set_tooltip
from desktop.ui.offline import OfflineBadge
from desktop.ui.shortcuts import key_text
from desktop.ui.style.controls import IconButton, View, label
from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.store.records import SearchHit
    from desktop.ui.sidebar.conversations import ConversationModel, Pages
    from desktop.ui.sidebar.hits import HitList
    from desktop.ui.sidebar.lists import ConversationList

SEARCH_DELAY_MS = 120
"""A search runs when nothing was typed for this long."""

Search = Callable[[str], "list[SearchHit]"]


class Sidebar(View):
    """Gets conversations from `pages` and hits from `search`; emits what the person wants."""

    accessible_role = "Grouping"
    new_chat_requested = Signal()
    opened = Signal(int)
    hit_opened = Signal(int, object, str)  # conversation, message | None, the searched text
    delete_requested = Signal(int)
    pin_requested = Signal(int, bool)
    settings_requested = Signal()
    fold_requested = Signal()

    def __init__(self, pages: Pages, search: Search, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._search = search
        self._stale = False
        self._pages = pages
        self._list: ConversationList | None = None
        self._hit_list: HitList | None = None
        self._build()
        self._connect()
        self.ready()

    def _build(self) -> None:
        self.new_button = QPushButton(self)
        self.new_button.setProperty("kind", "quiet")
        self.fold_button = IconButton("sidebar", parent=self)
        self.search_field = QLineEdit(self)
        self._search_icon = QLabel(self.search_field)
        self._search_icon.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.clear_button = IconButton("x", "ink-3", parent=self.search_field)
        self.clear_button.setObjectName("clear-search")
        self.clear_button.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # not in the tab order: Esc does the same
        self.clear_button.hide()
        self.clear_button.setCursor(Qt.CursorShape.ArrowCursor)
        self.stack = QStackedWidget(self)
        self.no_conversations = _EmptyListText(self.stack)
        self.no_results = _EmptyListText(self.stack)
        for page in (self.no_conversations, self.no_results):
            self.stack.addWidget(page)
        self.settings_button = QPushButton(self)
        self.settings_button.setProperty("kind", "quiet")
        self.badge = OfflineBadge(parent=self)

        self._top = QHBoxLayout()
        self._top.addWidget(self.new_button, 1)
        self._top.addWidget(self.fold_button)
        self._middle = QHBoxLayout()
        self._middle.addWidget(self.search_field)
        self._bottom = QVBoxLayout()
        self._bottom.addWidget(self.settings_button)
        self._bottom.addWidget(self.badge)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(self._top)
        whole.addLayout(self._middle)
        whole.addWidget(self.stack, 1)
        whole.addLayout(self._bottom)

    def _connect(self) -> None:
        self._search_timer = QTimer(self, interval=SEARCH_DELAY_MS, singleShot=True)
        self._search_timer.timeout.connect(self._run_search)
        self.new_button.clicked.connect(self.new_chat_requested)
        self.fold_button.clicked.connect(self.fold_requested)
        self.settings_button.clicked.connect(self.settings_requested)
        self.search_field.textChanged.connect(self._search_changed)
        self.search_field.returnPressed.connect(self._enter_results)
        self.search_field.installEventFilter(self)
        self.clear_button.clicked.connect(self.clear_search)

    # Called by the window

    def reload(self) -> None:
        """The conversations have changed."""
        if self.list.is_editing():
            self._stale = True  # read after the editor is closed: a reset of the model would close it
            return
        self._stale = False
        current = self.list.currentIndex()
        chosen, project = (current.data(role) for role in self.list.IDENTITY)
        self.model.reload()
        row = self.model.row_of(chosen.id) if chosen else self.model.row_of_project(project.id) if project else None
        if row is not None:
            self.list.setCurrentIndex(self.model.index(row))
        self._show_page()

    def set_open(self, conversation_id: int | None) -> None:
        """Mark the conversation that the window shows."""
        self.model.set_open(conversation_id)
        row = self.model.row_of(conversation_id)
        if row is not None:
            self.list.setCurrentIndex(self.model.index(row))
        else:
            self.list.clearSelection()

    def focus_search(self) -> None:
        """Focus the search field."""
        self.search_field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search_field.selectAll()

    def clear_search(self) -> None:
        """Show the conversations again."""
        self.search_field.clear()

    @property
    def list(self) -> ConversationList:
        """The list of conversations. Created at the first use, after the first paint of the window."""
        if self._list is None:
            from desktop.ui.sidebar.conversations import ConversationModel
            from desktop.ui.sidebar.lists import ConversationList

            self._list = chat_list = ConversationList(ConversationModel(self._pages, self), self.stack)
            chat_list.opened.connect(self.opened)
            chat_list.delete_requested.connect(self.delete_requested)
            chat_list.pin_requested.connect(self.pin_requested)
            chat_list.itemDelegate().closeEditor.connect(self._editor_closed)
            self.stack.addWidget(chat_list)
            self.setTabOrder(self.clear_button, chat_list)
            self._name_lists()
        return self._list

    @property
    def model(self) -> ConversationModel:
        """The model of the list of conversations."""
        return self.list.conversations

    @property
    def hit_list(self) -> HitList:
        """The list of search results. Created at the first search."""
        if self._hit_list is None:
            from desktop.ui.sidebar.hits import HitList

            self._hit_list = HitList(self.stack)
            self._hit_list.opened.connect(self._open_hit)
            self.stack.addWidget(self._hit_list)
            self.setTabOrder(self.list, self._hit_list)
            self._name_lists()
        return self._hit_list

    def rename_current(self) -> None:
        """Edit the title of the current row in place, or the project of that row."""
        if self.list.currentIndex().isValid():
            self.list.setFocus()
            self.list.rename_row(self.list.currentIndex())

    # Search

    def _search_changed(self, text: str) -> None:
        self.clear_button.setVisible(bool(text))
        if text.strip():
            self._search_timer.start()
        else:
            self._search_timer.stop()
            self._show_page()

    def _run_search(self) -> None:
        self._search_timer.stop()
        text = self.search_field.text().strip()
        if not text:
            return
        hits = self._search(text)
        if hits:
            self.hit_list.hits.set_hits(hits)
            self.hit_list.scrollToTop()
        self.no_results.set_text(
            translate("Sidebar", "Nothing found"),
            translate("Sidebar", "No conversation contains “{text}”.").format(text=text),
        )
        self.stack.setCurrentWidget(self.hit_list if hits else self.no_results)

    def _enter_results(self) -> None:
        if self._search_timer.isActive():
            self._run_search()
        for view in (self._hit_list, self._list):
            if view is not None and view is self.stack.currentWidget():
                view.setFocus(Qt.FocusReason.OtherFocusReason)

    def _open_hit(self, conversation_id: int, message_id: int | None) -> None:
        self.hit_opened.emit(conversation_id, message_id, self.search_field.text().strip())

    def _show_page(self) -> None:
        if self.search_field.text().strip():
            self._run_search()
        else:
            self.stack.setCurrentWidget(self.list if self.model.rowCount() else self.no_conversations)

    def _editor_closed(self) -> None:
        # Later: the delegate emits `closeEditor` before the view has left its editing state.
        QTimer.singleShot(0, self, self._after_edit)

    def _after_edit(self) -> None:
        if self._stale:
            self.reload()

    # Texts, style, keys

    def retranslate(self) -> None:
        """The texts in the present language."""
        self.setAccessibleName(translate("Sidebar", "Conversations"))
        self.new_button.setText(translate("Sidebar", "New chat"))
        set_tooltip(self.new_button, key_text("new_chat"))
        self.fold_button.name(translate("Sidebar", "Hide the sidebar"), key_text("sidebar"))
        self.search_field.setPlaceholderText(translate("Sidebar", "Search"))
        self.search_field.setAccessibleName(translate("Sidebar", "Search in titles and messages"))
        set_tooltip(self.search_field, key_text("search"))
        self.clear_button.name(translate("Sidebar", "Clear the search"))
        self._name_lists()
        self.no_conversations.set_text(
            translate("Sidebar", "No conversations yet"),
            translate("Sidebar", "What you write is kept here, on this computer."),
        )
        self.settings_button.setText(translate("Sidebar", "Settings"))
        set_tooltip(self.settings_button, key_text("settings"))
        self.badge.retranslate()
        if self._list is not None:
            self.model.retranslate()

    def _name_lists(self) -> None:
        if self._list is not None:
            self._list.setAccessibleName(translate("Sidebar", "Conversations"))
        if self._hit_list is not None:
            self._hit_list.setAccessibleName(translate("Sidebar", "Search results"))

    def restyle(self) -> None:
        """Set icons and distances."""
        look = theme()
        self.new_button.setIcon(icon("plus", "violet"))
        self.settings_button.setIcon(icon("settings"))
        for button in (self.new_button, self.settings_button):
            button.setIconSize(icon_size(20))
        self._search_icon.setPixmap(icon("search", "ink-3").pixmap(icon_size(20)))
        self._search_icon.setFixedSize(icon_size(20))
        self._top.setContentsMargins(look.px(8), look.px(8), look.px(8), look.px(4))
        self._top.setSpacing(look.space(0))
        self._middle.setContentsMargins(look.px(8), 0, look.px(8), look.px(8))
        self._bottom.setContentsMargins(look.px(8), look.px(8), look.px(8), look.px(8))
        self._bottom.setSpacing(look.px(2))
        for view in (self._list, self._hit_list):
            if view is not None:
                view.scheduleDelayedItemsLayout()
        self.clear_button.setIconSize(icon_size(16))
        self.search_field.setTextMargins(look.px(28), 0, look.px(24), 0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Search field: Down moves to the results, Esc clears; a resize moves its icon and clear button."""
        if watched is self.search_field:
            if event.type() == QEvent.Type.Resize:
                side = self.clear_button.sizeHint().width()
                field = self.search_field.rect()
                self.clear_button.move(field.right() - side - 2, (field.height() - side) // 2)
                self._search_icon.move(theme().px(9), (field.height() - self._search_icon.height()) // 2)
            elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
                if event.key() == Qt.Key.Key_Down:
                    self._enter_results()
                    return True
                if event.key() == Qt.Key.Key_Escape and self.search_field.text():
                    self.clear_search()
                    return True
        return super().eventFilter(watched, event)


class _EmptyListText(QWidget):
    """The text shown in place of an empty list."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._first: QLabel = label("muted", self, wrap=True)
        self._second: QLabel = label("quiet", self, wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 24, 20, 0)
        column.setSpacing(4)
        column.addWidget(self._first)
        column.addWidget(self._second)
        column.addStretch(1)

    def set_text(self, first: str, second: str) -> None:
        """Set both lines."""
        self._first.setText(first)
        self._second.setText(second)

    def text(self) -> str:
        """Both lines."""
        return f"{self._first.text()}\n{self._second.text()}"
