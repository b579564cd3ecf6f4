"""The way out of the program, piece by piece as answers come."""

from __future__ import annotations

import io
import os
import pty
import sys

import pytest

from belle.errors import KnownError
from belle.streams import GuardedStream, commanding, guarded_streams


def read_all(descriptor: int) -> bytes:
    data = b""
    while not data.endswith(b"."):
        data += os.read(descriptor, 4096)
    return data


def test_a_sequence_that_streams_in_pieces_does_not_reach_the_terminal() -> None:
    master, slave = pty.openpty()
    try:
        with os.fdopen(slave, "w", encoding="utf-8") as terminal:
            stream = GuardedStream(terminal, must=True)
            for piece in ("text \x1b", "]52;", "c;aGk=\x07", "\u202e", "中\n\t."):
                stream.write(piece)
                stream.flush()
            assert read_all(master).decode() == "text \\x1b]52;c;aGk=\\x07\\u202e中\r\n\t."
            commanding(stream).write("\x1b[1m.")  # type: ignore[arg-type]
            stream.flush()
            assert read_all(master) == b"\x1b[1m."
    finally:
        os.close(master)


def test_into_files_and_pipes_text_goes_as_it_is() -> None:
    file = io.StringIO()
    GuardedStream(file, must=True).writelines(["\x1b[1m", "\u202e\r"])
    assert file.getvalue() == "\x1b[1m\u202e\r"


class Failing(io.StringIO):
    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


def test_a_write_that_fails_is_known_and_a_gone_reader_is_not_hidden() -> None:
    full, gone = OSError(28, "No space left on device"), BrokenPipeError()
    with pytest.raises(KnownError, match="No space left"):
        GuardedStream(Failing(full), must=True).write("x")
    with pytest.raises(BrokenPipeError):
        GuardedStream(Failing(gone), must=True).write("x")
    for error in (full, gone):
        assert GuardedStream(Failing(error), must=False).write("xy") == 2


def test_the_streams_are_given_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(ZeroDivisionError), guarded_streams():
        assert isinstance(sys.stdout, GuardedStream)
        print("out", file=sys.stdout)
        1 / 0  # noqa: B018
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "out\n"
