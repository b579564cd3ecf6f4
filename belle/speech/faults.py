"""Explains why the speech process ended: whisper.cpp ends it where a file or a processor does not suit."""

from __future__ import annotations

import re
import signal

from belle.engine.process.faults import CRASHES, Death, death, native_reason
from belle.engine.process.memory_pressure import MemoryFacts
from belle.environment import pip_command

_WHO = "The speech process"
_ABORTED = re.compile(r"GGML_ASSERT|GGML_ABORT|terminate called")
_NO_MEMORY = "Close other programs, or choose a smaller model or quantization."
UNRESPONSIVE = Death("unresponsive", f"{_WHO} did not stop when asked to, and was ended.", "Try it again.")


def speech_death(returncode: int | None, log: str, memory: MemoryFacts) -> Death:
    """Why the worker ended; arguments as of `belle.engine.process.faults.death`."""
    number = -returncode if returncode is not None and returncode < 0 else 0
    if number == signal.SIGILL:
        message = f"{_WHO} came to an instruction that does not work on this machine (SIGILL)."
        package = "pywhispercpp"
        command = pip_command("install", "--force-reinstall", "--no-deps", "--no-binary", package, package)
        return Death("backend_crash", message, f"Build the speech library on this machine: {command}")
    why = death(returncode, log, memory=memory, who=_WHO)
    if why.kind in ("out_of_memory", "killed_low_memory"):
        return why._replace(advice=_NO_MEMORY)
    if number in CRASHES or _ABORTED.search(log):
        reason = native_reason(log)
        name = f" ({signal.Signals(number).name})" if number else ""
        message = f"{_WHO} ended, because whisper.cpp crashed{name}{': ' + reason if reason else ''}."
        return Death("backend_crash", message, "Try another model; the file of this one may be damaged.")
    return why
