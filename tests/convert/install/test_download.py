"""One file: whatever breaks on the way, its bytes are right in the end, and few are sent twice."""

from __future__ import annotations

import hashlib
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belle.clients import download, retry
from belle.clients.download import fetch, part_path
from belle.clients.hub import Hub, RemoteFile
from belle.clients.progress import Reporter, Step
from belle.clients.retry import Retries
from belle.errors import KnownError
from tests.convert.install.loopback_hub import LoopbackHub

CONTENT = bytes(range(256)) * 3000 + b"the end"
SYNC = 100_000
REMOTE = RemoteFile("owner/model", "a" * 40, "weights.pt", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture(autouse=True)
def _serve(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos["owner/model"] = {"weights.pt": CONTENT}
    monkeypatch.setattr(download, "SYNC_BYTES", SYNC)
    monkeypatch.setattr(retry, "_WAITS_SECONDS", (0.001,) * 5)


def get(target: Path, file: RemoteFile = REMOTE, steps: list[Step] | None = None) -> None:
    reporter = Reporter("download", None if steps is None else steps.append, threading.Event(), len(CONTENT))
    fetch(Hub(), file, target, reporter, Retries(reporter))


def test_a_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    get(target)
    assert target.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [target]


@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=8), kept=st.integers(0, len(CONTENT)), ranges=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cuts_and_any_rest_of_an_earlier_run_end_in_the_right_bytes(
    hub: LoopbackHub, tmp_path: Path, cuts: list[int], kept: int, ranges: bool
) -> None:
    shutil.rmtree(tmp_path / "here", ignore_errors=True)
    target = tmp_path / "here" / "weights.pt"
    target.parent.mkdir()
    part_path(target).write_bytes(CONTENT[:kept])
    hub.cuts["weights.pt"] = list(cuts)
    hub.honours_ranges = ranges
    for _ in range(10):
        try:
            get(target)
        except KnownError as error:
            assert error.kind == "connection_lost"
            assert not target.exists()
        else:
            break
    assert target.read_bytes() == CONTENT


def test_the_end_that_a_power_cut_may_have_spoilt_is_downloaded_again(hub: LoopbackHub, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    part_path(target).write_bytes(CONTENT[: 2 * SYNC] + b"\0" * 1000)
    get(target)
    assert target.read_bytes() == CONTENT
    assert [request.range for request in hub.asked("GET", "/storage")] == [f"bytes={2 * SYNC}-"]


@pytest.mark.parametrize("there", [CONTENT + b"more", b"\0" * len(CONTENT)])
def test_a_part_file_of_something_else(hub: LoopbackHub, tmp_path: Path, there: bytes) -> None:
    target = tmp_path / "weights.pt"
    part_path(target).write_bytes(there)
    if len(there) == len(CONTENT):
        with pytest.raises(KnownError, match="wrong bytes"):
            get(target)
        assert not list(tmp_path.iterdir())
    get(target)
    assert target.read_bytes() == CONTENT


def test_a_file_that_is_there_is_not_asked_for(hub: LoopbackHub, tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    target.write_bytes(CONTENT)
    get(target)
    assert hub.requests == []


def test_without_size_and_hash_the_hub_s_word_is_taken(tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    get(target, RemoteFile("owner/model", "a" * 40, "weights.pt"))
    assert target.read_bytes() == CONTENT


def test_progress_counts_every_byte_once(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.cuts["weights.pt"] = [300_000, 100_000]
    hub.bytes_per_second = 500_000
    steps: list[Step] = []
    get(tmp_path / "weights.pt", steps=steps)
    moving = [step for step in steps if not step.waiting]
    assert [step.done for step in moving] == sorted(step.done for step in moving)
    assert moving[-1].done <= len(CONTENT)
    assert any(step.bytes_per_second for step in moving)
    assert any(step.seconds_left for step in moving)


def test_a_full_disk_is_said_and_what_arrived_is_kept(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the same place in the code, another number."""
    import resource
    import signal

    target = tmp_path / "weights.pt"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
        with pytest.raises(KnownError) as caught:
            get(target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.kind == "disk_full"
    assert "goes on where it stopped" in caught.value.advice
    assert "weights.pt" in caught.value.message
    assert part_path(target).stat().st_size == 500_000
    get(target)
    assert target.read_bytes() == CONTENT
