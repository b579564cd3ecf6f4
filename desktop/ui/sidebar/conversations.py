"""The conversation list as a Qt model: projects with their conversations, then the others by date, read page by page.

The first page of ten thousand conversations costs as much as that of a hundred: the view calls `fetchMore` as it is
scrolled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from desktop.i18n import translate
from desktop.ui.sidebar.rows import (
    MoreRow,
    ProjectRow,
    SectionHeading,
    heading_text,
    is_conversation,
    section_of,
    shown_title,
    spoken_heading,
)

if TYPE_CHECKING:
    from desktop.store.records import ConversationSummary, StoredProject

PAGE = 100
"""Conversations read at a time."""

Index = QModelIndex | QPersistentModelIndex
Pages = Callable[[int, "ConversationSummary | None"], "list[ConversationSummary]"]
"""`pages(limit, last)`: the conversations outside of projects after `last` (from the first one when None)."""
ProjectPages = Callable[[int, int], "list[ConversationSummary]"]
"""`pages(project, limit)`: the first conversations of a project."""
CONVERSATION_MIME = "application/x-chatbelle-conversation"
"""A conversation that is dragged: its id, in decimal digits."""


class ItemRole(IntEnum):
    """Data of a row for the delegate."""

    SUMMARY = Qt.ItemDataRole.UserRole
    IS_SECTION = Qt.ItemDataRole.UserRole + 1
    IS_OPEN = Qt.ItemDataRole.UserRole + 2
    HAS_FAILED = Qt.ItemDataRole.UserRole + 3
    PROJECT = Qt.ItemDataRole.UserRole + 4
    MORE_OF = Qt.ItemDataRole.UserRole + 5
    IN_PROJECT = Qt.ItemDataRole.UserRole + 6


class ConversationModel(QAbstractListModel):
    """Projects, sections and conversations. Titles are edited in the list; the owner of `pages` stores them.

    `typed_title` returns the unsaved title of a conversation (None: none), `has_failed` whether an answer failed there
    and has not been seen. `projects` returns the projects, `project_pages` their conversations and
    `open_project` the project of what the window shows.
    """

    renamed = Signal(int, str)  # conversation, its new title
    title_typed = Signal(int, object)  # conversation, the text in the editor of its title; None: discarded

    def __init__(self, pages: Pages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.typed_title: Callable[[int], str | None] = lambda _: None
        self.has_failed: Callable[[int], bool] = lambda _: False
        self.projects: Callable[[], list[StoredProject]] = list
        self.open_project: Callable[[], int | None] = lambda: None
        self.project_pages: ProjectPages = lambda _project, _limit: []
        self._shown: dict[int, int] = {}  # project -> how many of its conversations are shown, if more than a page
        self._pages = pages
        self._rows: list[Any] = []
        self._project_ids: set[int] = set()  # of those that have a row
        self._last: ConversationSummary | None = None
        self._complete = True
        self._fetching = False
        self._open_id: int | None = None
        self._day = 0.0

    def reload(self) -> None:
        """Read as many conversations again as are shown. If their order is the same, scrolling and selection stay."""
        self._day = _midnight()
        wanted = max(PAGE, sum(1 for row in self._rows if is_conversation(row) and not self._is_in_project(row)))
        in_projects = self._project_rows()
        summaries = self._pages(wanted, None)
        rows = [*in_projects, *self._with_sections(summaries, before="")]
        self._last = summaries[-1] if summaries else None
        self._project_ids = {row.project.id for row in in_projects if isinstance(row, ProjectRow)}
        # A model reset would lose the view's scroll position and open editor.
        if [_key(row) for row in rows] == [_key(row) for row in self._rows]:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
        else:
            self._fetching = True  # a view may fetch more as soon as it hears of the reset
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
            self._fetching = False
        self._complete = len(summaries) < wanted

    def retranslate(self) -> None:
        """Show the section titles in the present language."""
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))

    def set_open(self, conversation_id: int | None) -> None:
        """Mark the conversation that the window shows."""
        before, self._open_id = self._open_id, conversation_id
        for changed in (before, conversation_id):
            row = self.row_of(changed)
            if row is not None:
                self.dataChanged.emit(self.index(row), self.index(row), [ItemRole.IS_OPEN])
        for row, shown in enumerate(self._rows):
            if isinstance(shown, ProjectRow):
                self.dataChanged.emit(self.index(row), self.index(row), [ItemRole.IS_OPEN])

    def row_of(self, conversation_id: int | None) -> int | None:
        """The row of a conversation; None if it has not been read."""
        for number, row in enumerate(self._rows):
            if is_conversation(row) and row.id == conversation_id:
                return number
        return None

    def row_of_project(self, project_id: int | None) -> int | None:
        """The row of a project; None if it has none."""
        rows = (n for n, row in enumerate(self._rows) if isinstance(row, ProjectRow) and row.project.id == project_id)
        return next(rows, None)

    def project_at(self, index: Index) -> int | None:
        """The project to which a row belongs; None for all others, and for no row."""
        row: Any = self._rows[index.row()] if index.isValid() else None
        if isinstance(row, ProjectRow):
            return row.project.id
        if isinstance(row, MoreRow):
            return row.project_id
        return row.project_id if is_conversation(row) and self._is_in_project(row) else None

    def show_more(self, project_id: int) -> None:
        """Show another page of a project."""
        self._shown[project_id] = self._shown.get(project_id, PAGE) + PAGE
        self.reload()

    def neighbour(self, conversation_id: int | None, step: int) -> int | None:
        """The id of the conversation `step` rows further, wrapping around; None in an empty list."""
        ids = [row.id for row in self._rows if is_conversation(row)]
        if not ids:
            return None
        index = ids.index(conversation_id) + step if conversation_id in ids else 0
        return int(ids[index % len(ids)])

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """The number of rows read so far."""
        return 0 if parent.isValid() else len(self._rows)

    def canFetchMore(self, parent: Index) -> bool:
        """Whether there are conversations that have not been read."""
        return not parent.isValid() and not self._complete

    def fetchMore(self, parent: Index) -> None:
        """Read the next page."""
        # The view may call this again from `endInsertRows`, before the first call has returned.
        if parent.isValid() or self._complete or self._fetching:
            return
        summaries = self._pages(PAGE, self._last)
        self._complete = len(summaries) < PAGE
        if not summaries:
            return
        last_section = next((row.name for row in reversed(self._rows) if isinstance(row, SectionHeading)), "")
        rows = self._with_sections(summaries, before=last_section)
        self._last = summaries[-1]
        self._fetching = True
        self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(rows) - 1)
        self._rows += rows
        self.endInsertRows()
        self._fetching = False

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Section headings cannot be selected; only conversations are dragged and have a title to edit."""
        row = self._rows[index.row()] if index.isValid() else None
        if row is None or isinstance(row, SectionHeading):
            return Qt.ItemFlag.NoItemFlags
        selectable = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if not is_conversation(row):
            return selectable
        return selectable | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsDragEnabled

    def mimeTypes(self) -> list[str]:
        """What can be dragged out of the list."""
        return [CONVERSATION_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        """The dragged conversation."""
        data = QMimeData()
        data.setData(CONVERSATION_MIME, str(self._rows[indexes[0].row()].id).encode())
        return data

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """See `ItemRole`; the display text is the title of the conversation or of the section."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        if not is_conversation(row):
            return self._heading_data(row, role)
        value: Any = None
        match role:
            case ItemRole.IS_SECTION:
                value = False
            case ItemRole.IS_OPEN:
                value = row.id == self._open_id
            case ItemRole.HAS_FAILED:
                value = self.has_failed(row.id)
            case ItemRole.SUMMARY:
                value = row
            case ItemRole.IN_PROJECT:
                value = self._is_in_project(row)
            case Qt.ItemDataRole.DisplayRole:
                value = shown_title(row.title)
            case Qt.ItemDataRole.EditRole:
                typed = self.typed_title(row.id)
                value = shown_title(row.title) if typed is None else typed
            case Qt.ItemDataRole.ToolTipRole if self.has_failed(row.id):
                value = translate("Sidebar", "The answer failed")
            case Qt.ItemDataRole.AccessibleTextRole:
                value = self._accessible_text(row)
        return value

    def _heading_data(self, row: SectionHeading | ProjectRow | MoreRow, role: int) -> Any:
        value: Any = None
        match role:
            case ItemRole.IS_SECTION:
                value = isinstance(row, SectionHeading)
            case ItemRole.PROJECT:
                value = row.project if isinstance(row, ProjectRow) else None
            case ItemRole.IN_PROJECT:
                value = isinstance(row, MoreRow)
            case ItemRole.MORE_OF:
                value = row.project_id if isinstance(row, MoreRow) else None
            case ItemRole.IS_OPEN:
                value = isinstance(row, ProjectRow) and self._hides_open(row.project)
            case Qt.ItemDataRole.DisplayRole:
                value = heading_text(row)
            case Qt.ItemDataRole.AccessibleTextRole:
                value = spoken_heading(row)
        return value

    def _hides_open(self, project: StoredProject) -> bool:
        """Whether the open conversation is in a project that is collapsed."""
        return project.collapsed and self.open_project() == project.id

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Emit the title that was entered. The row changes when the owner of the conversations calls `reload`."""
        row: Any = self._rows[index.row()] if index.isValid() else None
        title = " ".join(str(value).split())
        if not is_conversation(row) or role != Qt.ItemDataRole.EditRole:
            return False
        if title and title != shown_title(row.title):
            self.renamed.emit(row.id, title)
        else:
            self.title_typed.emit(row.id, None)
        return bool(title)

    def _accessible_text(self, row: Any) -> str:
        title = shown_title(row.title)
        if row.id == self._open_id:
            return translate("Sidebar", "{title}, open").format(title=title)
        if self.has_failed(row.id):
            return translate("Sidebar", "{title}, the answer failed").format(title=title)
        return title

    def _is_in_project(self, summary: ConversationSummary) -> bool:
        return summary.project_id in self._project_ids

    def _project_rows(self) -> list[Any]:
        rows: list[Any] = []
        for project in self.projects():
            rows.append(ProjectRow(project))
            if project.collapsed:
                continue
            limit = self._shown.get(project.id, PAGE)
            summaries = self.project_pages(project.id, limit + 1)
            rows += summaries[:limit]
            if len(summaries) > limit:
                rows.append(MoreRow(project.id))
        return rows

    def _with_sections(self, summaries: Sequence[ConversationSummary], *, before: str) -> list[Any]:
        rows: list[Any] = []
        for summary in summaries:
            name = section_of(summary, self._day)
            if name != before:
                rows.append(SectionHeading(name))
                before = name
            rows.append(summary)
        return rows


def _midnight() -> float:
    now = time.localtime()
    return time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1))


def _key(row: Any) -> object:
    return row.id if is_conversation(row) else row
