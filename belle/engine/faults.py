"""What native code leaves behind when it fails, a line in its log or a signal, turned into words and advice."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from belle.errors import KnownError

_GET_AGAIN = "Download or convert it again."
_FREE_MEMORY = "Close other programs, choose a smaller context, or a smaller model or quantization."
_OTHER_MODEL = "Update ChatBELLE, or choose another model."
_REPORT = "Please report it, with the log."

# How llama.cpp's log words what went wrong: pattern, kind, what is said of the file, advice. The first match counts.
_LOAD_FAULTS: tuple[tuple[str, str, str, str], ...] = (
    (
        r"(failed|unable) to allocate|bad_alloc|out of memory|cannot allocate|requested buffer size",
        "out_of_memory",
        "needs more memory than there is",
        _FREE_MEMORY,
    ),
    (
        r"not within the file bounds|unexpectedly reached end of file|corrupted or incomplete",
        "truncated",
        "is incomplete",
        "Download or copy it again; an interrupted download leaves such a file behind.",
    ),
    (
        r"(unknown|unsupported) (model architecture|pre-tokenizer|tokenizer|architecture)",
        "unsupported_architecture",
        "holds a kind of model that this llama.cpp does not know",
        _OTHER_MODEL,
    ),
    (r"invalid magic", "not_gguf", "is not a GGUF", "Choose a .gguf file."),
    (r"invalid ggml type|unknown tensor type", "future_version", "has tensors of an unknown type", _OTHER_MODEL),
)

_OUT_OF_MEMORY = re.compile(
    r"std::bad_alloc|MemoryError|failed to allocate|cannot allocate memory|out of memory|"
    r"unable to allocate|insufficient memory",
    re.IGNORECASE,
)
_NATIVE_ABORT = re.compile(r"GGML_ASSERT|GGML_ABORT|terminate called|Fatal Python error|Assertion .* failed")


def load_fault(path: Path, errors: Sequence[str]) -> KnownError:
    """Why llama.cpp did not load `path`, by the error lines of its log."""
    log = " ".join(line.strip() for line in errors)
    for pattern, kind, what, advice in _LOAD_FAULTS:
        if re.search(pattern, log, re.IGNORECASE):
            return KnownError(kind, f"{path.name} {what}{_reason(errors)}.", advice, path=str(path), log=log)
    message = f"{path.name} cannot be loaded{_reason(errors)}."
    return KnownError("damaged", message, _GET_AGAIN, path=str(path), log=log)


def _reason(errors: Sequence[str]) -> str:
    """The first error is the cause, those after it say only that it was one."""
    if not errors:
        return ""
    words = re.sub(r"^\w+: (error loading model: )?", "", errors[0].strip())
    return f" (llama.cpp: {words})"


class Death(NamedTuple):
    """Why a worker ended; `kind` as in `protocol.Died`."""

    kind: str
    message: str
    advice: str


def death(returncode: int | None, log: str) -> Death:
    """Why a worker ended that nobody asked to, by its exit status and the last lines of its stderr.

    Args:
        returncode: as `subprocess` has it: negative for a signal; None when it could not be learned.
        log: the last lines of stderr.
    """
    if _OUT_OF_MEMORY.search(log):
        return Death("out_of_memory", "The model ran out of memory.", _FREE_MEMORY)
    number = -returncode if returncode is not None and returncode < 0 else 0
    if number == signal.SIGKILL:
        message = "The model's process was killed, most likely by the system because memory ran out."
        return Death("out_of_memory", message, _FREE_MEMORY)
    if number == signal.SIGILL:
        advice = "Build it on this machine: pip install --force-reinstall --no-binary :all: llama-cpp-python."
        return Death("backend_crash", "llama.cpp was built for another processor than this one.", advice)
    if number in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGTRAP) or (
        _NATIVE_ABORT.search(log)
    ):
        name = f" ({signal.Signals(number).name})" if number else ""
        return Death("backend_crash", f"llama.cpp crashed{name}.", f"Try a smaller context or another model. {_REPORT}")
    if number:
        return Death("killed", f"The model's process was ended from outside (signal {number}).", "Start it again.")
    return Death("worker_bug", f"The model's process ended by an error (exit status {returncode}).", _REPORT)
