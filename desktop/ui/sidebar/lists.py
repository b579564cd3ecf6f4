"""The lists of the sidebar with keyboard and mouse: the common base class, and the list of conversations."""

from __future__ import annotations

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QListView, QMenu, QWidget

from desktop.i18n import translate
from desktop.ui.sidebar.conversations import ConversationModel, Index, ItemRole
from desktop.ui.sidebar.delegates import ConversationDelegate, RowDelegate
from desktop.ui.style.icons import icon


class RowList(QListView):
    """A list whose rows are opened by a click or the Enter key."""

    def __init__(self, model: QAbstractListModel, delegate: RowDelegate, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = delegate
        delegate.setParent(self)
        self.setItemDelegate(delegate)
        self.setModel(model)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.clicked.connect(self.open_row)

    def open_row(self, index: QModelIndex) -> None:
        """Open the row, which was clicked or entered."""
        raise NotImplementedError

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the current row."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.currentIndex().isValid():
                self.open_row(self.currentIndex())
            return
        super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Make a row current if none is, so that the focus is visible and Enter has a row."""
        super().focusInEvent(event)
        if not self.currentIndex().isValid():
            self.choose_first()
        self._follow_focus()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Remove the focus ring."""
        super().focusOutEvent(event)
        self._follow_focus()

    def currentChanged(self, current: Index, previous: Index) -> None:
        """Move the focus ring."""
        super().currentChanged(current, previous)
        self._follow_focus()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Hover the row under the pointer."""
        super().mouseMoveEvent(event)
        index = self.indexAt(event.position().toPoint())
        self._hover(index.row() if index.flags() & Qt.ItemFlag.ItemIsEnabled else -1)

    def leaveEvent(self, event: QEvent) -> None:
        """End the hover."""
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self._rows.hovered:
            self._rows.hovered = row
            self.viewport().update()

    def _follow_focus(self) -> None:
        row = self.currentIndex().row() if self.hasFocus() else -1
        if row != self._rows.focused:
            self._rows.focused = row
            self.viewport().update()

    def choose_first(self) -> None:
        """Make the first selectable row current."""
        for row in range(self.model().rowCount()):
            index = self.model().index(row, 0)
            if index.flags() & Qt.ItemFlag.ItemIsSelectable:
                self.setCurrentIndex(index)
                return


class ConversationList(RowList):
    """The list of conversations. F2 renames in place, Delete deletes, the menu key opens the menu of the row."""

    opened = Signal(int)
    delete_requested = Signal(int)
    pin_requested = Signal(int, bool)

    def __init__(self, model: ConversationModel, parent: QWidget | None = None) -> None:
        self._delegate = ConversationDelegate()
        super().__init__(model, self._delegate, parent)
        self.conversations = model
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)

    def open_row(self, index: QModelIndex) -> None:
        """Open the conversation."""
        summary = index.data(ItemRole.SUMMARY)
        if summary is not None:
            self.opened.emit(summary.id)

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        """Esc discards the typed title."""
        super().closeEditor(editor, hint)
        # With this hint Qt does not call `setData`, so the model cannot say it.
        if hint == QAbstractItemDelegate.EndEditHint.RevertModelCache:
            self.conversations.title_typed.emit(editor.property("conversation_id"), None)

    def is_editing(self) -> bool:
        """Whether a title is being edited."""
        return self.state() == QAbstractItemView.State.EditingState

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """F2 renames, Delete or Backspace deletes."""
        summary = self.currentIndex().data(ItemRole.SUMMARY) if self.currentIndex().isValid() else None
        if summary is not None and event.key() == Qt.Key.Key_F2:
            self.edit(self.currentIndex())
        elif summary is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.delete_requested.emit(summary.id)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press on ⋯ opens the menu of the row instead of the conversation."""
        index = self.indexAt(event.position().toPoint())
        if (
            event.button() == Qt.MouseButton.LeftButton
            and index.data(ItemRole.SUMMARY) is not None
            and self._delegate.menu_button_rect(self.visualRect(index)).contains(event.position().toPoint())
        ):
            self._show_menu(index, self.viewport().mapToGlobal(event.position().toPoint()))
            return
        super().mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Open the menu of the row: at the pointer, or by keyboard below the current row."""
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if by_mouse else self.currentIndex()
        if index.data(ItemRole.SUMMARY) is None:
            return
        row: QRect = self.visualRect(index)
        self._show_menu(index, event.globalPos() if by_mouse else self.viewport().mapToGlobal(row.bottomLeft()))

    def _show_menu(self, index: QModelIndex, position: QPoint) -> None:
        self.setCurrentIndex(index)
        menu = self.row_menu(index)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(position)

    def row_menu(self, index: QModelIndex) -> QMenu:
        """The menu of a row: rename, pin, delete."""
        summary = index.data(ItemRole.SUMMARY)
        menu = QMenu(self)
        rename = menu.addAction(icon("rename", size=16), translate("Sidebar", "Rename"))
        rename.triggered.connect(lambda: self.edit(self.currentIndex()))
        words = translate("Sidebar", "Unpin") if summary.pinned else translate("Sidebar", "Pin to the top")
        pin = menu.addAction(icon("unpin" if summary.pinned else "pin", size=16), words)
        pin.triggered.connect(lambda: self.pin_requested.emit(summary.id, not summary.pinned))
        menu.addSeparator()
        delete = menu.addAction(icon("trash", "bad", 16), translate("Sidebar", "Delete"))
        delete.triggered.connect(lambda: self.delete_requested.emit(summary.id))
        return menu
