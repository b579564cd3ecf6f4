"""Untrusted text: reading files up to a size, and showing text so that it cannot control a terminal.

The output of a model, a data file or a file name may contain control characters. For a terminal these are commands:
they set its title, fill its clipboard, or overwrite the line above. `visible` replaces them by readable escapes;
everything that is printed to a terminal goes through it (`belle.streams`).
"""

from __future__ import annotations

import json
import re
import reprlib
import unicodedata
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
    """`text` with every character that could control a terminal escaped, such as `\\x1b`; newlines and tabs stay.

    A byte of a file name that is not UTF-8 (in Python a lone surrogate) becomes `\\xNN`. Characters are replaced one by
    one, so a sequence that arrives in pieces is escaped too.
    """
    return _COMMANDING.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: the byte 0xNN is U+DCNN
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def is_whole(text: str) -> bool:
    """Whether `text` has no lone surrogate (half of a character), which neither UTF-8 nor tokenizers can encode."""
    try:
        text.encode()  # several times faster than a regular expression
    except UnicodeEncodeError:
        return False
    return True


def json_text(value: Any, *, indent: int | None = None) -> str:
    """`value` as JSON that can be encoded as UTF-8: a lone surrogate becomes `\\udcNN`, which JSON readers restore.

    So a file name that is not UTF-8 is preserved in a JSON file or a pipe. Raises TypeError and
    ValueError as `json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def utf8(text: str) -> bytes:
    """`text` as UTF-8; lone surrogates are escaped, as in JSON, and not refused."""
    return text.encode("utf-8", "backslashreplace")


class _Short(reprlib.Repr):
    """A `repr` that visits few parts of a value: the whole `repr` of an untrusted value could fill the memory."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple = 3, 4, 6, 6
        self.maxstring, self.maxother = 80, 80

    def repr_int(self, x: int, level: int) -> str:
        del level
        # Python refuses to convert integers with thousands of digits to text.
        return repr(x) if x.bit_length() <= 256 else f"a number of {x.bit_length()} bits"


_SHORT = _Short()


def short_repr(value: Any) -> str:
    """`repr(value)` for a message, shortened: of a long text, list or mapping only the beginning."""
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
            # One byte more than allowed, to notice a file that is too long: its size may change while it is read.
            data = file.read(longest + 1)
        except OSError as error:
            raise KnownError("unreadable", f"{path} cannot be read: {error.strerror}.", path=str(path)) from None
    if len(data) > longest:
        raise KnownError(
            "file_too_large",
            f"{path} is longer than {longest:,} bytes, the limit for such a file.",
            "Name the right file, or a part of this one.",
            path=str(path),
            longest=longest,
        )
    return data


def columns_of(text: str) -> int:
    """Columns of a terminal that `text` takes: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def padded(text: str, columns: int) -> str:
    """`text` with spaces up to a number of columns."""
    return text + " " * (columns - columns_of(text))
