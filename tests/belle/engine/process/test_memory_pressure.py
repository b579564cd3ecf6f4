from __future__ import annotations

from pathlib import Path

import pytest

from belle.engine.llama import memory
from belle.engine.process import memory_pressure
from belle.engine.process.memory_pressure import MemoryFacts, MemoryWatch


def test_a_kill_for_want_of_memory_is_counted_by_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vmstat, events = tmp_path / "vmstat", tmp_path / "memory.events"
    vmstat.write_text("pgfault 12\noom_kill 3\nnr_dirty 0\n")
    events.write_text("low 0\noom 1\noom_kill 0\noom_group_kill 7\n")
    monkeypatch.setattr(memory_pressure, "_VMSTAT", vmstat)
    monkeypatch.setattr(memory_pressure, "cgroup_folders", lambda: [(tmp_path, "", "", "")])
    watch = MemoryWatch()
    events.write_text("low 9\noom 2\noom_kill 0\noom_group_kill 9\n")
    assert not watch.facts().ran_out
    events.write_text("low 9\noom 2\noom_kill 1\noom_group_kill 9\n")
    assert watch.facts().ran_out
    watch = MemoryWatch()
    assert not watch.facts().ran_out
    vmstat.write_text("oom_kill 4\n")
    assert watch.facts().ran_out


def test_a_system_that_counts_nothing_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_pressure, "_VMSTAT", tmp_path / "missing")
    monkeypatch.setattr(memory, "_OWN_CGROUPS", tmp_path / "missing")
    assert not MemoryWatch().facts().ran_out


def test_the_lowest_point_counts_for_afterwards_the_memory_is_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([8 << 30, 50 << 20, 9 << 30])
    monkeypatch.setattr(memory_pressure, "available_memory", lambda: next(seen))
    monkeypatch.setattr(memory_pressure, "_POLL_S", 0.0)
    watch = MemoryWatch()
    watch.look()
    assert watch.facts().free == 50 << 20


@pytest.mark.parametrize(
    ("free", "total", "short"),
    [(100 << 20, 4 << 30, True), (300 << 20, 4 << 30, False), (1 << 30, 64 << 30, True), (20 << 30, 64 << 30, False)],
)
def test_what_is_short(free: int, total: int, short: bool) -> None:
    assert MemoryFacts(ran_out=False, free=free, total=total).short is short
