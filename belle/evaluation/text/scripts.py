"""The script that a token is written in, to report the loss by language."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

SCRIPTS = ("Chinese", "Latin", "other")
CHINESE, LATIN, OTHER = range(3)


@cache
def _script(character: str) -> int:
    name = unicodedata.name(character, "")
    if name.startswith("CJK"):
        return CHINESE
    return LATIN if name.startswith("LATIN ") else OTHER


def scripts(pieces: Sequence[bytes]) -> list[int]:
    """The script of every token, an index into `SCRIPTS`: that of its first character that is not a space.

    Args:
        pieces: the bytes of the tokens of a text, in order. A token may be a part of a character.
    """
    # A character may be shared by several tokens: the whole text is decoded, and a script assigned to each byte of it.
    data = b"".join(pieces)
    of_byte: list[int] = []
    for character in data.decode("utf-8", "surrogateescape"):
        # surrogateescape: a byte that is not UTF-8 becomes one character from U+DC80 to U+DCFF.
        width = 1 if "\udc80" <= character <= "\udcff" else len(character.encode())
        of_byte += [_script(character)] * width
    of_token, start = [], 0
    for piece in pieces:
        inner = start + len(piece) - len(piece.lstrip())
        start += len(piece)
        of_token.append(of_byte[inner] if inner < start else OTHER)
    return of_token
