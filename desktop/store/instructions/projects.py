"""Projects: named groups of conversations with a system prompt, a model and a folder of documents in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from desktop.store.database import Database, Row
from desktop.store.errors import StoreError
from desktop.store.instructions.personas import sampling_json, valid_sampling
from desktop.store.instructions.precedence import InForce, in_force
from desktop.store.reading import ValueReader
from desktop.store.records import ProjectSettings, SamplingChoice, StoredConversation, StoredProject
from desktop.store.salvage import read_or_salvage, readable_rows, row_ids

_SELECT = "SELECT id, name, system_prompt, model, folder, collapsed, sampling, uses_facts FROM project"


@dataclass(frozen=True, slots=True)
class DeletedProject:
    """What `restore_project` needs. `deleted` are the conversations that were deleted with it, `kept` the others."""

    project: StoredProject
    kept: tuple[int, ...]
    deleted: tuple[int, ...]


class Projects:
    """The store's methods for projects. Every method raises StoreError."""

    _db: Database
    _clock: Callable[[], float] = time.time

    def projects(self) -> list[StoredProject]:
        """All projects, by name. Those of a damaged file that cannot be read are left out."""
        rows = read_or_salvage(
            self._db,
            lambda: self._db.rows(_SELECT),
            lambda: list(readable_rows(self._db, f"{_SELECT} WHERE id = ?", row_ids(self._db, "project"))),
        )
        return sorted(map(_project, rows), key=lambda project: (project.settings.name.casefold(), project.id))

    def project(self, project_id: int) -> StoredProject:
        """One project. Raises StoreError `not_found`."""
        row = self._db.row(f"{_SELECT} WHERE id = ?", project_id)
        if row is None:
            raise StoreError.of("not_found", thing="project", id=project_id)
        return _project(row)

    def create_project(self, settings: ProjectSettings) -> StoredProject:
        """Create a project without conversations."""
        with self._db.transaction():
            created = self._db.write(
                "INSERT INTO project (name, system_prompt, model, folder, sampling, uses_facts, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                *_columns(settings).values(),
                self._clock(),
            )
        return self.project(created.lastrowid or 0)

    def change_project(self, project_id: int, settings: ProjectSettings) -> None:
        """Replace the name and the settings of a project."""
        self._set_project(project_id, **_columns(settings))

    def set_project_collapsed(self, project_id: int, collapsed: bool) -> None:
        """Set whether the list shows the project without its conversations."""
        self._set_project(project_id, collapsed=collapsed)

    def n_conversations(self, project_id: int) -> int:
        """How many conversations are in a project."""
        rows = self._db.rows(
            "SELECT count(*) FROM conversation WHERE project_id = ? AND deleted_at IS NULL", project_id
        )
        return int(rows[0][0])

    def project_named(self, settings: ProjectSettings) -> StoredProject:
        """The project of this name, whatever its other settings are; it is created where there is none."""
        same = [project for project in self.projects() if project.settings.name == settings.name]
        return same[0] if same else self.create_project(settings)

    def delete_project(self, project_id: int, *, with_conversations: bool = False) -> DeletedProject:
        """Delete a project. Its conversations stay, or are deleted as by `delete_conversation`."""
        project = self.project(project_id)
        with self._db.transaction():
            rows = self._db.rows(
                "SELECT id, deleted_at IS NULL FROM conversation WHERE project_id = ? ORDER BY id", project_id
            )
            deleted = tuple(row[0] for row in rows if row[1]) if with_conversations else ()
            # Those that were deleted before, too: that may be undone as well.
            kept = tuple(row[0] for row in rows if row[0] not in deleted)
            self._each(deleted, "UPDATE conversation SET deleted_at = ? WHERE id = ?", self._clock())
            # The foreign key takes the project's id from its conversations.
            self._db.write("DELETE FROM project WHERE id = ?", project_id)
        return DeletedProject(project, kept, deleted)

    def restore_project(self, deleted: DeletedProject) -> None:
        """Undo `delete_project`. A conversation that has got into another project meanwhile stays there."""
        project, settings = deleted.project, deleted.project.settings
        with self._db.transaction():
            self._db.write(
                "INSERT INTO project (name, system_prompt, model, folder, sampling, uses_facts,"
                " id, collapsed, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *_columns(settings).values(),
                *(project.id, project.collapsed, self._clock()),
            )
            self._each(deleted.deleted, "UPDATE conversation SET deleted_at = ? WHERE id = ?", None)
            back = "UPDATE conversation SET project_id = ? WHERE id = ? AND project_id IS NULL"
            self._each((*deleted.kept, *deleted.deleted), back, project.id)

    def project_of(self, conversation: StoredConversation) -> StoredProject | None:
        """The project of a conversation; None without one, and where it cannot be read."""
        if conversation.project_id is None:
            return None
        try:
            return self.project(conversation.project_id)
        except StoreError as error:
            if error.kind not in ("not_found", "damaged"):
                raise
            return None

    def system_prompt_of(self, conversation: StoredConversation) -> InForce[str]:
        """The system prompt that holds for a conversation; an empty one counts as none."""
        project = self.project_of(conversation)
        of_project = project.settings.system_prompt if project is not None else ""
        return in_force(filled(conversation.system_prompt), filled(of_project), "")

    def sampling_of(self, conversation: StoredConversation) -> InForce[SamplingChoice]:
        """The sampling values that a conversation has besides those of the model and the settings."""
        project = self.project_of(conversation)
        return in_force(conversation.sampling or None, project.settings.sampling or None if project else None, {})

    def uses_facts_of(self, conversation: StoredConversation) -> InForce[bool]:
        """Whether facts about the person are used in a conversation, where they are used at all."""
        project = self.project_of(conversation)
        return in_force(conversation.uses_facts, project.settings.uses_facts if project else None, True)

    def _each(self, ids: Sequence[int], sql: str, value: Any) -> None:
        for conversation_id in ids:
            self._db.write(sql, value, conversation_id)

    def _set_project(self, project_id: int, **columns: Any) -> None:
        assignments = ", ".join(f"{column} = ?" for column in columns)
        with self._db.transaction():
            sql = f"UPDATE project SET {assignments} WHERE id = ?"  # noqa: S608
            changed = self._db.write(sql, *columns.values(), project_id)
        if not changed.rowcount:
            raise StoreError.of("not_found", thing="project", id=project_id)


def truth_or_none(value: Any) -> bool | None:
    """The truth value of a column that may say nothing."""
    return bool(value) if isinstance(value, int) else None


def filled(text: str) -> str | None:
    """`text`, or None where it is empty or white space."""
    return text if text.strip() else None


def _columns(settings: ProjectSettings) -> dict[str, str | bool | None]:
    return {
        "name": settings.name,
        "system_prompt": settings.system_prompt,
        "model": settings.model,
        "folder": settings.folder,
        "sampling": sampling_json(settings.sampling),
        "uses_facts": settings.uses_facts,
    }


def _project(row: Row) -> StoredProject:
    read = ValueReader(row)
    sampling = valid_sampling(read.json_object(6))
    settings = ProjectSettings(read.text(1), read.text(2), read.text(3), read.text(4), sampling, truth_or_none(row[7]))
    return StoredProject(read.integer(0), settings, bool(row[5]))
