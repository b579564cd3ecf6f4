"""Ctrl-C as KeyboardInterrupt, but not in the middle of an import.

C code that imports (numpy's, torch's) prints a KeyboardInterrupt as a traceback and goes on with a module half made,
which then fails to import. So an interrupt that comes there is put off until the import is over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

# Ctrl-C reaches a child twice: from the terminal, and from its parent, who cannot know that it was the terminal.
_SAME_S = 0.3
_RETRY_S = 0.01
_LONGEST_S = 5.0
"""An import that takes longer is interrupted all the same."""
_IMPORT = "<frozen importlib._bootstrap>"


class Interrupt:
    """A handler of SIGINT: KeyboardInterrupt once for each Ctrl-C, however often the signal arrives of it."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._put_off_since: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raises KeyboardInterrupt, now or when what is being imported has been."""
        now = time.monotonic()
        if now - self._last < _SAME_S:
            return
        since = self._put_off_since if self._put_off_since is not None else now
        if _is_importing(frame) and now - since < _LONGEST_S:
            self._put_off_since = since
            again = threading.Timer(_RETRY_S, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        self._last, self._put_off_since = now, None
        signal.default_int_handler(number, frame)


@contextlib.contextmanager
def between_imports() -> Iterator[None]:
    """Have Ctrl-C handled by `Interrupt`, where Python's own handler would be asked."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    handler = Interrupt()
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORT:
            return True
        frame = frame.f_back
    return False
