"""The tables of pictures: which pictures a message or a draft has, and the picture itself, which is kept once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from belle.documents import DocumentError, parse_json_row
from desktop.store.database import Database
from desktop.store.errors import StoreError
from desktop.store.records import PICTURE_KINDS, StoredPicture

# `length` of a BLOB is in the header of its row: the picture itself is not read.
_AS_JSON = (
    "(SELECT json_group_array(json_array(u.position, p.digest, p.kind, p.width, p.height, length(p.data),"
    " u.name, u.text, u.source_width, u.source_height)) FROM {table} AS u JOIN picture AS p ON p.id = u.picture_id"
    " WHERE {condition})"
)
PICTURES_OF_MESSAGE = _AS_JSON.format(table="message_picture", condition="u.message_id = m.id")
"""A column of a query of `message AS m`, for `pictures_in`."""

PICTURES_OF_DRAFT = _AS_JSON.format(table="draft_picture", condition="ifnull(u.conversation_id, 0) = ?")
"""A column with one parameter: the conversation's id, 0 for the new one."""

_LINK = "position, picture_id, name, text, source_width, source_height"


def pictures_in(value: Any) -> tuple[StoredPicture, ...]:
    """The pictures in such a column, in order; what is none is left out."""
    try:
        rows = parse_json_row(value) if isinstance(value, str) else []
    except DocumentError:
        rows = []
    valid = [row for row in rows if _is_picture(row)] if isinstance(rows, list) else []
    return tuple(StoredPicture(*row[1:]) for row in sorted(valid, key=lambda row: row[0]))


def _is_picture(row: Any) -> TypeGuard[list[Any]]:
    types = (int, str, str, int, int, int, str, str, int, int)
    return (
        isinstance(row, list)
        and [type(value) for value in row] == list(types)
        and row[2] in PICTURE_KINDS
        and min(row[3:6]) > 0
    )


def add_pictures(database: Database, message_id: int, pictures: Sequence[StoredPicture]) -> None:
    """Add the pictures of a new message, in order. Raises StoreError `not_found` (see `_kept`)."""
    for position, picture in enumerate(pictures):
        database.write(
            f"INSERT INTO message_picture (message_id, {_LINK}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            *(message_id, position, _kept(database, picture), picture.name, picture.text),
            *(picture.source_width, picture.source_height),
        )


def replace_draft_pictures(database: Database, conversation_id: int | None, pictures: Sequence[StoredPicture]) -> None:
    """Give a draft these pictures instead of those it has. Raises StoreError `not_found` (see `_kept`)."""
    kept = [_kept(database, picture) for picture in pictures]
    # The new rows stand behind the old ones until these are removed: a picture that is in both never goes away.
    place = conversation_id or 0
    (last,) = database.row(
        "SELECT ifnull(max(position), -1) FROM draft_picture WHERE ifnull(conversation_id, 0) = ?", place
    ) or (-1,)
    for position, (picture, picture_id) in enumerate(zip(pictures, kept, strict=True), start=last + 1):
        database.write(
            f"INSERT INTO draft_picture (conversation_id, {_LINK}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7"  # noqa: S608
            " WHERE ?1 IS NULL OR EXISTS (SELECT 1 FROM conversation WHERE id = ?1)",
            *(conversation_id, position, picture_id, picture.name, picture.text),
            *(picture.source_width, picture.source_height),
        )
    database.write("DELETE FROM draft_picture WHERE ifnull(conversation_id, 0) = ? AND position <= ?", place, last)
    for picture_id in kept:  # of a conversation that is gone meanwhile
        database.write(
            "DELETE FROM picture WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM draft_picture WHERE picture_id = ?1)"
            " AND NOT EXISTS (SELECT 1 FROM message_picture WHERE picture_id = ?1)",
            picture_id,
        )


def _kept(database: Database, picture: StoredPicture) -> int:
    """The row of a picture, which is added if there is none yet.

    Raises StoreError `not_found` when it is not in the store and `picture` does not have it either.
    """
    row = database.row("SELECT id FROM picture WHERE digest = ?", picture.digest)
    if row is not None:
        return int(row[0])
    if not picture.data:
        raise StoreError.of("not_found", thing="picture", id=picture.digest)
    added = database.write(
        "INSERT INTO picture (digest, kind, width, height, data) VALUES (?, ?, ?, ?, ?)",
        *(picture.digest, picture.kind, picture.width, picture.height, picture.data),
    )
    return added.lastrowid or 0
