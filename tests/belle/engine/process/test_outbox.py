from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from belle.engine.process.events import Counted, Text
from belle.engine.process.outbox import Outbox
from belle.engine.process.protocol import decode_event


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        with suppress(OSError):
            os.close(fd)


def test_text_waits_for_a_slow_reader_and_grows_together(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outbox = Outbox(writing)
    for _ in range(20_000):
        outbox.send(Text(1, "你好"))  # would block a plain write long before the end
    finished = threading.Thread(target=lambda: (outbox.send(Text(2, "x")), outbox.send(Counted(3, 4, 5))))
    finished.start()
    with open(reading, "rb", closefd=False) as lines:
        events = []
        while not events or not isinstance(events[-1], Counted):
            events.append(decode_event(lines.readline()))
    finished.join()
    first = [e.text for e in events if isinstance(e, Text) and e.id == 1]
    assert "".join(first) == "你好" * 20_000
    assert len(first) < 20_000
    assert events[-2:] == [Text(2, "x"), Counted(3, 4, 5)]


def test_close_ends_the_wait_for_a_client_that_does_not_read(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1])
    stuck = threading.Thread(target=lambda: [outbox.send(Counted(i, 0, 0)) for i in range(10_000)])
    stuck.start()
    stuck.join(0.3)
    assert stuck.is_alive()
    outbox.close()
    stuck.join(30)
    assert not stuck.is_alive()


def test_a_client_that_has_gone_is_no_error(pipe: tuple[int, int]) -> None:
    outbox = Outbox(pipe[1])
    os.close(pipe[0])
    for i in range(100):
        outbox.send(Counted(i, 0, 0))
