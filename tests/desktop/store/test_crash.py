"""A window that is killed at a random moment loses nothing that was acknowledged, and leaves an intact file."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from desktop.store import Store
from tests.desktop.store.processes import line_of, python

# Each line is printed after the store has returned.
WRITER = """
import sys
from pathlib import Path
from desktop.store import Store
store = Store.open(Path(sys.argv[1]))
print("open", flush=True)
conversation = store.create_conversation()
parent = None
while True:
    question = store.add_message(conversation.id, parent, "user", "question " * 50)
    print("user", question.id, flush=True)
    answer = store.start_answer(conversation.id, question.id, "m")
    for length in range(1, 6):
        store.checkpoint(answer.id, "word " * length * 40)
        print("checkpoint", answer.id, length, flush=True)
    store.finish(answer.id, "word " * 250, status="complete", stats={})
    print("finished", answer.id, flush=True)
    parent = answer.id
"""


@pytest.mark.faults
def test_nothing_acknowledged_is_lost_when_the_window_is_killed(path: Path) -> None:
    moments = random.Random(7)
    questions: set[int] = set()
    answers: dict[int, int] = {}  # words acknowledged so far; 250 when finished
    interrupted = 0
    for _ in range(20):
        with python(WRITER, path) as process:
            assert line_of(process) == "open"
            time.sleep(moments.uniform(0, 0.15))
            process.kill()
            lines, _ = process.communicate()
        for line in lines.split("\n")[:-1]:  # the last line may be cut off
            kind, *numbers = line.split()
            if kind == "user":
                questions.add(int(numbers[0]))
            else:
                answers[int(numbers[0])] = 250 if kind == "finished" else 40 * int(numbers[1])
        with Store.open(path) as store:
            assert store._db.rows("PRAGMA integrity_check") == [("ok",)]
            with store._db.transaction():
                store._db.write("INSERT INTO message_index (message_index, rank) VALUES ('integrity-check', 1)")
            assert len(store.recovered) <= 1
            interrupted += len(store.recovered)
            for id_ in questions:
                assert store.message(id_).text == "question " * 50
            for id_, words in answers.items():
                answer = store.message(id_)
                assert len(answer.text) >= 5 * words
                assert answer.status == ("complete" if words == 250 else answer.status)
                assert answer.status in ("complete", "interrupted")
    # How many there are is up to the machine; none would mean that nothing was tested.
    assert questions
    assert interrupted
