"""A second start hands its model to the first window, which comes to the front, and ends silently."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from belle import paths
from desktop.instance import InstanceServer, hand_over


class Later:
    """A later start, in a thread: the window has to answer meanwhile."""

    def __init__(self, model: str, timeout_s: float = 0.0, *, ask: bool = False) -> None:
        self.taken: bool | None = None
        self._thread = threading.Thread(target=self._run, args=(model, timeout_s, ask))
        self._thread.start()

    def _run(self, model: str, timeout_s: float, ask: bool) -> None:
        self.taken = hand_over(model, ask=ask, timeout_s=timeout_s)

    def result(self) -> bool | None:
        self._thread.join()
        return self.taken


@pytest.fixture
def first(qtbot: QtBot) -> Iterator[InstanceServer]:
    paths.private_folder(paths.data_dir())
    first = InstanceServer()
    assert first.listen()
    yield first
    first.close()


@pytest.mark.parametrize("model", ["", "belle-7b-2m", "/模型/中文 name.gguf", "broken \udcff name"])
def test_what_a_later_start_was_to_open_reaches_the_first_window(
    first: InstanceServer, qtbot: QtBot, model: str
) -> None:
    with qtbot.waitSignal(first.start_requested) as called:
        later = Later(model)
    assert called.args == [model]
    assert later.result()


@pytest.mark.parametrize("offline", [True, False])
def test_a_later_start_that_refuses_the_network_makes_the_first_window_refuse_it(
    first: InstanceServer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    monkeypatch.setenv("CHATBELLE_OFFLINE", "option" if offline else "0")
    told: list[bool] = []
    first.offline_requested.connect(lambda: told.append(True))
    with qtbot.waitSignal(first.start_requested):
        later = Later("")
    assert later.result()
    assert told == [True] * offline


@pytest.mark.parametrize(("model", "opened"), [("", []), ("starter", ["starter"])])
def test_a_later_start_for_a_quick_question_brings_up_its_window_instead(
    first: InstanceServer, qtbot: QtBot, model: str, opened: list[str]
) -> None:
    started: list[str] = []
    first.start_requested.connect(started.append)
    with qtbot.waitSignal(first.ask_requested):
        later = Later(model, ask=True)
    assert later.result()
    assert started == opened


def test_a_file_is_named_from_the_root(
    first: InstanceServer, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.gguf").touch()
    monkeypatch.chdir(tmp_path)
    with qtbot.waitSignal(first.start_requested) as called:
        later = Later("mine.gguf")
    assert later.result()
    assert called.args == [str(tmp_path / "mine.gguf")]


def test_without_a_window_nothing_is_handed_over() -> None:
    assert not hand_over("anything")


def test_a_socket_that_a_crash_left_behind_is_replaced(qtbot: QtBot) -> None:
    paths.private_folder(paths.data_dir())
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(paths.window_socket()))
    assert not hand_over("anything")
    first = InstanceServer()
    assert first.listen()
    with qtbot.waitSignal(first.start_requested):
        later = Later("")
    assert later.result()
    first.close()
    first.close()
    assert not paths.window_socket().exists()


def test_a_window_that_is_just_being_opened_is_waited_for(qtbot: QtBot) -> None:
    paths.private_folder(paths.data_dir())
    later = Later("", timeout_s=10)
    first = InstanceServer()
    with qtbot.waitSignal(first.start_requested):
        qtbot.wait(250)
        first.listen()
    assert later.result()
    first.close()


def test_a_data_folder_with_a_long_path_does_as_well(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", f"{os.environ['HOME']}/{'long/' * 30}")
    paths.private_folder(paths.data_dir())
    first = InstanceServer()
    assert first.listen()
    with qtbot.waitSignal(first.start_requested):
        later = Later("")
    assert later.result()
    first.close()


def test_only_this_user_may_call(first: InstanceServer) -> None:
    assert paths.window_socket().stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("nonsense", [b"", b"\n", b"{", b"[1]\n", b'{"open": 7}\n', b"\xff\xfe\n", b"x" * 100_000])
def test_nonsense_does_no_harm(first: InstanceServer, qtbot: QtBot, nonsense: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as caller, qtbot.assertNotEmitted(first.start_requested):
        caller.connect(os.fspath(paths.window_socket()))
        caller.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            caller.send(nonsense)
        began = time.monotonic()
        qtbot.wait(20)
        assert time.monotonic() - began < 2
    with qtbot.waitSignal(first.start_requested):
        later = Later("")
    assert later.result()


def test_the_program_started_twice(first: InstanceServer, qtbot: QtBot) -> None:
    with qtbot.waitSignal(first.start_requested, timeout=60_000) as called:
        second = subprocess.Popen(
            [sys.executable, "-m", "desktop", "nosuchmodel"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    output, _ = second.communicate(timeout=60)
    assert (second.returncode, output) == (0, b"")
    assert called.args == ["nosuchmodel"]
