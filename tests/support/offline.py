"""Proof that a program opens no internet socket: its system calls, traced."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

needs_strace = [
    pytest.mark.skipif(sys.platform != "linux", reason="strace exists on Linux only"),
    pytest.mark.skipif(
        not shutil.which("strace") and not os.environ.get("CI"),
        reason="strace is not installed (in CI its absence is a failure)",
    ),
]

_INTERNET = re.compile(r"AF_INET6?\b")


def traced(trace: Path) -> tuple[str, ...]:
    """The beginning of a command whose calls to the network are written to `trace`, those of its children too."""
    return ("strace", "-f", "-qq", "-e", "trace=network", "-o", str(trace))


def assert_offline(trace: Path) -> None:
    """Fail when a trace shows an internet socket."""
    calls = trace.read_text(errors="replace").splitlines()
    assert [call for call in calls if _INTERNET.search(call)] == []


@cache
def without_interfaces() -> tuple[str, ...]:
    """The beginning of a command that runs in a network without any interface; empty where that is not permitted."""
    for command in (("unshare", "-n"), ("unshare", "-rn")):
        if (
            shutil.which("unshare")
            and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
        ):
            return command
    return ()
