"""The store as the rest of the program uses it, and what concerns more than one of its parts.

The parts are in the modules beside this one: `Conversations` and `WholeTrees`, `MessageTree`, `Drafts` and
`Search`, on one `Database`.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Unpack

from desktop.store.database import Database
from desktop.store.drafts import Drafts
from desktop.store.errors import StoreError, known_errors
from desktop.store.migrations import MIGRATIONS, Migration
from desktop.store.pictures.kept import Pictures
from desktop.store.records import (
    NewConversation,
    StoredAttachment,
    StoredConversation,
    StoredMessage,
    StoredPicture,
)
from desktop.store.search import Search
from desktop.store.tree import MessageTree
from desktop.store.whole_trees import WholeTrees


class Store(WholeTrees, MessageTree, Drafts, Pictures, Search):
    """Every conversation of one user. Use it from the thread that opened it."""

    recovered: list[int]
    """Ids of the answers that were `streaming` when the last run ended; they are `interrupted` now."""

    is_read_only = False
    """Every change raises StoreError `read_only`."""

    _folder: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        migrations: Sequence[Migration] = MIGRATIONS,
        clock: Callable[[], float] = time.time,
        check: bool = True,
    ) -> Store:
        """Open the file at `path`, or create it. `clock` returns the time in seconds since the epoch.

        Without `check` a damaged file is opened too; its damaged part cannot be read.

        Raises StoreError of the kinds `in_use` (another window has it), `locked`, `newer_schema`, `old_sqlite`,
        `not_a_store`, `damaged`, `disk_full`, `read_only`, `no_permission`, `io_error`. The file is not changed then.
        """
        store = cls(Database(path, migrations, check=check), clock)
        store.recovered = []
        try:
            store.recovered = store._interrupt_streaming()
        except StoreError as error:
            if error.kind != "damaged":
                store.close()
                raise
            store._db.note_damage(error)  # the rest can still be read
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open_for_reading(cls, path: Path, *, migrations: Sequence[Migration] = MIGRATIONS) -> Store:
        """Open the file at `path` without writing to it: every change raises StoreError `read_only`.

        A temporary copy is opened, because migrating an older version and replaying the log need to write. Where the
        file does not exist there are no conversations. Raises StoreError.
        """
        folder = tempfile.TemporaryDirectory(prefix="chatbelle-")
        try:
            copy = Path(folder.name) / path.name
            with known_errors(path):
                for suffix in ("", "-wal"):
                    source = path.with_name(path.name + suffix)
                    if source.exists():
                        shutil.copyfile(source, copy.with_name(copy.name + suffix))
            store = cls.open(copy, migrations=migrations, check=False)
            store._db.refuse_changes(path)
        except BaseException:
            folder.cleanup()
            raise
        store._folder = folder
        store.is_read_only = True
        return store

    def beside(self) -> Callable[[], Store]:
        """What opens the same store a second time, for work in another thread; to be called in that thread.

        What either of them writes the other sees. Search and recovery are for the first alone.
        """
        file, path = self._db.file, self._db.path
        cls, clock, read_only = type(self), self._clock, self.is_read_only

        def open_beside() -> Store:
            store = cls(Database.beside(file), clock)
            store.recovered = []
            if read_only:
                store._db.refuse_changes(path)
                store.is_read_only = True
            return store

        return open_beside

    @property
    def file(self) -> Path:
        """The file that is really open: of a store that is only read, a copy."""
        return self._db.file

    @property
    def database(self) -> Database:
        """The connection, for the tables of documents, which are in the same file."""
        return self._db

    @property
    def damage(self) -> StoreError | None:
        """Why a result was incomplete; None while everything could be read."""
        return self._db.damage

    def add_question(
        self,
        conversation: StoredConversation | None,
        text: str,
        *,
        attachments: Sequence[StoredAttachment] = (),
        pictures: Sequence[StoredPicture] = (),
        **new: Unpack[NewConversation],
    ) -> StoredMessage:
        """Add a question at the end of the shown path and remove its draft, in one transaction.

        `conversation` None creates one with what `new` says. Raises StoreError.
        """
        with self._db.transaction():
            conversation_id = conversation.id if conversation else None
            self.save_draft(conversation_id, "")
            self.save_draft_attachments(conversation_id, ())
            if conversation is None:
                self.save_new_system_prompt("")
                self.save_new_project(None)
                conversation = self.create_conversation(**new)
            path = self.active_path(conversation.id)
            question = self.add_message(
                *(conversation.id, path[-1].id if path else None, "user", text),
                attachments=attachments,
                pictures=pictures,
            )
            self.save_draft_pictures(conversation_id, ())  # only now: a picture that nothing has goes away
            return question

    def begin_conversation(self, greeting: str, **new: Unpack[NewConversation]) -> int:
        """Create a conversation whose first message is one of the model; its number.

        The draft of the new conversation becomes its own, in the same transaction. Raises StoreError.
        """
        with self._db.transaction():
            conversation_id = self.create_conversation(**new).id
            self.add_message(conversation_id, None, "assistant", greeting)
            self.save_draft(conversation_id, self.draft(None))
            self.save_draft(None, "")
            self.save_draft_attachments(conversation_id, self.draft_attachments(None))
            self.save_draft_attachments(None, ())
            self.save_draft_pictures(conversation_id, self.draft_pictures(None))
            self.save_draft_pictures(None, ())
            self.save_new_system_prompt("")
            self.save_new_project(None)
        return conversation_id

    def add_version(self, message_id: int, text: str) -> StoredMessage:
        """Add `text` as a version beside a message and remove the open edit of it, in one transaction.

        A version of a pinned message is pinned, too, and has the same attachments and pictures. Raises StoreError.
        """
        with self._db.transaction():
            self.drop_edit(message_id)
            message = self.message(message_id)
            version = self.add_message(
                *(message.conversation_id, message.parent_id, message.role, text),
                attachments=message.attachments,
                pictures=message.pictures,
            )
            if message.pinned:
                self.set_message_pinned(version.id, True)
            return replace(version, pinned=message.pinned)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._db.close()
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
