"""A whole chat, traced with strace, opens no internet socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.offline import assert_offline, needs_strace, traced
from tests.support.window import open_window

pytestmark = [*needs_strace, pytest.mark.timeout(600)]


def test_the_trace_would_show_an_internet_socket(tmp_path: Path) -> None:
    program = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()"
    subprocess.run([*traced(tmp_path / "trace"), sys.executable, "-c", program], check=True)
    with pytest.raises(AssertionError):
        assert_offline(tmp_path / "trace")


def test_a_chat_in_the_window_opens_no_internet_socket(tmp_path: Path) -> None:
    with open_window(*traced(tmp_path / "trace")) as window:
        window.until("ready")
        window.tell("ask Name three rivers.")
        window.until("text")
        window.drain(1)
        window.tell("stop")
        window.until("answered")
        window.tell("ask And three mountains?")
        window.until("text")
        window.tell("stop")
        window.until("answered")
        window.tell("quit")
        window.rest()
        assert window.process.wait(60) == 0
    assert_offline(tmp_path / "trace")


def test_a_chat_in_the_terminal_opens_no_internet_socket(tmp_path: Path) -> None:
    chat = ["chat", "--prompt", "Name three rivers.", "--max-tokens", "16", "--json"]
    subprocess.run([*traced(tmp_path / "trace"), sys.executable, "-m", "belle", *chat], check=True, timeout=300)
    assert_offline(tmp_path / "trace")
