"""Texts that go with a question: files, and what a pipe brings on standard input. They are fenced in front of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from belle.errors import KnownError
from belle.texts import read_input

LONGEST_TEXT = 16 << 20
"""Bytes of a file, characters of standard input: no model reads as many."""

_FENCES = re.compile(r"^ {0,3}(`{3,})", re.MULTILINE)
_BINARY = (
    (b"%PDF-", "a PDF document", "pdftotext FILE -"),
    (b"PK\x03\x04", "a Word document or another archive", "pandoc --to plain FILE"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "pandoc --to plain FILE"),
)
"""How a file begins, what it is, and what makes a text of it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text that goes with a question. `name` is that of its file; empty for standard input."""

    text: str
    name: str = ""

    def fenced(self) -> str:
        """The text as a code block, under its name."""
        longest = max((len(fence) for fence in _FENCES.findall(self.text)), default=2)
        fence = "`" * (longest + 1)
        language = Path(self.name).suffix.removeprefix(".")
        head = f"{self.name}:\n" if self.name else ""
        return f"{head}{fence}{language}\n{self.text.rstrip(chr(10))}\n{fence}"


def with_attachments(question: str, attachments: Sequence[Attachment]) -> str:
    """The question, below the texts that go with it."""
    return "\n\n".join([*(attachment.fenced() for attachment in attachments), question])


def read_attachment(path: Path) -> Attachment:
    """Read a text file: plain text, Markdown, source code.

    Raises KnownError: `not_text`, and those of `belle.texts.read_input`.
    """
    data = read_input(path, longest=LONGEST_TEXT)
    for magic, what, command in _BINARY:
        if data.startswith(magic):
            advice = f"Make a text of it, such as with: {command}"
            raise KnownError("not_text", f"{path} is {what}, not a text.", advice, path=str(path))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\0" in data:
            raise _binary(path) from None
        message = f"{path} is not UTF-8 (byte {error.start})."
        advice = "Save it as UTF-8, for instance with: iconv -f gb18030 -t utf-8"
        raise KnownError("wrong_encoding", message, advice, path=str(path)) from None
    if "\0" in text:
        raise _binary(path)
    if not text.strip():
        raise KnownError("empty_file", f"{path} is empty.", "Name a file with a text.", path=str(path))
    return Attachment(text.replace("\r\n", "\n"), path.name)


def _binary(path: Path) -> KnownError:
    return KnownError("not_text", f"{path} is not a text: it has null bytes.", "Name a text file.", path=str(path))
