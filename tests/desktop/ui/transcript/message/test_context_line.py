"""The hairlines say where what the model sees begins and ends, and lead to where that can be changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.i18n import set_language
from desktop.ui.transcript.message.context_line import ContextLine, context_lines

PATH = [1, 2, 3, 4, 5, 6, 7, 8]


def test_what_is_left_out_at_the_beginning_has_one_line_below_it() -> None:
    assert context_lines(PATH, {1, 2, 3, 4}, ()) == {5: "above"}


def test_what_is_left_out_in_the_middle_has_a_line_at_both_ends() -> None:
    assert context_lines(PATH, {3, 4}, ()) == {3: "follows", 5: "again"}


def test_a_summary_is_named_in_the_line() -> None:
    assert context_lines(PATH, {1, 2, 3, 4}, {1, 2, 3, 4}) == {5: "summary_above"}


def test_a_pinned_turn_stands_between_lines() -> None:
    assert context_lines(PATH, {1, 2, 5, 6}, ()) == {3: "above", 5: "follows", 7: "again"}
    assert context_lines(PATH, {1, 2, 5, 6}, {1, 2, 5, 6}) == {
        3: "summary_above",
        5: "summary_follows",
        7: "summary_above",
    }


def test_messages_of_other_versions_make_no_line() -> None:
    assert context_lines(PATH, {20, 21}, ()) == {}
    assert context_lines([], {1}, ()) == {}
    assert context_lines([1], {1}, ()) == {}


@given(left_out=st.sets(st.integers(1, 12)), covered=st.sets(st.integers(1, 12)), length=st.integers(0, 12))
def test_there_is_a_line_wherever_sight_begins_or_ends_and_nowhere_else(
    left_out: set[int], covered: set[int], length: int
) -> None:
    ids = list(range(1, length + 1))
    changes = {number for number in ids[1:] if (number in left_out) != (number - 1 in left_out)}
    assert set(context_lines(ids, left_out, covered)) == changes


def talk(message, turns: int = 4):
    return [message(f"text {n}", ("user", "assistant")[n % 2]) for n in range(2 * turns)]


def line_above(view, message) -> ContextLine | None:
    return view.message_widget(message.id).findChild(ContextLine)


def test_a_line_leads_to_the_choice_of_a_policy_by_mouse_and_by_key(view, message, qtbot) -> None:
    messages = talk(message)
    view.set_path(messages, left_out=[m.id for m in messages[2:4]])
    first, second = line_above(view, messages[2]), line_above(view, messages[4])
    assert first.accessibleName() == "The model no longer sees what follows"
    assert second.accessibleName() == "From here on, the model sees everything again"
    with qtbot.waitSignal(view.context_requested):
        QTest.mouseClick(first, Qt.MouseButton.LeftButton)
    view.message_widget(messages[1].id)
    assert view.message_widget(messages[4].id).stops()[0] is second
    second.setFocus(Qt.FocusReason.TabFocusReason)
    with qtbot.waitSignal(view.context_requested):
        QTest.keyClick(second, Qt.Key.Key_Space)


def test_the_line_of_a_summary_leads_to_it(view, message, qtbot) -> None:
    messages = talk(message)
    ids = [m.id for m in messages[:4]]
    view.set_path(messages, left_out=ids, covered=ids)
    line = line_above(view, messages[4])
    assert "summary" in line.text()
    with qtbot.waitSignal(view.summary_requested), qtbot.assertNotEmitted(view.context_requested):
        QTest.mouseClick(line, Qt.MouseButton.LeftButton)
    set_language("zh_CN")
    qtbot.waitUntil(lambda: "摘要" in line.text())
    view.set_path(messages, keep_position=True)
    qtbot.waitUntil(lambda: line_above(view, messages[4]) is None)


def test_a_line_is_wide_enough_for_its_column_and_no_wider(view, message, qtbot) -> None:
    view.resize(300, 400)
    messages = talk(message)
    view.set_path(messages, left_out=[messages[0].id, messages[1].id])
    line = line_above(view, messages[2])
    assert 0 < line.width() <= view.viewport().width()
    assert not line.grab().isNull()
