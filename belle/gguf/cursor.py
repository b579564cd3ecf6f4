"""Reads a model file's header from front to back without trusting any number in it.

Before anything is allocated or looped over, its length is compared with the rest of the file and with limits, so that a
hostile or damaged file ends in a `KnownError`, never in a hang or a full memory. The file is read, not mapped: when a
mapped file shrinks (a download that starts over), the system kills the process with SIGBUS.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from belle.errors import KnownError

Scalar = str | int | float | bool
Value = Scalar | tuple[int | float | bool, ...] | tuple[str, ...] | None
"""A value of the metadata; None for an array that was skipped."""

_WINDOW = 1 << 20
_MAX_STRING = 1 << 26
# The largest vocabularies have some 260,000 tokens, each with a text, a score and a type, and as many merges.
_MAX_STRINGS = _MAX_NUMBERS = 5_000_000
_MAX_ARRAY_NUMBERS = 1024
# Of all values together: as Python objects numbers take ten times their bytes in the file, texts up to four times.
_MAX_HEADER_NUMBERS = 1 << 17
_MAX_HEADER_TEXT = 1 << 26
_STRING, _ARRAY = 8, 9
# By GGUF value type: the code of the `struct` module. Everything is little endian.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_U64 = struct.Struct("<Q")


class Skipped(NamedTuple):
    """An array that was not read: number of values, position of the first one in the file, whether they are texts."""

    length: int
    start: int
    of_text: bool


class Cursor:
    """A position in a file of known size.

    Args:
        file: opened for reading in binary, at its start.
        size: of the file in bytes.
        name: of the file, for messages.
        whole: skip no array, and decode texts so that they can be written again byte by byte: bytes that are not UTF-8
            become surrogates.

    Attributes:
        name: as given.
        position: in bytes.
        types: GGUF's type of each value read, by key; for an array that of its elements.
        skipped: the arrays that `value` skipped, by key.
    """

    def __init__(self, file: BinaryIO, size: int, name: str, *, whole: bool = False) -> None:
        self._file = file
        self._size = size
        self.name = name
        self._window = b""
        self._window_start = 0
        self._strings_left = _MAX_STRINGS
        self._whole = whole
        self._numbers_left = _MAX_NUMBERS if whole else _MAX_HEADER_NUMBERS
        self._text_left = _MAX_HEADER_TEXT
        self.types: dict[str, int] = {}
        self.skipped: dict[str, Skipped] = {}
        self.position = 0

    def take(self, length: int) -> bytes:
        """The next `length` bytes. Raises KnownError("truncated")."""
        start = self.position - self._window_start
        if start + length > len(self._window):
            self._refill(length)
            start = 0
        self.position += length
        return self._window[start : start + length]

    def skip(self, length: int) -> None:
        """Move forward by `length` bytes. Raises KnownError("truncated")."""
        self._require(length)
        self.position += length

    def u32(self) -> int:
        """An unsigned number of four bytes."""
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        """An unsigned number of eight bytes."""
        return int.from_bytes(self.take(8), "little")

    def string(self, what: str) -> str:
        """A string, stored after its length. `what` names it in an error message."""
        length = self.u64()
        if length > _MAX_STRING:
            raise self.damaged(f"{what} claims to be {length} bytes long")
        self._text_left -= length
        if self._text_left < 0:
            raise self.damaged(f"its names and texts have more than {_MAX_HEADER_TEXT:,} bytes")
        return self.take(length).decode("utf-8", "surrogateescape" if self._whole else "replace")

    def value(self, key: str) -> Value:
        """The value of a metadata key, stored after its type.

        Long arrays and arrays of strings are skipped, unless the file is read as a whole.
        """
        kind = self.types[key] = self.u32()
        if kind == _STRING:
            return self.string(f"the value of {key}")
        if kind == _ARRAY:
            return self._array(key)
        return self._number(kind, key)

    def strings_at(self, array: Skipped, indexes: Iterable[int], key: str) -> dict[int, str]:
        """Some strings of a skipped array, by index; indexes that it does not have are left out.

        Raises KnownError("damaged", "truncated").
        """
        self.position, strings, at = array.start, {}, 0
        for index in sorted({index for index in indexes if 0 <= index < array.length}):
            self._skip_strings(index - at, key)
            strings[index] = self.string(key)
            at = index + 1
        return strings

    def damaged(self, what: str) -> KnownError:
        """The error for a file with impossible contents."""
        return KnownError(
            "damaged",
            f"{self.name} is damaged: {what}.",
            "Download or convert it again.",
            path=self.name,
            position=self.position,
        )

    def truncated(self, needed: int) -> KnownError:
        """The error for a file that ends before `needed` bytes."""
        return truncated(self.name, self._size, needed)

    def _number(self, kind: int, key: str) -> int | float | bool:
        code = self._code(kind, key)
        number: int | float | bool = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return number

    def _array(self, key: str) -> Value:
        kind = self.types[key] = self.u32()
        count, start = self.u64(), self.position
        if kind == _STRING:
            if self._whole:
                return self._strings(count, key)
            self._skip_strings(count, key)
            self.skipped[key] = Skipped(count, start, of_text=True)
            return None
        code = self._code(kind, key)
        width = struct.calcsize("<" + code)
        if self._whole and count > self._numbers_left:
            raise self.damaged(f"its metadata holds more than {_MAX_NUMBERS:,} numbers")
        if not self._whole and count > min(_MAX_ARRAY_NUMBERS, self._numbers_left):
            self.skip(count * width)
            self.skipped[key] = Skipped(count, start, of_text=False)
            return None
        self._numbers_left -= count
        return struct.unpack(f"<{count}{code}", self.take(count * width))

    def _code(self, kind: int, key: str) -> str:
        if kind not in _NUMBERS:
            raise self.damaged(f"{key} has a value of the unknown type {kind}")
        return _NUMBERS[kind]

    def _count_strings(self, count: int, key: str) -> None:
        if count > self._strings_left:
            raise self.damaged(f"{key} claims {count} entries")
        self._strings_left -= count

    def _strings(self, count: int, key: str) -> tuple[str, ...]:
        self._count_strings(count, key)
        return tuple(self.string(key) for _ in range(count))

    def _skip_strings(self, count: int, key: str) -> None:
        """Skip strings, such as a vocabulary of 250,000, in well under a tenth of a second.

        The lengths are read directly in the buffered window, without a call per string.
        """
        self._count_strings(count, key)
        read = _U64.unpack_from
        while count:
            self.take(8)  # makes sure that the next length is in the window
            self.position -= 8
            window, offset = self._window, self.position - self._window_start
            last = len(window) - 8
            while count and offset <= last:
                offset += 8 + read(window, offset)[0]
                count -= 1
            step = self._window_start + offset - self.position
            # `offset` may be far outside of the window: the last length read in it is not trusted.
            if step > _WINDOW + _MAX_STRING:
                raise self.damaged(f"{key} holds an impossibly long entry")
            self.skip(step)

    def _refill(self, length: int) -> None:
        self._require(length)
        self._file.seek(self.position)
        self._window = self._file.read(max(length, _WINDOW))
        self._window_start = self.position
        if len(self._window) < length:
            raise self.truncated(self.position + length)

    def _require(self, length: int) -> None:
        if self.position + length > self._size:
            raise self.truncated(self.position + length)


def truncated(name: str, size: int, needed: int) -> KnownError:
    """The error for the file `name`, which has `size` bytes and needs at least `needed`."""
    return KnownError(
        "truncated",
        f"{name} is incomplete: it has {size:,} bytes and needs at least {needed:,}.",
        "Download or copy it again; an interrupted download leaves such a file behind.",
        path=name,
        size=size,
        needed=needed,
    )
