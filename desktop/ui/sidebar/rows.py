"""What the rows of the conversation list are: headings by date, projects, conversations, and what each is called."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from desktop.i18n import translate

if TYPE_CHECKING:
    from desktop.store.records import ConversationSummary, StoredProject


# Not dataclasses: importing them takes a third as long as building the window. Not tuples: Qt makes lists of these.


class SectionHeading:
    """A heading row."""

    def __init__(self, name: str) -> None:
        self.name = name


class ProjectRow:
    """The row of a project, above its conversations."""

    def __init__(self, project: StoredProject) -> None:
        self.project = project


class MoreRow:
    """The last row of a project with more conversations than are shown."""

    def __init__(self, project_id: int) -> None:
        self.project_id = project_id


def is_conversation(row: Any) -> bool:
    """Whether a row is a conversation, and not a heading of some kind."""
    return row is not None and not isinstance(row, SectionHeading | ProjectRow | MoreRow)


def heading_text(row: SectionHeading | ProjectRow | MoreRow) -> str:
    """What a row that is no conversation shows."""
    if isinstance(row, SectionHeading):
        return section_title(row.name)
    return shown_name(row.project) if isinstance(row, ProjectRow) else translate("Sidebar", "Show more")


def spoken_heading(row: SectionHeading | ProjectRow | MoreRow) -> str:
    """What a screen reader says of it."""
    if not isinstance(row, ProjectRow):
        return heading_text(row)
    if row.project.collapsed:
        return translate("Sidebar", "Project {name}, folded").format(name=shown_name(row.project))
    return translate("Sidebar", "Project {name}, unfolded").format(name=shown_name(row.project))


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


def shown_name(project: StoredProject) -> str:
    """The name of a project on one line."""
    return " ".join(project.settings.name.split()) or translate("Sidebar", "Untitled project")


def shown_title(title: str) -> str:
    """A title on one line; “New chat” for an empty one."""
    return " ".join(title.split()) or translate("Sidebar", "New chat")
