"""What a model thinks before its answer is there for who wants to read it, and in nobody else's way."""

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
        context_start=None,
    )
    return view.message_widget(2)


def fold(widget):
    return widget._thought


def test_it_is_folded_and_says_how_long_it_took(answered) -> None:
    assert fold(answered).button.text() == "Thought for 12 s"
    assert not fold(answered).is_open
    assert answered.text.document().toPlainText() == "The answer."


def test_it_says_so_in_both_languages(answered) -> None:
    set_language("zh_CN")
    answered.retranslate()
    assert fold(answered).button.text() == "想了 12 秒"


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "Thoughts"), (0.2, "Thought for 1 s"), (200, "Thought for 3 min 20 s")]
)
def test_long_and_unknown_durations(view, message, seconds, said: str) -> None:
    view.set_path([message("x", id=1, thinking="t", thinking_seconds=seconds)], context_start=None)
    assert fold(view.message_widget(1)).button.text() == said


def test_unfolding_it_makes_room(view, answered, qtbot) -> None:
    before = answered.height()
    qtbot.mouseClick(fold(answered).button, Qt.MouseButton.LeftButton)
    idle(qtbot)
    assert "First this." in fold(answered).text.document().toPlainText()
    assert answered.height() > before
    assert fold(answered).text.geometry().bottom() + fold(answered).y() <= answered.text.y()
    qtbot.mouseClick(fold(answered).button, Qt.MouseButton.LeftButton)
    idle(qtbot)
    assert answered.height() == before


def test_the_keyboard_reaches_it(answered) -> None:
    assert answered.stops()[0] is fold(answered).button


def test_it_is_no_part_of_what_is_copied_or_marked(view, answered) -> None:
    answered.copy()
    assert QGuiApplication.clipboard().text() == "The answer."
    view.highlight(2, "First")
    assert answered.text.extraSelections() == []


def test_an_answer_without_a_thought_shows_nothing_of_it(view, message) -> None:
    view.set_path([message("x", id=1)], context_start=None)
    assert fold(view.message_widget(1)) is None


def test_it_streams_quietly_until_the_answer_begins(view, message, qtbot) -> None:
    begun = message("", status="streaming", id=2)
    view.set_path([message("hi", "user", id=1), begun], context_start=None)
    view.append_thinking(2, "Let me ")
    view.append_thinking(2, "see.")
    widget = view.message_widget(2)
    assert fold(widget).button.text() == "Thinking…"
    assert not fold(widget).is_open
    assert widget.text.document().toPlainText() == ""
    fold(widget).turn()
    view.append_thinking(2, " Yes.")
    assert fold(widget).text.document().toPlainText() == "Let me see. Yes."
    view.update_message(replace(begun, thinking="Let me see. Yes.", thinking_seconds=3.0))
    view.append_text(2, "So it is.")
    assert view.messages()[-1].text == "So it is."
    assert view.messages()[-1].thinking == "Let me see. Yes."
    assert widget.text.document().toPlainText() == "So it is."
    view.update_message(
        replace(begun, text="So it is.", status="complete", thinking="Let me see. Yes.", thinking_seconds=3.0)
    )
    assert fold(widget).button.text() == "Thought for 3 s"
