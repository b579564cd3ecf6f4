"""The lists of the sidebar with keyboard and mouse: the common base class, and the list of conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
)
from PySide6.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QListView, QMenu, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import caption
from desktop.ui.sidebar.conversations import CONVERSATION_MIME, ConversationModel, Index, ItemRole
from desktop.ui.sidebar.delegates import ConversationDelegate, RowDelegate
from desktop.ui.sidebar.rows import shown_name
from desktop.ui.style.icons import icon

if TYPE_CHECKING:
    from desktop.store.records import ConversationSummary, StoredProject


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
    """The list of conversations. F2 renames in place, Delete deletes, the menu key opens the menu of the row.

    A project is folded and unfolded by a click, Enter, Left and Right; a conversation is dragged into it, or out.
    """

    IDENTITY = (ItemRole.SUMMARY, ItemRole.PROJECT)
    """The data by which a row is found again when the list has been read anew."""

    opened = Signal(int)
    delete_requested = Signal(int)
    pin_requested = Signal(int, bool)
    fold_requested = Signal(int, bool)  # project, whether it is to be collapsed
    move_requested = Signal(int, object)  # conversation, project | None
    new_project_requested = Signal(object)  # conversation to move into it | None
    project_chat_requested = Signal(int)
    project_edit_requested = Signal(int)
    project_delete_requested = Signal(int)

    def __init__(self, model: ConversationModel, parent: QWidget | None = None) -> None:
        self._delegate = ConversationDelegate()
        super().__init__(model, self._delegate, parent)
        self.conversations = model
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDropIndicatorShown(False)

    def open_row(self, index: QModelIndex) -> None:
        """Open the conversation, fold or unfold the project, or show more of it."""
        summary, project, more_of = (index.data(r) for r in (ItemRole.SUMMARY, ItemRole.PROJECT, ItemRole.MORE_OF))
        if summary is not None:
            self.opened.emit(summary.id)
        elif project is not None:
            self.fold_requested.emit(project.id, not project.collapsed)
        elif more_of is not None:
            self.conversations.show_more(more_of)

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
        """F2 renames, Delete or Backspace deletes; Left folds the project of a row, Right unfolds it."""
        current = self.currentIndex()
        if not self._acts_on(current, Qt.Key(event.key())):
            super().keyPressEvent(event)

    def _acts_on(self, index: QModelIndex, key: Qt.Key) -> bool:
        """Do what a key means for a row; False where it means nothing."""
        summary, project = index.data(ItemRole.SUMMARY), index.data(ItemRole.PROJECT)
        deletes = key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace)
        if key == Qt.Key.Key_F2:
            self.rename_row(index)
        elif summary is not None and deletes:
            self.delete_requested.emit(summary.id)
        elif project is not None and deletes:
            self.project_delete_requested.emit(project.id)
        elif project is not None and key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self._fold(project, collapsed=key == Qt.Key.Key_Left)
        elif key == Qt.Key.Key_Left and (row := self._row_of_project(index)) is not None:
            self.setCurrentIndex(self.conversations.index(row))
        else:
            return False
        return True

    def rename_row(self, index: QModelIndex) -> None:
        """Edit the title of a conversation in place; open the settings of a project."""
        project = index.data(ItemRole.PROJECT)
        if project is not None:
            self.project_edit_requested.emit(project.id)
        elif index.flags() & Qt.ItemFlag.ItemIsEditable:
            self.edit(index)

    def _row_of_project(self, index: QModelIndex) -> int | None:
        return self.conversations.row_of_project(self.conversations.project_at(index))

    def _fold(self, project: StoredProject, *, collapsed: bool) -> None:
        if project.collapsed != collapsed:
            self.fold_requested.emit(project.id, collapsed)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press on ⋯ opens the menu of the row instead of the conversation."""
        index = self.indexAt(event.position().toPoint())
        if (
            event.button() == Qt.MouseButton.LeftButton
            and _has_menu(index)
            and self._delegate.menu_button_rect(self.visualRect(index)).contains(event.position().toPoint())
        ):
            self._show_menu(index, self.viewport().mapToGlobal(event.position().toPoint()))
            return
        super().mousePressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Open the menu of the row: at the pointer, or by keyboard below the current row."""
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        index = self.indexAt(event.pos()) if by_mouse else self.currentIndex()
        if not _has_menu(index):
            return
        row: QRect = self.visualRect(index)
        self._show_menu(index, event.globalPos() if by_mouse else self.viewport().mapToGlobal(row.bottomLeft()))

    def _show_menu(self, index: QModelIndex, position: QPoint) -> None:
        self.setCurrentIndex(index)
        menu = self.row_menu(index)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(position)

    def row_menu(self, index: QModelIndex) -> QMenu:
        """The menu of a row. Of a conversation: rename, pin, move, delete; of a project: new chat, settings, delete."""
        project = index.data(ItemRole.PROJECT)
        return self._conversation_menu(index.data(ItemRole.SUMMARY)) if project is None else self._project_menu(project)

    def _conversation_menu(self, summary: ConversationSummary) -> QMenu:
        menu = QMenu(self)
        rename = menu.addAction(icon("rename", size=16), translate("Sidebar", "Rename"))
        rename.triggered.connect(lambda: self.edit(self.currentIndex()))
        words = translate("Sidebar", "Unpin") if summary.pinned else translate("Sidebar", "Pin to the top")
        pin = menu.addAction(icon("unpin" if summary.pinned else "pin", size=16), words)
        pin.triggered.connect(lambda: self.pin_requested.emit(summary.id, not summary.pinned))
        self._add_projects(menu, summary)
        menu.addSeparator()
        delete = menu.addAction(icon("trash", "bad", 16), translate("Sidebar", "Delete"))
        delete.triggered.connect(lambda: self.delete_requested.emit(summary.id))
        return menu

    def _add_projects(self, menu: QMenu, summary: ConversationSummary) -> None:
        """Add the menu that moves a conversation into a project, or out of it."""
        move = menu.addMenu(icon("folder", size=16), translate("Sidebar", "Move to project"))
        targets: list[tuple[int | None, str]] = [
            (project.id, caption(shown_name(project))) for project in self.conversations.projects()
        ]
        if summary.project_id is not None:
            targets.append((None, translate("Sidebar", "No project")))
        for project_id, name in targets:
            action = move.addAction(name)
            if project_id == summary.project_id:
                action.setIcon(icon("check", "violet", 16))
                action.setEnabled(False)
            action.triggered.connect(lambda _=False, target=project_id: self.move_requested.emit(summary.id, target))
        move.addSeparator()
        new = move.addAction(translate("Sidebar", "New project…"))
        new.triggered.connect(lambda: self.new_project_requested.emit(summary.id))

    def _project_menu(self, project: StoredProject) -> QMenu:
        menu = QMenu(self)
        chat = menu.addAction(icon("plus", "violet", 16), translate("Sidebar", "New chat in this project"))
        chat.triggered.connect(lambda: self.project_chat_requested.emit(project.id))
        edit = menu.addAction(icon("edit", size=16), translate("Sidebar", "Project settings…"))
        edit.triggered.connect(lambda: self.project_edit_requested.emit(project.id))
        new = menu.addAction(icon("folder", size=16), translate("Sidebar", "New project…"))
        new.triggered.connect(lambda: self.new_project_requested.emit(None))
        menu.addSeparator()
        delete = menu.addAction(icon("trash", "bad", 16), translate("Sidebar", "Delete project…"))
        delete.triggered.connect(lambda: self.project_delete_requested.emit(project.id))
        return menu

    # Dragging

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept a conversation of this list; files go to the window."""
        if event.mimeData().hasFormat(CONVERSATION_MIME):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Mark the project below the pointer."""
        super().dragMoveEvent(event)  # scrolls at the edges
        row = self._row_of_project(self.indexAt(event.position().toPoint()))
        self._hover(-1 if row is None else row)
        event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Mark no project any more."""
        super().dragLeaveEvent(event)
        self._hover(-1)

    def dropEvent(self, event: QDropEvent) -> None:
        """Move the conversation into the project below the pointer; elsewhere, out of its project."""
        self._hover(-1)
        dragged = bytes(event.mimeData().data(CONVERSATION_MIME).data())
        target = self.conversations.project_at(self.indexAt(event.position().toPoint()))
        # Not a move for Qt, which would remove the dragged row.
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if dragged.isdigit():
            # Later: the model must not be reset while Qt is still inside the drag.
            QTimer.singleShot(0, self, lambda: self.move_requested.emit(int(dragged), target))


def _has_menu(index: QModelIndex) -> bool:
    return index.data(ItemRole.SUMMARY) is not None or index.data(ItemRole.PROJECT) is not None
