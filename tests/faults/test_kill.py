"""The window's process and the worker's are killed at random moments of streaming; nothing that was said is lost."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from belle import paths
from desktop.store import Store, StoredMessage
from tests.support.processes import wait_until_ended
from tests.support.window import open_window

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1500)]

ROUNDS = 30
QUESTION = "Tell me a long story about a lighthouse and the people who keep it."
# A checkpoint is written every second; the rest is what a busy machine may add.
LOST_AT_MOST_S = 2.0


def streamed(events: list[dict[str, Any]], message: int, *, before: float) -> str:
    return "".join(e["text"] for e in events if e["event"] == "text" and e["message"] == message and e["at"] <= before)


def integrity(file: Path) -> str:
    with sqlite3.connect(file) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def assert_kept(path: list[StoredMessage], events: list[dict[str, Any]], killed: float) -> None:
    """Of the answer at the end of `path` at most the last moments before `killed` are missing."""
    answer = path[-1]
    shown = streamed(events, answer.id, before=killed + 60)
    # The store may be ahead of the screen by the last words, as the screen may be ahead of the store.
    assert shown.startswith(answer.text) or answer.text.startswith(shown)
    assert len(answer.text) >= len(streamed(events, answer.id, before=killed - LOST_AT_MOST_S))
    assert answer.status == "interrupted"


def test_the_window_is_killed_while_it_streams() -> None:
    moments = random.Random(20230412)
    for questions in range(1, ROUNDS + 1):
        with open_window() as window:
            worker = window.until("ready")["worker"]
            window.tell(f"ask {QUESTION}")
            window.until("asked")
            if moments.random() < 0.8:  # the others are killed before the first word
                window.until("text")
            window.drain(moments.uniform(0, 2.5))
            window.process.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            window.rest()
        wait_until_ended(worker, 20)
        assert integrity(paths.database_file()) == "ok"
        with Store.open(paths.database_file()) as store:
            conversations = store.conversations(limit=100)
            assert len(conversations) == questions
            path = store.active_path(conversations[0].id)
            assert (path[0].role, path[0].text) == ("user", QUESTION)
            if len(path) > 1:
                assert_kept(path, window.seen, killed)
    with open_window() as window:
        window.tell("ask Name a colour.")
        window.until("text")
        window.tell("stop")
        window.until("answered")


def test_the_worker_is_killed_while_it_streams() -> None:
    moments = random.Random(20230418)
    with open_window() as window:
        worker = window.until("ready")["worker"]
        for _ in range(ROUNDS):
            window.tell("new")
            window.tell(f"ask {QUESTION}")
            window.until("asked")
            if moments.random() < 0.8:
                window.until("text")
            window.drain(moments.uniform(0, 1.5))
            mark = len(window.seen)
            os.kill(worker, signal.SIGKILL)
            worker = window.until("ready")["worker"]
            window.tell("ask Name a colour.")
            window.until("asked")
            window.until("text")
            window.tell("stop")
            window.until("answered")
            assert [e["kind"] for e in window.seen[mark:] if e["event"] == "notice"] == ["engine_restarted"]
        window.process.send_signal(signal.SIGKILL)
        window.rest()
    assert integrity(paths.database_file()) == "ok"
    with Store.open(paths.database_file()) as store:
        conversations = store.conversations(limit=100)
        assert len(conversations) == ROUNDS
        interrupted = []
        for conversation in conversations:
            path = store.active_path(conversation.id)
            assert [m.text for m in path if m.role == "user"] == [QUESTION, "Name a colour."]
            # A question to which no word came is marked, too.
            interrupted += [m for m in path if m.role == "assistant" and m.status == "interrupted"]
    assert interrupted
    for answer in interrupted:  # the window lived, so that it has all that came
        assert answer.text == streamed(window.seen, answer.id, before=time.monotonic())
