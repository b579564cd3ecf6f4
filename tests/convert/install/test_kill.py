"""`belle models get` is killed at any time: the same command continues, and the result has the same bytes."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from belle import paths
from belle.clients.download import SYNC_BYTES
from belle.models.registry import installed
from tests.convert.install.belle_checkpoint import WEIGHTS, belle_bloom
from tests.convert.install.conftest import REPO
from tests.convert.install.loopback_hub import LoopbackHub
from tests.convert.install.running import PATIENCE, belle, start

GET = ("models", "get", "belle-7b-2m", "--yes", "--threads", "1")

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def large_files() -> dict[str, bytes]:
    """Large enough that a part of it is safe on the disk before the rest arrives, and that converting takes a while."""
    files = belle_bloom(width=512, layers=16, vocabulary=12000)
    assert len(files[WEIGHTS]) > 2 * SYNC_BYTES
    return files


@pytest.fixture
def large_hub(hub: LoopbackHub, large_files: dict[str, bytes]) -> LoopbackHub:
    hub.repos[REPO] = large_files
    return hub


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def kill(process: subprocess.Popen[str], how: signal.Signals = signal.SIGKILL) -> str:
    process.send_signal(how)
    with process:
        error = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode != 0
    return error


def model() -> Path:
    return paths.models_dir() / "belle-7b-2m" / "belle-7b-2m-exact.gguf"


def work() -> Path:
    return model().parent / ".download"


def finish(hub: LoopbackHub) -> bytes:
    result = belle(*GET, url=hub.url)
    assert result.returncode == 0, result.stderr
    assert [one.name for one in installed()] == ["belle-7b-2m"]
    assert not work().exists()
    return model().read_bytes()


def uninterrupted(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bytes:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("HOME", str(tmp_path))
        return finish(hub)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_while_it_downloads_and_while_it_converts(
    large_hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: signal.Signals
) -> None:
    hub = large_hub
    whole = uninterrupted(hub, monkeypatch, tmp_path)
    hub.sent.clear()
    hub.bytes_per_second = 12_000_000
    process = start(*GET, url=hub.url)
    part = work() / "checkpoint" / f".{WEIGHTS}.part"
    until(lambda: part.exists() and part.stat().st_size > SYNC_BYTES, process)
    words = kill(process, how)
    assert "Traceback" not in words
    if how is signal.SIGINT:
        assert "goes on from here" in words
    assert installed() == []

    hub.bytes_per_second = 0
    hub.requests.clear()
    process = start(*GET, url=hub.url)
    until((work() / "belle-7b-2m-exact.gguf.part").exists, process)
    kill(process, how)
    assert [request.range for request in hub.asked("GET", "/storage")] == [f"bytes={SYNC_BYTES}-"]
    assert not hub.asked("GET", "/api/")
    assert installed() == []
    assert not model().exists()

    hub.requests.clear()
    assert finish(hub) == whole
    assert hub.requests == [], "everything was there"


def test_killed_at_any_moment(large_hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """However often: each run goes on, and the last one has it all."""
    hub = large_hub
    began = time.monotonic()
    whole = uninterrupted(hub, monkeypatch, tmp_path)
    seconds = time.monotonic() - began
    for sixth in range(1, 6):
        process = start(*GET, url=hub.url)
        time.sleep(seconds * sixth / 6)
        process.kill()
        with process:
            process.communicate(timeout=PATIENCE)
    assert finish(hub) == whole
