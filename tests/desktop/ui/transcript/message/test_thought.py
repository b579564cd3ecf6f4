"""The reasoning before an answer is shown on request, and is not part of the message."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from desktop.i18n import set_language
from tests.desktop.ui.transcript.conftest import idle

THOUGHT = "First **this**.\n\n- then that"


@pytest.fixture
def answered(view, message):
    view.set_path(
        [message("hi", "user", id=1), message("The answer.", id=2, thinking=THOUGHT, thinking_seconds=12.3)],
    )
    return view.message_widget(2)


def thought_of(widget):
    return widget._thought


def test_it_is_folded_and_says_how_long_it_took(answered) -> None:
    assert thought_of(answered).button.text() == "Thought for 12 s"
    assert not thought_of(answered).is_open
    assert answered.text.document().toPlainText() == "The answer."


def test_it_says_so_in_both_languages(answered) -> None:
    set_language("zh_CN")
    answered.retranslate()
    assert thought_of(answered).button.text() == "想了 12 秒"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "Thoughts"), (0.2, "Thought for 1 s"), (200, "Thought for 3 min 20 s")]
)
def test_long_and_unknown_durations(view, message, seconds, text: str) -> None:
    view.set_path([message("x", id=1, thinking="t", thinking_seconds=seconds)])
    assert thought_of(view.message_widget(1)).button.text() == text


def test_unfolding_it_makes_the_message_higher(view, answered, qtbot) -> None:
    before = answered.height()
    qtbot.mouseClick(thought_of(answered).button, Qt.MouseButton.LeftButton)
    idle(qtbot)
    assert "First this." in thought_of(answered).text.document().toPlainText()
    assert answered.height() > before
    assert thought_of(answered).text.geometry().bottom() + thought_of(answered).y() <= answered.text.y()
    qtbot.mouseClick(thought_of(answered).button, Qt.MouseButton.LeftButton)
    idle(qtbot)
    assert answered.height() == before


def test_the_keyboard_reaches_it(answered) -> None:
    assert answered.stops()[0] is thought_of(answered).button


def test_it_is_not_copied_or_marked_with_the_answer(view, answered) -> None:
    answered.copy()
    assert QGuiApplication.clipboard().text() == "The answer."
    view.highlight(2, "First")
    assert answered.text.extraSelections() == []


def test_an_answer_without_reasoning_has_no_such_widget(view, message) -> None:
    view.set_path([message("x", id=1)])
    assert thought_of(view.message_widget(1)) is None


def test_a_thought_under_way_can_be_ended_and_a_finished_one_cannot(view, message, answered, qtbot) -> None:
    assert not thought_of(answered).answer_button.isVisibleTo(answered)
    view.set_path([message("hi", "user", id=1), message("", status="streaming", id=2)])
    view.append_thinking(2, "Let me ")
    widget = view.message_widget(2)
    button = thought_of(widget).answer_button
    assert button in widget.stops()
    assert button.x() >= thought_of(widget).button.geometry().right()
    with qtbot.waitSignal(view.answer_now_requested):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    view.update_message(message("", status="streaming", id=2, thinking="Let me ", thinking_seconds=1.0))
    assert button not in widget.stops()


def test_it_streams_until_the_answer_begins(view, message, qtbot) -> None:
    answer = message("", status="streaming", id=2)
    view.set_path([message("hi", "user", id=1), answer])
    view.append_thinking(2, "Let me ")
    view.append_thinking(2, "see.")
    widget = view.message_widget(2)
    assert thought_of(widget).button.text() == "Thinking…"
    assert not thought_of(widget).is_open
    assert widget.text.document().toPlainText() == ""
    thought_of(widget).toggle()
    view.append_thinking(2, " Yes.")
    assert thought_of(widget).text.document().toPlainText() == "Let me see. Yes."
    view.update_message(replace(answer, thinking="Let me see. Yes.", thinking_seconds=3.0))
    view.append_text(2, "So it is.")
    assert view.messages()[-1].text == "So it is."
    assert view.messages()[-1].thinking == "Let me see. Yes."
    assert widget.text.document().toPlainText() == "So it is."
    view.update_message(
        replace(answer, text="So it is.", status="complete", thinking="Let me see. Yes.", thinking_seconds=3.0)
    )
    assert thought_of(widget).button.text() == "Thought for 3 s"


def test_steps_are_shown_letter_by_letter_and_cannot_be_cut_short(view, message) -> None:
    steps = "Act: calculator[12*12*2]\nObs:\n| 288\n<b> # $x$ _y_ `z` ~w~ \\ 1. [a](b)"
    stats = {"dialogue": {"strategy": "duma"}}
    view.set_path([message("hi", "user", id=1), message("", id=2, thinking=steps, status="streaming", stats=stats)])
    thought = thought_of(view.message_widget(2))
    assert thought.answer_button.isHidden()
    thought.toggle()
    assert thought.text.document().toPlainText() == steps
