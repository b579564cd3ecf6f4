"""Stored pictures as files: the engine's worker reads them by their paths. They can be made again at any time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from belle import paths
from belle.durable import write_bytes
from belle.errors import KnownError
from belle.prompts import PictureRef
from desktop.store import Store, StoreError
from desktop.store.records import StoredPicture


class PictureFiles:
    """Writes a picture's file when it is first needed.

    Args:
        store: has the pictures.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def ref(self, picture: StoredPicture) -> PictureRef:
        """A picture for a message to a model that sees. Raises StoreError where it cannot be read, or written."""
        path = _path(picture.digest)
        if not path.exists():
            data = picture.data or self._store.picture_data(picture.digest)
            try:
                paths.private_folder(path.parent)
                write_bytes(path, data)
            except KnownError as error:
                raise StoreError(error.kind, error.message, error.advice, **dict(error.details)) from error
        return PictureRef(str(path))

    def refs(self, pictures: Iterable[StoredPicture]) -> tuple[PictureRef, ...]:
        """The same for several."""
        return tuple(map(self.ref, pictures))

    def delete_orphans(self) -> None:
        """Delete the files of pictures that are not stored any more. Raises StoreError."""
        kept = self._store.picture_digests()
        folder = paths.picture_files_dir()
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in kept:
                with suppress(OSError):
                    path.unlink()


def _path(digest: str) -> Path:
    return paths.picture_files_dir() / digest
