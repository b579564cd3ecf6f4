"""Editing, other chats, a second start and a dead worker while an answer is generated."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.person import Person

LONG = "List the names of fifty animals, one in each line."


def test_a_question_that_waits_for_the_model_is_answered_in_its_chat(person: Person) -> None:
    person.ask("What is rain?")
    assert person.controller.model.status != "ready"
    first = person.controller.conversation
    assert first is not None
    person.new_chat()
    person.type("half a thought")
    person.wait(lambda: len(person.store.active_path(first.id)) == 2)
    assert person.controller.conversation is None
    assert person.window.composer.editor.toPlainText() == "half a thought"
    person.open_chat("What is rain")
    person.stop()
    assert [role for role, _ in person.states] == ["user", "assistant"]
    assert person.shown == [(m.role, m.text) for m in person.path]


def test_an_answer_goes_on_in_its_chat_while_another_is_open(person: Person) -> None:
    person.ask(LONG)
    person.wait_words()
    first = person.controller.conversation
    assert first is not None
    person.new_chat()
    assert not person.controller.busy
    person.press_stop()  # nothing to stop here
    person.ask("What is snow?")  # waits for its turn
    assert person.states == [("user", "complete")]
    person.open_chat("List the names")
    begun = person.answer.text
    person.wait(lambda: len(person.answer.text) > len(begun) + 50)
    person.stop()
    person.open_chat("What is snow")
    person.wait(lambda: len(person.states) == 2)
    person.stop()
    assert person.states[0] == ("user", "complete")


def test_an_edit_begun_while_an_answer_comes_is_kept_and_saved_afterwards(person: Person) -> None:
    person.ask("What is rain?")
    person.wait_words()
    person.stop()
    question = person.path[0]
    person.widget(question).edit()
    editor = person.widget(question).editor
    assert editor is not None
    editor.field.setPlainText("What is snow?")
    person.ask(LONG)
    person.wait_words()
    save = editor.findChild(QPushButton, "save")
    QTest.mouseClick(save, Qt.MouseButton.LeftButton)
    person.stop()
    still = person.widget(question).editor
    assert still is not None
    assert still.field.toPlainText() == "What is snow?"
    QTest.mouseClick(still.findChild(QPushButton, "save"), Qt.MouseButton.LeftButton)
    person.wait(lambda: len(person.path) == 2)
    person.stop()
    assert person.path[0].text == "What is snow?"
    assert (person.path[0].sibling_index, person.path[0].sibling_count) == (1, 2)


def test_a_killed_model_costs_one_answer_of_which_what_came_is_kept(person: Person) -> None:
    person.ask(LONG)
    person.wait_words()
    person.wait(lambda: len(person.answer.text) > 40)
    killed = person.worker
    person.kill_worker()
    person.wait_answered()
    assert person.states == [("user", "complete"), ("assistant", "interrupted")]
    partial = person.answer
    assert partial.text == person.path[-1].text
    person.wait_ready()
    assert person.worker != killed
    assert "engine_restarted" in person.kinds()
    person.press(partial, "continue")
    person.wait_words()
    person.stop()
    assert person.answer.text.startswith(partial.text)
    assert len(person.answer.text) > len(partial.text)


def test_what_was_typed_and_asked_is_there_at_the_next_start(sits_down: Callable[..., Person]) -> None:
    first = sits_down()
    first.ask(LONG)
    first.wait_words()
    first.type("and then")
    first.leave()
    again = sits_down()
    again.open_chat("List the names")
    assert again.states == [("user", "complete"), ("assistant", "interrupted")]
    assert again.shown == [(m.role, m.text) for m in again.path]
    assert again.window.composer.editor.toPlainText() == "and then"


def test_a_second_start_brings_the_first_window_the_file(person: Person, tmp_path: Path) -> None:
    person.wait_ready()
    model = tmp_path / "mine.gguf"
    write_random_model(model, template="{{ messages[-1].content }}")
    with subprocess.Popen([sys.executable, "-m", "desktop", str(model)], stderr=subprocess.PIPE) as second:
        person.wait(lambda: second.poll() is not None)
        assert second.returncode == 0
    person.wait(lambda: person.controller.model.name == "mine" and person.controller.model.status == "ready")
    assert not person.notices
