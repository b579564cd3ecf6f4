"""A whole chat, traced with strace, opens no internet socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.offline import assert_offline, needs_strace, traced, without_interfaces
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


def whole_session(page: Path, *prefix: str) -> None:
    """Two chats, stopped answers, switching, search, an export to `page`, pages of the window, and the end."""
    with open_window(*prefix) as window:
        window.until("ready")
        for text in ("Name three rivers.", "![x](https://example.org/x.png) <img src='http://example.org/y.png'>"):
            window.tell("new")
            window.tell(f"ask {text}")
            window.until("text")
            window.tell("stop")
            window.until("answered")
        window.tell("open 1")
        assert window.until("opened")["conversation"] == 1
        window.tell("search rivers")
        assert window.until("hits")["count"] >= 1
        window.tell(f"export {page}")
        window.until("exported")
        for command in ("badge", "action settings", "action shortcuts"):
            window.tell(command)
            assert window.until("dialog")["title"].endswith("ChatBELLE")
            window.tell("close")
            window.until("closed")
        window.tell("action regenerate")
        window.until("text")
        window.tell("stop")
        window.until("answered")
        window.tell("quit")
        window.rest()
        assert window.process.wait(60) == 0


@pytest.mark.slow
def test_a_whole_session_opens_no_internet_socket(tmp_path: Path) -> None:
    whole_session(tmp_path / "chat.html", *traced(tmp_path / "trace"))
    assert_offline(tmp_path / "trace")


@pytest.mark.slow
def test_a_whole_session_works_in_a_network_without_interfaces(tmp_path: Path) -> None:
    alone = without_interfaces()
    if not alone:
        pytest.skip("unshare -n is not permitted here")
    listed = subprocess.run([*alone, "cat", "/proc/net/route"], capture_output=True, text=True, check=True)
    assert listed.stdout.splitlines()[1:] == []  # at most the heading: there is no way out
    whole_session(tmp_path / "chat.html", *alone)


def test_a_chat_in_the_terminal_opens_no_internet_socket(tmp_path: Path) -> None:
    chat = ["chat", "--prompt", "Name three rivers.", "--max-tokens", "16", "--json"]
    subprocess.run([*traced(tmp_path / "trace"), sys.executable, "-m", "belle", *chat], check=True, timeout=300)
    assert_offline(tmp_path / "trace")
