"""Explains failures of native code, from a line in its log or a signal: what happened, and what to do."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from belle.engine.llama.processor import built_with, missing_features, this_processor
from belle.engine.process.memory_pressure import MemoryFacts
from belle.errors import KnownError
from belle.units import gigabytes, megabytes

_GET_AGAIN = "Download or convert it again."
_FREE_MEMORY = "Close other programs, choose a smaller context, or a smaller model or quantization."
_OTHER_MODEL = "Update ChatBELLE, or choose another model."
_REPORT = "Please report it, with the log."
_AGAIN = "Start it again."
_LONGEST_REASON = 300

CRASHES = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGTRAP)
"""Signals of a fault in native code, besides SIGILL."""

# Errors in llama.cpp's log: pattern, kind, what the message says of the file, advice. The first match counts.
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
_NATIVE_REASON = re.compile(r"\.(c|cpp|cu|h|hpp|m|mm):\d+: |what\(\):|free\(\)|malloc\(\)|corrupted")
_LOADING = re.compile(r"^chatbelle: loading (.+)$", re.MULTILINE)
_COMPILED_IN = re.compile(r"^\S*/(?=[^/\s]+:\d+: )")

# Failed assertions of llama.cpp that are the fault of a model's file: pattern, what it means, advice.
_KNOWN_CRASHES: tuple[tuple[str, str, str], ...] = (
    (
        r"id_to_token\.size\(\) == token_to_id\.size\(\)",
        "two tokens of the model's vocabulary are equal, which llama.cpp does not take",
        "Take another file of this model; whoever made this one has to mend it.",
    ),
    (
        r"n_expert",
        "what the model's file says of its experts does not fit together",
        "Take another file of this model; whoever made this one has to mend it.",
    ),
)


def build_anew() -> str:
    """The command that compiles llama.cpp again, for this machine."""
    from belle.environment import pip_command

    name = "llama-cpp-python"
    return pip_command("install", "--force-reinstall", "--no-deps", "--no-cache-dir", "--no-binary", name, name)


def loading_note(path: Path) -> str:
    """A line for the log, by which `death` knows the file that was being loaded."""
    return f"chatbelle: loading {path.name}\n"


def load_fault(path: Path, errors: Sequence[str]) -> KnownError:
    """The error for a `path` that llama.cpp did not load, by the error lines of its log."""
    log = " ".join(line.strip() for line in errors)
    for pattern, kind, what, advice in _LOAD_FAULTS:
        if re.search(pattern, log, re.IGNORECASE):
            return KnownError(kind, f"{path.name} {what}{_reason(errors)}.", advice, path=str(path), log=log)
    message = f"{path.name} cannot be loaded{_reason(errors)}."
    return KnownError("damaged", message, _GET_AGAIN, path=str(path), log=log)


def _reason(errors: Sequence[str]) -> str:
    """The first error line, in brackets: it is the cause, and those after it are its consequences."""
    if not errors:
        return ""
    words = re.sub(r"^\w+: (error loading model: )?", "", errors[0].strip())
    return f" (llama.cpp: {words})"


class Death(NamedTuple):
    """Why a process ended; `kind` as in `protocol.Died`."""

    kind: str
    message: str
    advice: str


def death(
    returncode: int | None,
    log: str,
    *,
    memory: MemoryFacts | None = None,
    safer_too: bool = False,
    who: str = "The model's process",
) -> Death:
    """Why a process with native code ended unasked: only what is known, no guesses.

    Args:
        returncode: as `subprocess` has it: negative for a signal; None when it could not be learned.
        log: the last lines of its stderr.
        memory: how much was free while it ran.
        safer_too: it ran in safer mode (`belle.engine.process.safer_mode`).
        who: the process, at the beginning of a sentence.
    """
    if _OUT_OF_MEMORY.search(log):
        return Death("out_of_memory", f"{who} ran out of memory.", _FREE_MEMORY)
    number = -returncode if returncode is not None and returncode < 0 else 0
    if number in (signal.SIGKILL, signal.SIGTERM):
        return _ended_by_others(number, memory, who)
    if number == signal.SIGILL:
        return _illegal_instruction(who, safer_too=safer_too)
    if number in CRASHES or _NATIVE_ABORT.search(log):
        return _crash(number, log, who)
    if number:
        return Death("killed", f"{who} was ended from outside (signal {number}).", _AGAIN)
    return Death("worker_bug", f"{who} ended by an error (exit status {returncode}).", _REPORT)


def native_reason(log: str) -> str:
    """The line in which native code gives its reason, without the folder it was compiled in; "" for none."""
    lines = [line.strip() for line in log.splitlines() if _NATIVE_ABORT.search(line) or _NATIVE_REASON.search(line)]
    # C++ prints the type of an uncaught exception in one line and its message (what()) in the next.
    reason = " ".join(lines[:2]) if lines and lines[0].startswith("terminate called") else "".join(lines[:1])
    return _COMPILED_IN.sub("", reason).rstrip(".")[:_LONGEST_REASON]


def _file_in_use(log: str) -> str:
    """The file that was loaded last, by the notes in the log; "" for none."""
    files = _LOADING.findall(log)
    return files[-1] if files else ""


def _ended_by_others(number: int, memory: MemoryFacts | None, who: str) -> Death:
    if number == signal.SIGTERM:
        message = f"{who} was asked to end by the system or by another program (SIGTERM)."
        return Death("terminated", message, _AGAIN)
    if memory is not None and memory.ran_out:
        message = f"{who} was ended by the system, because the memory of the machine or of its group ran out."
        return Death("out_of_memory", message, _FREE_MEMORY)
    message = f"{who} was ended by the system or by someone (SIGKILL)"
    if memory is not None and memory.short:
        free = f"{megabytes(memory.free)} of {gigabytes(memory.total, 0)} of memory were free"
        return Death("killed_low_memory", f"{message}; {free}.", _FREE_MEMORY)
    return Death("killed", f"{message}.", _AGAIN)


def _illegal_instruction(who: str, *, safer_too: bool) -> Death:
    missing = missing_features(built_with(), this_processor())
    if missing:
        sets = ", ".join(missing)
        message = f"llama.cpp was built for processors with {sets}, which this one does not have (SIGILL)."
        return Death("backend_crash", message, f"Build it on this machine: {build_anew()}")
    also = ", also without its extra kernels" if safer_too else ""
    message = f"{who} came to an instruction of llama.cpp that does not work on this machine (SIGILL){also}."
    return Death("backend_crash", message, f"{_REPORT} Another build may work: {build_anew()}")


def _crash(number: int, log: str, who: str) -> Death:
    reason, file = native_reason(log), _file_in_use(log)
    name = (f" over {file}" if file else "") + (f" ({signal.Signals(number).name})" if number else "")
    for pattern, what, advice in _KNOWN_CRASHES:
        if re.search(pattern, reason):
            return Death("backend_crash", f"{who} ended{name}: {what} (llama.cpp: {reason}).", advice)
    message = f"{who} ended, because llama.cpp crashed{name}{': ' + reason if reason else ''}."
    return Death("backend_crash", message, f"Try a smaller context or another model. {_REPORT}")
