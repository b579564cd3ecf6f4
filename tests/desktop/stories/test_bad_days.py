"""What the world does while somebody chats: the computer sleeps, the clock jumps, the model's file goes away, and what
is pasted is enormous. Nothing is lost, and what is said can be acted on."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData
from PySide6.QtTest import QTest

from belle.models import catalog
from tests.support.person import Person

LONG = "List the names of fifty animals, one in each line."
PASTED = "The fox went over the hill.\n" * 370_000  # 10 MB
MOST_S = 3.0
"""The window stands still for no longer, on a busy machine."""


def test_the_computer_sleeps_in_the_middle_of_an_answer_which_then_goes_on(person: Person) -> None:
    person.ask(LONG)
    person.wait_words()
    os.kill(person.worker, signal.SIGSTOP)
    QTest.qWait(1500)
    asleep = person.answer.text
    os.kill(person.worker, signal.SIGCONT)
    person.wait(lambda: len(person.answer.text) > len(asleep) + 20)
    person.stop()
    assert person.answer.text.startswith(asleep)
    assert person.states == [("user", "complete"), ("assistant", "stopped")]
    assert person.kinds() == []


@pytest.mark.parametrize("jump", [-86_400.0 * 400, 86_400.0 * 400], ids=["back", "ahead"])
def test_the_clock_is_set_in_the_middle_of_an_answer(
    person: Person, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.ask(LONG)
    person.wait_words()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    person.wait_words()
    person.stop()
    assert person.states == [("user", "complete"), ("assistant", "stopped")]
    assert person.path[-1].stats["tokens_per_s"] > 0
    person.ask("And plants?")
    person.wait_words()
    person.stop()
    assert [role for role, _ in person.states] == ["user", "assistant"] * 2
    assert person.shown == [(m.role, m.text) for m in person.path]


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """A model file of the person's own."""
    return Path(shutil.copy(catalog.resolve(catalog.STARTER).path, tmp_path / "mine.gguf"))


def test_the_file_of_the_model_is_deleted_while_it_answers(person: Person, own_file: Path) -> None:
    use(person, own_file)
    person.ask(LONG)
    person.wait_words()
    own_file.unlink()
    said = person.answer.text
    person.wait(lambda: len(person.answer.text) > len(said) + 20)
    person.stop()
    assert person.states == [("user", "complete"), ("assistant", "stopped")]
    person.kill_worker()
    person.wait(lambda: "file_missing" in person.kinds())
    assert person.path[-1].text.startswith(said)
    notice = next(notice for notice in person.notices if notice.kind == "file_missing")
    assert "choose_model" in notice.actions
    person.controller.projects.choose_model("starter")
    person.wait_ready()
    person.ask("Go on.")
    person.wait_words()
    person.stop()


def test_the_file_of_the_model_is_replaced_by_another_while_it_is_loaded(person: Person, own_file: Path) -> None:
    use(person, own_file)
    ask_and_stop(person, LONG)
    said = person.path[-1].text
    Path(shutil.copy(own_file, own_file.with_name("newer.gguf"))).replace(own_file)
    ask_and_stop(person, "And plants?")
    person.controller.projects.choose_model(str(own_file))
    person.wait_ready()
    ask_and_stop(person, "And stones?")
    assert [role for role, _ in person.states] == ["user", "assistant"] * 3
    assert person.path[1].text == said
    assert person.path[-1].stats["reused_tokens"] < 40, "what another file has read is not used"


def test_the_file_of_the_model_is_cut_short_while_it_is_loaded(person: Person, own_file: Path) -> None:
    use(person, own_file)
    ask_and_stop(person, LONG)
    said = person.path[-1].text
    os.truncate(own_file, 1 << 20)  # half a copy over it: reading what is mapped kills the worker
    person.ask("And plants?")
    person.wait(lambda: person.controller.model.status == "failed")
    assert person.path[1].text == said
    assert person.path[2].text == "And plants?"
    kinds = person.kinds()
    assert {"truncated", "engine_gave_up", "engine_restarted"} & set(kinds), kinds
    person.controller.projects.choose_model("starter")
    person.wait_ready()
    person.wait(lambda: len(person.path) == 3 or person.controller.busy)
    person.stop()


def use(person: Person, path: Path) -> None:
    person.wait_ready()
    person.controller.projects.choose_model(str(path))
    person.wait(lambda: person.controller.models.ref == str(path) and person.controller.model.status == "ready")


def ask_and_stop(person: Person, text: str) -> None:
    person.ask(text)
    person.wait_words()
    person.stop()


def in_time(do: Callable[[], object]) -> None:
    begun = time.thread_time()
    do()
    QTest.qWait(1)
    assert time.thread_time() - begun < MOST_S


def test_ten_megabytes_are_pasted_sent_and_opened_again(person: Person) -> None:
    person.wait_ready()
    pasted = QMimeData()
    pasted.setText(PASTED)
    composer = person.window.composer
    in_time(lambda: composer.editor.insertFromMimeData(pasted))
    assert len(composer.text()) == len(PASTED)
    in_time(lambda: QTest.keyClick(composer.editor, "x"))
    in_time(lambda: person.ask(""))
    person.wait(lambda: "prompt_too_long" in person.kinds())
    assert person.path[0].text.strip() == (PASTED + "x").strip()
    in_time(person.new_chat)
    in_time(lambda: person.open_chat("The fox went"))


def test_a_code_block_of_a_hundred_thousand_lines_is_shown(person: Person) -> None:
    code = "```python\n" + "".join(f"x{n} = {n}\n" for n in range(100_000)) + "```\n"
    conversation = person.store.create_conversation(title="Much code")
    question = person.store.add_message(conversation.id, None, "user", "Write it.")
    answer = person.store.add_message(conversation.id, question.id, "assistant", code)
    person.controller.conversations_changed.emit()
    in_time(lambda: person.open_chat("Much code"))
    in_time(lambda: person.scroll(-5))
    assert person.answer.text == answer.text
    in_time(lambda: person.widget(answer).unfold())
    in_time(lambda: person.scroll(-5))
    in_time(lambda: person.press(answer, "copy"))
