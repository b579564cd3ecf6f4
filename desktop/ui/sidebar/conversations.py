"""The conversation list as a Qt model: rows are section headings and conversations, read page by page.

The first page of ten thousand conversations costs as much as that of a hundred: the view calls `fetchMore` as it is
scrolled.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from desktop.i18n import translate

if TYPE_CHECKING:
    from desktop.store.records import ConversationSummary

PAGE = 100
"""Conversations read at a time."""

Index = QModelIndex | QPersistentModelIndex
Pages = Callable[[int, "ConversationSummary | None"], "list[ConversationSummary]"]
"""`pages(limit, last)`: the conversations after `last` (from the first one when None)."""


class ItemRole(IntEnum):
    """Data of a row for the delegate."""

    SUMMARY = Qt.ItemDataRole.UserRole
    IS_SECTION = Qt.ItemDataRole.UserRole + 1
    IS_OPEN = Qt.ItemDataRole.UserRole + 2
    HAS_FAILED = Qt.ItemDataRole.UserRole + 3


@dataclass(frozen=True, slots=True)
class SectionHeading:
    """A heading row."""

    name: str


class ConversationModel(QAbstractListModel):
    """Sections and conversations. Titles are edited in the list; the owner of `pages` stores them.

    `typed_title` returns the unsaved title of a conversation (None: none), `has_failed` whether an answer failed there
    and has not been seen.
    """

    renamed = Signal(int, str)  # conversation, its new title
    title_typed = Signal(int, object)  # conversation, the text in the editor of its title; None: discarded

    def __init__(self, pages: Pages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.typed_title: Callable[[int], str | None] = lambda _: None
        self.has_failed: Callable[[int], bool] = lambda _: False
        self._pages = pages
        self._rows: list[Any] = []
        self._last: ConversationSummary | None = None
        self._complete = True
        self._fetching = False
        self._open_id: int | None = None
        self._day = 0.0

    def reload(self) -> None:
        """Read as many conversations again as are shown. If their order is the same, scrolling and selection stay."""
        self._day = _midnight()
        wanted = max(PAGE, sum(1 for row in self._rows if not isinstance(row, SectionHeading)))
        summaries = self._pages(wanted, None)
        rows = self._with_sections(summaries, before="")
        self._last = summaries[-1] if summaries else None
        # A model reset would lose the view's scroll position and open editor.
        if [_key(row) for row in rows] == [_key(row) for row in self._rows]:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
        else:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
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

    def row_of(self, conversation_id: int | None) -> int | None:
        """The row of a conversation; None if it has not been read."""
        for number, row in enumerate(self._rows):
            if not isinstance(row, SectionHeading) and row.id == conversation_id:
                return number
        return None

    def neighbour(self, conversation_id: int | None, step: int) -> int | None:
        """The id of the conversation `step` rows further, wrapping around; None in an empty list."""
        ids = [row.id for row in self._rows if not isinstance(row, SectionHeading)]
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
        """Section headings cannot be selected."""
        if not index.isValid() or isinstance(self._rows[index.row()], SectionHeading):
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """See `ItemRole`; the display text is the title of the conversation or of the section."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        row = self._rows[index.row()]
        section = isinstance(row, SectionHeading)
        value: Any = None
        match role:
            case ItemRole.IS_SECTION:
                value = section
            case ItemRole.IS_OPEN:
                value = not section and row.id == self._open_id
            case ItemRole.HAS_FAILED:
                value = not section and self.has_failed(row.id)
            case ItemRole.SUMMARY:
                value = None if section else row
            case Qt.ItemDataRole.DisplayRole:
                value = section_title(row.name) if section else shown_title(row.title)
            case Qt.ItemDataRole.EditRole if not section:
                typed = self.typed_title(row.id)
                value = shown_title(row.title) if typed is None else typed
            case Qt.ItemDataRole.ToolTipRole if not section and self.has_failed(row.id):
                value = translate("Sidebar", "The answer failed")
            case Qt.ItemDataRole.AccessibleTextRole:
                value = self._accessible_text(row)
        return value

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Emit the title that was entered. The row changes when the owner of the conversations calls `reload`."""
        row = self._rows[index.row()] if index.isValid() else None
        title = " ".join(str(value).split())
        if row is None or isinstance(row, SectionHeading) or role != Qt.ItemDataRole.EditRole:
            return False
        if title and title != shown_title(row.title):
            self.renamed.emit(row.id, title)
        else:
            self.title_typed.emit(row.id, None)
        return bool(title)

    def _accessible_text(self, row: Any) -> str:
        if isinstance(row, SectionHeading):
            return section_title(row.name)
        title = shown_title(row.title)
        if row.id == self._open_id:
            return translate("Sidebar", "{title}, open").format(title=title)
        if self.has_failed(row.id):
            return translate("Sidebar", "{title}, the answer failed").format(title=title)
        return title

    def _with_sections(self, summaries: Sequence[ConversationSummary], *, before: str) -> list[Any]:
        rows: list[Any] = []
        for summary in summaries:
            name = section_of(summary, self._day)
            if name != before:
                rows.append(SectionHeading(name))
                before = name
            rows.append(summary)
        return rows


def section_of(summary: ConversationSummary, today: float) -> str:
    """The section of a conversation; `today` is this morning's midnight (epoch seconds, local time)."""
    if summary.pinned:
        return "pinned"
    if summary.updated_at >= today:
        return "today"
    day = datetime.fromtimestamp(today)  # noqa: DTZ006  (sections follow the person's own calendar)
    if summary.updated_at >= (day - timedelta(days=1)).timestamp():
        return "yesterday"
    if summary.updated_at >= (day - timedelta(days=7)).timestamp():
        return "week"
    return "older"


def section_title(name: str) -> str:
    """The heading of a section."""
    return {
        "pinned": translate("Sidebar", "Pinned"),
        "today": translate("Sidebar", "Today"),
        "yesterday": translate("Sidebar", "Yesterday"),
        "week": translate("Sidebar", "Previous 7 days"),
        "older": translate("Sidebar", "Older"),
    }[name]


def shown_title(title: str) -> str:
    """A title on one line; “New chat” for an empty one."""
    return " ".join(title.split()) or translate("Sidebar", "New chat")


def _midnight() -> float:
    now = time.localtime()
    return time.mktime((now.tm_year, now.tm_mon, now.tm_mday, 0, 0, 0, 0, 0, -1))


def _key(row: Any) -> object:
    return row.name if isinstance(row, SectionHeading) else row.id
