"""Runs programs that a model wrote: without network, without anybody's files, within limits of time and memory.

Linux only: the program runs in namespaces of its own (`unshare(2)`), which the kernel may refuse; then nothing is run,
and the reason is said. In them, the root folder has the Python that runs now, read-only, and an empty `/tmp` of a few
megabytes; there is no network interface, no other process, and no privilege.
"""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache

from belle.errors import KnownError
from belle.evaluation.items.check_problem import CheckProblem
from belle.texts import utf8

_CHILD = "belle.evaluation.judge.sandbox_child"
_LONGEST_PROGRAM = 200_000
_LONGEST_OUTPUT = 1 << 16
_STARTING_S = 10.0


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What a program may use: seconds, megabytes of memory and of files."""

    seconds: float = 10.0
    memory_mb: int = 512
    files_mb: int = 16


class SandboxError(KnownError):
    """This system cannot confine a program."""


def program_problem(program: str, tests: str, limits: SandboxLimits | None = None) -> str:
    """Why `program` does not pass `tests` (lines with `assert`), a `CheckProblem`; "" when it does.

    Raises SandboxError where the system cannot confine it.
    """
    if (reason := unconfined_reason()) is not None:
        raise SandboxError(
            "cannot_confine",
            f"Programs cannot be confined on this system ({reason}), so none is run.",
            "Run the evaluation on Linux with user namespaces, outside of a container.",
        )
    if len(program) > _LONGEST_PROGRAM:
        return CheckProblem("program_long", limit=f"{_LONGEST_PROGRAM:,}")
    return _run(program, tests, limits or SandboxLimits())


@cache
def unconfined_reason() -> str | None:
    """Why this system cannot confine a program; None when it can."""
    if sys.platform != "linux":
        return "only Linux has namespaces"
    problem = _run("", "assert True", SandboxLimits())
    return problem or None


def _run(program: str, tests: str, limits: SandboxLimits) -> str:
    # The word at the end of the output shows that all the tests were reached. A program does not come upon it by
    # accident; one that looks for it in its own process finds it, and could as well change what its tests compare.
    word = secrets.token_hex(16)
    task = {
        "program": program,
        "tests": tests,
        "word": word,
        "seconds": limits.seconds,
        "memory": limits.memory_mb << 20,
        "files": limits.files_mb << 20,
    }
    with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory() as root:
        try:
            process = subprocess.run(
                [_python(), "-I", "-S", _child_file(), root],
                input=utf8(json.dumps(task)),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=limits.seconds + _STARTING_S,
                env={"LANG": "C.UTF-8"},
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return CheckProblem("program_slow", seconds=f"{limits.seconds:g}")
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - _LONGEST_OUTPUT))
        said = output.read().decode("utf-8", "replace")
    return _problem(process.returncode, said, word, limits)


def _problem(status: int, said: str, word: str, limits: SandboxLimits) -> str:
    if said.endswith(word) and status == 0:
        return ""
    if status == 128 + signal.SIGXCPU:
        return CheckProblem("program_slow", seconds=f"{limits.seconds:g}")
    lines = [line for line in said.splitlines() if line.strip()]
    return CheckProblem("program_fails", details=lines[-1][:300]) if lines and status else CheckProblem("program_ends")


def _child_file() -> str:
    """As a file: the child has the standard library alone, and knows of no package."""
    spec = importlib.util.find_spec(_CHILD)
    assert spec is not None and spec.origin is not None
    return spec.origin


def _python() -> str:
    """The interpreter itself, which a virtual environment only points to."""
    return os.path.realpath(sys.executable)
