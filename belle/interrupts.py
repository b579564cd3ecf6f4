"""Ctrl-C as KeyboardInterrupt, but not where it would be lost: in an import, or in a callback of native code.

C code that imports (in numpy, in torch) prints a KeyboardInterrupt as a traceback and continues with a half-initialized
module, which then fails to import. ctypes prints an exception that a callback raises, and continues as if nothing had
happened. So an interrupt there is delayed until the import or the callback is over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, TypeVar

# One Ctrl-C reaches a child twice: from the terminal, which signals the whole group, and from its parent, which
# forwards it. Signals within this time count as one.
_SAME_S = 0.3
_RETRY_S = 0.01
_LONGEST_S = 5.0
"""An import that takes longer is interrupted all the same."""
_IMPORT = "<frozen importlib._bootstrap>"
_callbacks: set[CodeType] = set()
_Callback = TypeVar("_Callback", bound=Callable[..., Any])


def native_callback(function: _Callback) -> _Callback:
    """Mark a function that native code calls: no KeyboardInterrupt is raised in it, but after it."""
    _callbacks.add(function.__code__)
    return function


class Interrupt:
    """A handler of SIGINT: raises KeyboardInterrupt once for each Ctrl-C, even if the signal arrives twice."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._delayed_since: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raises KeyboardInterrupt, now or after the import or callback in progress."""
        now = time.monotonic()
        if now - self._last < _SAME_S:
            return
        since = self._delayed_since if self._delayed_since is not None else now
        if _is_in_callback(frame) or (_is_importing(frame) and now - since < _LONGEST_S):
            self._delayed_since = since
            # The handler cannot wait for the code that it has interrupted: the signal is sent again a little later.
            again = threading.Timer(_RETRY_S, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        self._last, self._delayed_since = now, None
        signal.default_int_handler(number, frame)


@contextlib.contextmanager
def between_imports() -> Iterator[None]:
    """Handle Ctrl-C by `Interrupt` in place of Python's own handler; another handler is left alone."""
    is_main = threading.current_thread() is threading.main_thread()  # only there Python lets handlers be set
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    handler = Interrupt()
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def cancelling(cancel: Callable[[], object]) -> Iterator[None]:
    """Ctrl-C calls `cancel`, which has the block end soon, and raises KeyboardInterrupt after the block.

    For an event loop: raised in the middle of a task, KeyboardInterrupt would leave the loop without the other tasks
    being told, and be printed for each of them. A second Ctrl-C is raised at once. In another thread than the main one
    nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():  # only there Python lets handlers be set
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    interrupted_at: float | None = None

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted_at
        if interrupted_at is None:
            interrupted_at = time.monotonic()
            cancel()
        elif time.monotonic() - interrupted_at >= _SAME_S:
            signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if interrupted_at is not None:
            raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    return any(code.co_filename == _IMPORT for code in _codes(frame))


def _is_in_callback(frame: FrameType | None) -> bool:
    return any(code in _callbacks for code in _codes(frame))


def _codes(frame: FrameType | None) -> Iterator[CodeType]:
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back
