"""Reads pictures out of the store."""

from __future__ import annotations

from dataclasses import replace

from desktop.store.database import Database
from desktop.store.errors import StoreError
from desktop.store.records import ConversationTree, StoredPicture, TreeMessage


class Pictures:
    """The store's methods for pictures. Every method raises StoreError."""

    _db: Database

    def picture_data(self, digest: str) -> bytes:
        """The file of a picture. Raises StoreError `not_found`, `damaged` when it is not what was stored."""
        import hashlib  # with OpenSSL, 4 MB of memory: not for a window that shows no picture

        row = self._db.row("SELECT data FROM picture WHERE digest = ?", digest)
        if row is None:
            raise StoreError.of("not_found", thing="picture", id=digest)
        data = bytes(row[0])
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreError.of("damaged", path=str(self._db.path), reason="a picture is not what was stored")
        return data

    def has_picture(self, digest: str) -> bool:
        """Whether a message or a draft has this picture."""
        return self._db.row("SELECT 1 FROM picture WHERE digest = ?", digest) is not None

    def picture_digests(self) -> set[str]:
        """The digests of all pictures that a message or a draft has."""
        return {row[0] for row in self._db.rows("SELECT digest FROM picture")}

    def with_picture_data(self, tree: ConversationTree) -> ConversationTree:
        """`tree` with the files of its pictures; a picture that cannot be read is left out."""
        messages = tuple(self._with_data(message) if message.pictures else message for message in tree.messages)
        return replace(tree, messages=messages)

    def _with_data(self, message: TreeMessage) -> TreeMessage:
        return replace(message, pictures=tuple(filter(None, map(self._readable, message.pictures))))

    def _readable(self, picture: StoredPicture) -> StoredPicture | None:
        try:
            return replace(picture, data=self.picture_data(picture.digest))
        except StoreError as error:
            if error.kind not in ("not_found", "damaged"):
                raise
            self._db.note_damage(error)
            return None
