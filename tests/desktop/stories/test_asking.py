"""Asking and reading along: the window follows the answer until the person scrolls away, and Stop stops it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.support.person import Person

LONG = "List the names of fifty animals, one in each line."
"""The starter model finds no end here."""
ARTICLE = "The lighthouse keeper wrote down the weather of every day. " * 150


def read_on(person: Person) -> None:
    """Wait for three more lines of an answer, which is more than the window holds."""
    bar = person.window.transcript.verticalScrollBar()
    before = bar.maximum()
    person.wait(lambda: not person.controller.busy or bar.maximum() > before + 75)
    assert person.controller.busy


def test_what_is_sent_is_answered_and_kept(person: Person) -> None:
    person.ask("What is the capital of France?")
    person.wait_words()
    person.wait_answered()
    assert person.states == [("user", "complete"), ("assistant", "complete")]
    assert person.shown == [(m.role, m.text) for m in person.path]
    assert person.window.composer.editor.toPlainText() == ""


def test_the_view_follows_the_first_answer_and_the_second(person: Person) -> None:
    view = person.window.transcript
    for _ in range(2):
        person.ask(LONG)
        person.wait_words()
        read_on(person)
        assert view.at_bottom()
        person.stop()
        assert view.at_bottom()


def test_who_scrolls_away_is_left_alone_and_who_comes_back_follows_again(person: Person) -> None:
    person.ask(LONG)
    person.wait_words()
    read_on(person)
    view, bar = person.window.transcript, person.window.transcript.verticalScrollBar()
    person.scroll(2)
    away = bar.value()
    assert not view.at_bottom()
    read_on(person)
    assert bar.value() == away
    person.scroll(-50)
    assert view.at_bottom()
    read_on(person)
    assert view.at_bottom()


def test_a_finger_on_a_trackpad_gets_away_a_few_pixels_at_a_time(person: Person) -> None:
    person.ask(LONG)
    person.wait_words()
    read_on(person)
    bar = person.window.transcript.verticalScrollBar()
    begun = bar.value()
    for _ in range(12):
        person.scroll(0.1)
    assert bar.value() < begun - 30
    away = bar.value()
    read_on(person)
    assert bar.value() == away


def test_another_answer_is_followed_too_and_another_version_stays_where_one_reads(person: Person) -> None:
    person.ask(LONG)
    person.wait_words()
    read_on(person)
    person.stop()
    view, bar = person.window.transcript, person.window.transcript.verticalScrollBar()
    person.scroll(50)
    person.answer_again()
    person.wait_words()
    read_on(person)
    assert view.at_bottom()
    person.stop()
    person.scroll(50)
    person.press(person.answer, "previous")
    assert bar.value() == 0


def test_the_arrow_leads_back_to_the_end(person: Person) -> None:
    person.ask(LONG)
    person.wait_words()
    read_on(person)
    person.scroll(50)
    arrow = person.window.transcript._to_end
    assert arrow.isVisible()
    QTest.mouseClick(arrow, Qt.MouseButton.LeftButton)
    read_on(person)
    assert person.window.transcript.at_bottom()


def test_stopped_while_it_reads_the_question(person: Person) -> None:
    person.wait_ready()
    person.window.composer.editor.setPlainText(ARTICLE)
    with person.qtbot.waitSignal(person.controller.prefill, timeout=60_000):
        person.ask("")
    person.stop()
    (question,) = person.path
    assert person.widget(question).action_bar().button("regenerate").isEnabled()
    person.widget(question).edit()
    editor = person.widget(question).editor
    assert editor is not None
    editor.field.setPlainText("What is the capital of France?")
    QTest.keyClick(editor.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    person.wait_words()
    person.stop()
    assert [role for role, _ in person.states] == ["user", "assistant"]
    person.ask("And of Spain?")  # in the same conversation
    person.wait_words()
    person.stop()
    assert [role for role, _ in person.states] == ["user", "assistant", "user", "assistant"]


def test_stopped_while_it_writes(person: Person) -> None:
    person.ask(LONG)
    person.wait_words()
    person.stop()
    assert person.states == [("user", "complete"), ("assistant", "stopped")]
    begun = person.answer
    assert begun.text
    person.press(begun, "continue")
    person.wait_words()
    person.stop()
    assert person.answer.text.startswith(begun.text)
    assert len(person.answer.text) > len(begun.text)
    assert person.store.message(begun.id).text == person.answer.text
