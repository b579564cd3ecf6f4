"""What a program prints, on its way out: foreign text cannot command the terminal, and a failed write is said once.

Models, data files and file names end up in what is printed, and a library's message may hold them too. So it is not
whoever prints that is trusted to clean them: while `guarded_streams` is entered, everything that `sys.stdout` and
`sys.stderr` carry to a terminal goes through `belle.texts.visible`. Into files and pipes text goes as it is. What
moves the cursor or sets a colour is written to `commanding(stream)`, after its foreign parts were made visible.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

from belle.errors import KnownError
from belle.texts import visible


def to_stderr(text: str) -> None:
    """A line for the person, where it stands in no result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class GuardedStream:
    """Stands in for a text stream; has all of its other attributes.

    Args:
        stream: the stream.
        must: a failed write ends the program in words; otherwise it is forgotten, as where an error is told.
    """

    def __init__(self, stream: TextIO, *, must: bool) -> None:
        self.stream = stream
        self._must = must
        self._to_terminal = stream.isatty()

    def write(self, text: str) -> int:
        """Write `text`. Raises BrokenPipeError, and KnownError("output_failed")."""
        with self._failures():
            self.stream.write(visible(text) if self._to_terminal else text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of `lines`. Raises as `write`."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand on what is buffered. Raises as `write`."""
        with self._failures():
            self.stream.flush()

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            if self._must:
                raise
        except OSError as error:
            if self._must:
                reason = error.strerror or str(error)
                raise KnownError(
                    "output_failed",
                    f"What this command prints could not be written: {reason}.",
                    "Free some space, or send it elsewhere, and run the command again.",
                ) from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def commanding(stream: TextIO) -> TextIO:
    """The stream behind a guarded one, for what is to move the cursor or to set colours."""
    return stream.stream if isinstance(stream, GuardedStream) else stream


@contextlib.contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard `sys.stdout` and `sys.stderr`; all three streams are UTF-8 and there, whoever started the program."""
    _open_missing()
    before = sys.stdout, sys.stderr
    for stream, errors in ((sys.stdin, "replace"), *((stream, "backslashreplace") for stream in before)):
        # Whatever the locale says, models and people write UTF-8. A test may have put something else there.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors=errors)  # type: ignore[union-attr]
    sys.stdout = cast(TextIO, GuardedStream(before[0], must=True))
    sys.stderr = cast(TextIO, GuardedStream(before[1], must=False))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in before:
            _give_up_unwritten(stream)


def _open_missing() -> None:
    """Open the null device for each standard stream that is closed, or the next file opened would take its place."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _give_up_unwritten(stream: TextIO) -> None:
    """Python flushes its streams once more when it ends, and must not fail then."""
    try:
        stream.flush()
    except ValueError:
        return  # somebody closed it
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
