"""Standard streams that untrusted text cannot control a terminal through, and whose failures are reported once.

Text of models, data files and file names is printed in many places, also by libraries. So escaping is not left to the
code that prints: inside of `guarded_streams`, everything that `sys.stdout` and `sys.stderr` write to a terminal goes
through `belle.texts.visible`. Text for files and pipes is not changed. Escape sequences of the program itself are
written to `commanding(stream)`, after untrusted parts were made visible.
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
    """Write a line to stderr, for the person: it is no part of the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class GuardedStream:
    """Wraps a text stream; all other attributes are those of the stream.

    Args:
        stream: the stream.
        must: raise KnownError for a failed write; otherwise it is ignored, as when an error cannot be printed.
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
        """Flush the stream. Raises as `write`."""
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
                    f"The output of this command could not be written: {reason}.",
                    "Free some space, or send it elsewhere, and run the command again.",
                ) from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def commanding(stream: TextIO) -> TextIO:
    """The stream behind a guarded one, for escape sequences that move the cursor or set colours."""
    return stream.stream if isinstance(stream, GuardedStream) else stream


@contextlib.contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard `sys.stdout` and `sys.stderr`, open standard streams that are closed, and make all three UTF-8."""
    _open_missing()
    before = sys.stdout, sys.stderr
    for stream, errors in ((sys.stdin, "replace"), *((stream, "backslashreplace") for stream in before)):
        # UTF-8 whatever the locale says. The stream may be something else in a test.
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors=errors)  # type: ignore[union-attr]
    sys.stdout = cast(TextIO, GuardedStream(before[0], must=True))
    sys.stderr = cast(TextIO, GuardedStream(before[1], must=False))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in before:
            _discard_unwritten(stream)


def _open_missing() -> None:
    """Open the null device for each closed standard stream: otherwise the next file opened gets its descriptor."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _discard_unwritten(stream: TextIO) -> None:
    """Discard what cannot be written: Python flushes its streams once more when it ends, and would fail then."""
    try:
        stream.flush()
    except ValueError:
        return  # the stream is closed
    except OSError:
        # The buffer cannot be emptied by other means than writing it: to the null device.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
