from __future__ import annotations

import subprocess
import sys
import time

from belle.engine.cores import FreeCores, usable_cores


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


def test_cores_that_others_use_are_not_free() -> None:
    _, logical = usable_cores()
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(logical + 1)]
    try:
        time.sleep(0.5)
        free = FreeCores()
        work(2.0)
        assert free() == 1
        if sys.platform == "linux":
            time.sleep(2.0)
            assert free() == 1
    finally:
        for process in others:
            process.kill()
            process.wait()
