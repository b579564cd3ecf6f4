"""Runs a command with native code in a child process, so that a crash becomes an error message.

llama.cpp checks much of a file with assertions, which end the process. `run_program` therefore runs a whole command in
a child: the terminal, the signals and the exit status are the child's, as if it had been started directly; the parent
only explains a crash. `belle.engine.process.native_calls` does the same for single functions.

What native code writes to its stderr goes to a temporary file, where the reason of a crash is found; the terminal is
for Python's `sys.stderr` alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

import belle
from belle.engine.process import safer_mode
from belle.engine.process.faults import death
from belle.engine.process.memory_pressure import MemoryWatch
from belle.errors import KnownError
from belle.interrupts import Interrupt

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_S = 1.0
_LONGEST_LOG = 1 << 16
_STDERR = 2
# Exit statuses after which nothing is to be explained: success, known error, Ctrl-C, broken pipe.
_EXPLAINED = (0, 2, 130, 141)


def environment(*, safer: bool) -> dict[str, str]:
    """The environment of a child with native code: it imports the same `belle`, and llama.cpp prints no backtrace.

    Args:
        safer: leave out llama.cpp's extra kernels, see `belle.engine.process.safer_mode`.
    """
    root = str(Path(belle.__file__).resolve().parent.parent)
    searched = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(searched),
        "GGML_NO_BACKTRACE": "1",
        **safer_mode.environment(safer=safer),
    }


def run_program(module: str, words: Sequence[str], *, on_safer_mode: Callable[[], object]) -> int:
    """Run `python -m module` with `words` in this terminal; `module` has to call `become_child` first.

    After an illegal instruction it is run once more in safer mode.

    Args:
        module: the program.
        words: its arguments.
        on_safer_mode: called before the second run.

    Returns its exit status. Raises KnownError when native code ended it. A signal that was sent to this process and
    ended the child ends this process too.
    """
    safer = safer_mode.is_on()
    returncode, log, watch = _run(module, words, safer=safer)
    if returncode == -signal.SIGILL and not safer:
        on_safer_mode()
        safer = True
        returncode, log, watch = _run(module, words, safer=True)
        if returncode >= 0:
            safer_mode.remember()
    if returncode < 0:
        why = death(returncode, log, memory=watch.facts(), safer_too=safer, who="The command")
        raise KnownError(why.kind, why.message, why.advice, returncode=returncode, log=log)
    if returncode not in _EXPLAINED:
        sys.stderr.write(log)
    return returncode


def become_child(words: Sequence[str]) -> list[str]:
    """Make this process the child of `run_program`; `words` are its command line arguments.

    Returns those that are meant for the program. Raises KeyboardInterrupt when Ctrl-C was pressed meanwhile.
    """
    log, parent, *rest = words
    # Before llama_cpp is imported: native code writes to descriptor 2, so that becomes the log file, and `sys.stderr`
    # gets the terminal under another number.
    terminal = os.dup(_STDERR)
    os.dup2(int(log), _STDERR)
    os.close(int(log))
    sys.stderr = os.fdopen(terminal, "w", encoding="utf-8", errors="replace", buffering=1)
    threading.Thread(target=_die_with, args=(int(parent),), name="parent", daemon=True).start()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, Interrupt())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # blocked by `_run`
    return rest


def _run(module: str, words: Sequence[str], *, safer: bool) -> tuple[int, str, MemoryWatch]:
    """Run the child once: its exit status as `subprocess` has it, what native code wrote, the memory meanwhile."""
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        # The child reads from a pipe whose only writer is this process: it sees the end of file when this process ends,
        # even if it is killed.
        reading, writing = os.pipe()
        stack.callback(os.close, writing)
        inherited = (log.fileno(), reading)
        command = [sys.executable, "-P", "-m", module, *map(str, inherited), *words]
        forward = stack.enter_context(_forwarding())
        watch = stack.enter_context(_watching())
        # The child inherits the blocked SIGINT: Ctrl-C waits until `become_child`, or Python would print a traceback of
        # its interrupted start.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            child = subprocess.Popen(command, env=environment(safer=safer), pass_fds=inherited)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            os.close(reading)
        forward.adopt(child)
        returncode = child.wait()
        written = read_log(log)
    if -returncode in forward.sent:
        signal.raise_signal(-returncode)
    return returncode, written, watch


@contextlib.contextmanager
def _watching() -> Iterator[MemoryWatch]:
    """Look at the memory once a second."""
    watch, over = MemoryWatch(), threading.Event()

    def look() -> None:
        while not over.wait(_POLL_S):
            watch.look()

    threading.Thread(target=look, name="memory", daemon=True).start()
    try:
        yield watch
    finally:
        over.set()


def read_log(log: IO[bytes], start: int = 0) -> str:
    """What was written to `log` from byte `start` on; of much, the end."""
    size = os.fstat(log.fileno()).st_size
    log.seek(max(start, size - _LONGEST_LOG))
    return log.read().decode("utf-8", "replace")


class _Forward:
    """Forwards signals to the child, also those that came before it was started."""

    def __init__(self) -> None:
        self.sent: set[int] = set()
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(self, number: int, _: FrameType | None) -> None:
        self.sent.add(number)
        if self._child is not None:
            self._child.send_signal(number)

    def adopt(self, child: subprocess.Popen[bytes]) -> None:
        """Send signals to `child` from now on."""
        self._child = child
        for number in tuple(self.sent):
            child.send_signal(number)


@contextlib.contextmanager
def _forwarding() -> Iterator[_Forward]:
    forward = _Forward()
    before = {n: handler for n in _FORWARDED if (handler := signal.getsignal(n)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, forward)
    try:
        yield forward
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _die_with(parent: int) -> None:
    """Kill this process when its parent has ended."""
    os.read(parent, 1)
    os.kill(os.getpid(), signal.SIGKILL)
