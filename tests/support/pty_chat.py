"""`belle chat` in a pseudo terminal, for tests that press keys."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time

BELLE = [sys.executable, "-m", "belle.cli.main"]
PATIENCE = 120.0
"""Seconds to wait for something on a busy machine."""
READS, HAS_READ = "⌨", "⏎"

_MOVES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TORN_MOVE = re.compile(r"\x1b(\[[0-9;?]*)?\Z")


class Pty:
    """`belle chat` in a terminal of its own, where Ctrl-C is a key.

    `raw` is all that came. What `expect` looks at has no cursor movements, by which line editing shows blanks, too, and
    has the marks `READS` and `HAS_READ` where line editing begins and ends.
    """

    def __init__(self, *words: str, **environ: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x28\x00\xa0\x00\x00\x00\x00\x00")  # 40 lines of 160
        # The first terminal that the leader of a session opens becomes its own.
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" <>"$0" >&0 2>&1', os.ttyname(slave), *BELLE, "chat", "--threads", "1", *words],
            start_new_session=True,
            env=os.environ | {"TERM": "xterm", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"} | environ,
        )
        # Kept open until the program has opened it: a terminal that nobody has open reads as ended.
        self.slave: int | None = slave
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.seen = self.raw = self.torn = ""

    def expect(self, text: str) -> str:
        """Wait for `text`; returns what came before it, and goes on after it."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not come after {self.seen[-2000:]!r}"
            try:
                self.receive(self.decoder.decode(os.read(self.master, 65536)))
            except OSError:
                raise AssertionError(f"ended before {text!r}: {self.seen[-2000:]!r}") from None
        self.release()
        before, _, self.seen = self.seen.partition(text)
        return before

    def receive(self, text: str) -> None:
        self.raw += text
        text = self.torn + text
        torn = _TORN_MOVE.search(text)
        self.torn = torn[0] if torn else ""
        text = text.removesuffix(self.torn).replace("\x1b[?2004h", READS).replace("\x1b[?2004l", HAS_READ)
        self.seen += _MOVES.sub("", text)

    def release(self) -> None:
        """Leave the terminal to the program, whose end is then seen here."""
        if self.slave is not None:
            os.close(self.slave)
            self.slave = None

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def ask(self, text: str) -> str:
        """Enter a line and return what is shown until the next prompt."""
        self.type(text + "\r")
        self.expect(HAS_READ)
        return self.expect(READS)

    def rest(self) -> str:
        """All that comes until the program has ended."""
        self.release()
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                self.process.wait(PATIENCE)
                return self.seen
            self.receive(self.decoder.decode(data))

    def end(self) -> int:
        """Wait for the end of the program. Returns the exit status."""
        self.rest()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.release()
        os.close(self.master)
