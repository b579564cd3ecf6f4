from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from belle.engine.llama.cores import FreeCores, usable_cores

NEARLY_IDLE = 0.7
"""Of a core; what is used of it is counted in steps of 10 ms."""


def work(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_the_cores_of_this_machine() -> None:
    physical, logical = usable_cores()
    assert 1 <= physical <= logical


def test_nothing_is_known_at_first() -> None:
    assert FreeCores()() is None


def test_after_a_time_of_waiting_the_moment_counts() -> None:
    free = FreeCores()
    time.sleep(0.5)
    known = free()
    if sys.platform == "linux":
        assert known is not None and 1 <= known <= usable_cores()[0]
    else:
        assert known is None


def test_after_some_work_it_is_known() -> None:
    free = FreeCores()
    work(0.5)
    known = free()
    assert known is not None and 1 <= known <= usable_cores()[0]
    assert free() == known


@pytest.fixture
def others() -> Iterator[list[psutil.Process]]:
    """More processes that are at work than there are cores."""
    command = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(usable_cores()[1] + 1)]
    for process in started:
        assert process.stdout is not None and process.stdout.readline()
    yield [psutil.Process(process.pid) for process in started]
    for process in started:
        process.kill()
        process.communicate()


def used_by(processes: list[psutil.Process]) -> float:
    """Seconds of processor time."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def test_cores_that_others_use_are_not_free(others: list[psutil.Process]) -> None:
    physical, logical = usable_cores()
    began = time.monotonic()
    free = FreeCores()
    before = used_by(others)
    work(2.0)
    used = used_by(others) - before
    known = free()
    # Of a quiet machine they get all but one core; where more is going on, what they got is not free all the same.
    left = logical - used / (time.monotonic() - began)
    assert known is not None and 1 <= known <= max(1, min(physical, int(left + NEARLY_IDLE)))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how many threads are ready to run")
@pytest.mark.usefixtures("others")
def test_cores_that_others_use_are_not_free_after_a_time_of_waiting() -> None:
    free = FreeCores()
    time.sleep(0.5)
    assert free() == 1
