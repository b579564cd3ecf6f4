"""Text that a person names or a stranger wrote: read within bounds, and shown so that it commands nothing.

What comes out of a model, a data file or a file name may hold control characters. To a terminal these are commands:
they set its title, fill its clipboard, or overwrite the line above. `visible` makes them readable; whatever prints to
a terminal goes through it (`belle.streams`).
"""

from __future__ import annotations

import json
import re
import reprlib
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.path_guard import open_input

LONGEST_TEXT = 1 << 30
"""Bytes of a text file that is read as a whole."""

# C0 without tab and newline, DEL, C1; Unicode's Bidi_Control; halves of surrogate pairs, which UTF-8 cannot hold.
_COMMANDING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` with every character that commands a terminal written out, such as `\\x1b`; newlines and tabs stay.

    A byte of a file name that is not UTF-8 (Python keeps it as a lone surrogate) is shown as `\\xNN`. Each character is
    looked at by itself, so a sequence that arrives in pieces is made visible too.
    """
    return _COMMANDING.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def is_whole(text: str) -> bool:
    """Whether `text` holds no half of a character (a lone surrogate), which neither UTF-8 nor a tokenizer can take."""
    try:
        text.encode()  # several times as quick as looking for one with a pattern
    except UnicodeEncodeError:
        return False
    return True


def json_text(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON that UTF-8 can hold: a lone surrogate is escaped as `\\udcNN`, which JSON readers give back.

    So a file name that is not UTF-8 survives the way into a JSON file or through a pipe. Raises TypeError and
    ValueError as `json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def utf8(text: str) -> bytes:
    """`text` as UTF-8; what UTF-8 cannot hold is escaped, as in JSON, instead of refused."""
    return text.encode("utf-8", "backslashreplace")


class _Short(reprlib.Repr):
    """Looks at a few parts of a value only: a foreign one may be as large as the memory when it is written out."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple = 3, 4, 6, 6
        self.maxstring, self.maxother = 80, 80

    def repr_int(self, x: int, level: int) -> str:
        del level
        # Python refuses to write out integers of thousands of digits.
        return repr(x) if x.bit_length() <= 256 else f"a number of {x.bit_length()} bits"


_SHORT = _Short()


def short_repr(value: Any) -> str:
    """`repr(value)` for a message, never long: a text, list or mapping is shown by its beginning."""
    return visible(_SHORT.repr(value))


def read_text(path: Path, *, longest: int = LONGEST_TEXT) -> str:
    """The text of a UTF-8 file of at most `longest` bytes, line ends as they are.

    Raises KnownError: those of `open_input`, `file_too_large`, `wrong_encoding`.
    """
    data = read_input(path, longest=longest)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise KnownError(
            "wrong_encoding",
            f"{path} is not UTF-8 (byte {error.start}).",
            "Save it as UTF-8, for instance with: iconv -f gb18030 -t utf-8",
            path=str(path),
        ) from None


def read_input(path: Path, *, longest: int) -> bytes:
    """All bytes of a regular file of at most `longest` bytes.

    Raises KnownError: those of `open_input`, `file_too_large`.
    """
    with open_input(path) as file:
        try:
            # One more than allowed: the size that the system tells may be out of date.
            data = file.read(longest + 1)
        except OSError as error:
            raise KnownError("unreadable", f"{path} cannot be read: {error.strerror}.", path=str(path)) from None
    if len(data) > longest:
        raise KnownError(
            "file_too_large",
            f"{path} is longer than {longest:,} bytes, which is all that is read of such a file.",
            "Name the right file, or a part of this one.",
            path=str(path),
            longest=longest,
        )
    return data
