"""Whether a process of this machine still runs, for tests of what may outlive its parent."""

from __future__ import annotations

from time import monotonic, sleep

import psutil


def is_running(pid: int) -> bool:
    """False once it has ended, also while nobody has asked for its exit status yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until_ended(pid: int, timeout_s: float) -> None:
    """Raises AssertionError when it still runs after `timeout_s` seconds."""
    until = monotonic() + timeout_s
    while is_running(pid):
        assert monotonic() < until, f"process {pid} still runs after {timeout_s:g} s"
        sleep(0.02)
