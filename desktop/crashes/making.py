"""Makes reports of what is known of a crash, leaving out what may be private."""

from __future__ import annotations

import errno
import re
import signal
import time
from types import TracebackType

from belle.errors import KnownError
from desktop.crashes.frames import frames_in, frames_of
from desktop.crashes.reports import CrashReport, versions

_FATAL = re.compile(r"^Fatal Python error: (?P<what>[\w ]{1,60})", re.MULTILINE)
_CURRENT_THREAD = re.compile(r"^Current thread [^\n]*\n(?P<stack>(?:  [^\n]*\n?)*)", re.MULTILINE)
_OWN_THREAD = re.compile(r"[a-z][a-z-]{0,30}")


def of_exception(error: Exception, traceback: TracebackType | None, thread: str = "") -> CrashReport:
    """The report of an exception. Its message is left out: it may quote a conversation or name a file."""
    details = {"code": _code(error)} if _code(error) else {}
    if _OWN_THREAD.fullmatch(thread):
        details["thread"] = thread
    cause = error.__cause__ or error.__context__
    if cause is not None:
        details["after"] = type(cause).__name__
    return CrashReport("exception", type(error).__name__, time.time(), frames_of(traceback), details, versions())


def of_signal(text: str, at: float) -> CrashReport:
    """The report of what `faulthandler` wrote.

    Args:
        text: all of it.
        at: when it was written, in seconds since 1970.
    """
    fatal, current = _FATAL.search(text), _CURRENT_THREAD.search(text)
    # `faulthandler` writes the innermost frame first.
    frames = frames_in(current["stack"])[::-1] if current else ()
    return CrashReport("signal", fatal["what"] if fatal else "unknown", at, frames, {}, versions())


def of_engine(kind: str, returncode: int | None, log: str) -> CrashReport:
    """The report of the death of the model's process.

    Args:
        kind: one of `belle.engine.process.faults.death`, or `unresponsive`.
        returncode: as `subprocess` has it: negative for a signal; None when it could not be learned.
        log: the last lines of its stderr, of which only the frames of a traceback are taken.
    """
    details = {} if returncode is None else {"ended": _ending(returncode)}
    return CrashReport("engine", kind, time.time(), frames_in(log), details, versions())


def _code(error: Exception) -> str:
    if isinstance(error, KnownError):
        return error.kind
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, "")
    return str(getattr(error, "sqlite_errorname", ""))


def _ending(returncode: int) -> str:
    if returncode < 0:
        try:
            return signal.Signals(-returncode).name
        except ValueError:
            return f"signal {-returncode}"
    return f"exit status {returncode}"
