"""The transcript for its reader: what is shown, when the end is followed, and what stays where it is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QPushButton, QToolButton

from desktop.i18n import set_language
from desktop.ui.style.theme import themes
from desktop.ui.transcript.message.end_note import EndNote
from desktop.ui.transcript.message.widget import MessageWidget
from desktop.ui.transcript.progress import ProgressLine
from tests.desktop.ui.transcript.conftest import idle

LONG = "A paragraph that is long enough to take a line or two of the column, and a bit more.\n\n"


def conversation(message, turns: int, length: int = 3):
    messages = []
    for turn in range(turns):
        messages += [message(f"question {turn}", "user"), message(f"answer {turn}\n\n" + LONG * length)]
    return messages


def widgets(view) -> list[MessageWidget]:
    return view.findChildren(MessageWidget)


def bar(view):
    return view.verticalScrollBar()


def top_of(view, message_id: int) -> int:
    """The y of a message in pixels of the viewport."""
    return view.message_widget(message_id).mapTo(view.viewport(), QPoint(0, 0)).y()


def test_a_conversation_opens_at_its_end(view, message, qtbot) -> None:
    view.set_path(conversation(message, 10))
    assert view.at_bottom()
    assert bar(view).maximum() > 0


def test_hundreds_of_messages_open_with_few_widgets(view, message, qtbot) -> None:
    messages = conversation(message, 300)
    view.set_path(messages)
    idle(qtbot, 100)
    assert 2 <= len(widgets(view)) < 40
    # All of it can be reached, and widgets far away are deleted.
    for value in range(0, bar(view).maximum(), 3000):
        bar(view).setValue(value)
        idle(qtbot)
    assert len([w for w in widgets(view) if not w.isHidden()]) < 80
    bar(view).setValue(0)
    assert "question 0" in view.message_widget(messages[0].id).text.toPlainText()
    assert top_of(view, messages[0].id) >= 0


def test_rows_follow_each_other_without_gaps(view, message, qtbot) -> None:
    messages = conversation(message, 4)
    view.set_path(messages)
    idle(qtbot, 50)
    shown = [view.message_widget(m.id) for m in messages]
    for one, other in pairwise(shown):
        assert one.geometry().bottom() + 1 == other.geometry().top()
        assert one.text.height() >= one.text.document().size().height()


@pytest.mark.parametrize("width", [360, 720, 1400])
def test_the_column_is_centred_and_fits(view, message, qtbot, width: int) -> None:
    view.set_path(conversation(message, 2))
    view.resize(width, 600)
    idle(qtbot)
    answer = view.message_widget(2)
    left = answer.text.mapTo(view.viewport(), QPoint(0, 0)).x()
    right = view.viewport().width() - left - answer.text.width()
    assert abs(left - right) <= 1
    assert 0 < answer.text.width() <= 720
    assert left >= 16


def test_the_question_is_at_the_right_and_the_answer_fills_the_column(view, message, qtbot) -> None:
    view.set_path([message("hi", "user"), message("hello")])
    question, answer = (view.message_widget(n) for n in (1, 2))
    assert question.text.width() < 60 < answer.text.width()
    assert question.text.geometry().right() > answer.text.geometry().center().x()


# Following


def streaming(view, message):
    question, answer = message("question", "user"), message("", status="streaming")
    view.set_path([question, answer])
    view.set_busy(True)
    return answer


def test_streamed_text_is_shown_and_its_end_followed(view, message, qtbot) -> None:
    answer = streaming(view, message)
    for _ in range(60):
        view.append_text(answer.id, LONG)
    qtbot.waitUntil(lambda: bar(view).maximum() > 500)
    assert view.at_bottom()
    assert view.messages()[1].text == LONG * 60
    final = replace(answer, text=LONG * 60 + "End.", status="complete", stats={"tokens_per_s": 41.3, "ttft_s": 0.31})
    view.update_message(final)
    view.set_busy(False)
    idle(qtbot)
    assert view.message_widget(answer.id).text.toPlainText().endswith("End.")
    assert view.at_bottom()


def test_the_text_stays_where_it_is_for_a_reader_above_the_end(view, message, qtbot) -> None:
    answer = streaming(view, message)
    view.append_text(answer.id, LONG * 40)
    view.messages()
    bar(view).setValue(200)
    top = top_of(view, answer.id)
    button = view.findChild(QToolButton, "to-end")
    for _ in range(20):
        view.append_text(answer.id, LONG)
        view.messages()
        assert not view.at_bottom()
    assert top_of(view, answer.id) == top
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert view.at_bottom()
    assert not button.isVisible()
    view.append_text(answer.id, LONG * 3)
    view.messages()
    assert view.at_bottom()


def test_a_new_question_scrolls_to_the_end_and_an_answer_does_not(view, message, qtbot) -> None:
    view.set_path(conversation(message, 10))
    bar(view).setValue(0)
    view.append(message("an answer from elsewhere"))
    assert bar(view).value() == 0
    view.append(message("my question", "user"))
    assert view.at_bottom()


def test_resizing_keeps_the_position(view, message, qtbot) -> None:
    messages = conversation(message, 30)
    view.set_path(messages)
    view.scroll_to_message(messages[20].id)
    before = top_of(view, messages[20].id)
    assert 0 <= before < 60
    view.resize(500, 700)
    idle(qtbot)
    assert abs(top_of(view, messages[20].id) - before) < 30


def test_an_edited_path_keeps_the_position(view, message, qtbot) -> None:
    messages = conversation(message, 12)
    view.set_path(messages)
    view.scroll_to_message(messages[10].id)
    before = top_of(view, messages[10].id)
    changed = [*messages[:15], message("edited", "user", id=100)]
    view.set_path(changed, keep_position=True)
    assert top_of(view, messages[10].id) == before
    view.set_path(messages)
    assert view.at_bottom()


def test_messages_that_stay_keep_their_widgets(view, message, qtbot) -> None:
    messages = conversation(message, 2)
    view.set_path(messages)
    widget = view.message_widget(messages[3].id)
    view.set_path([*messages, message("more", "user")], keep_position=True)
    assert view.message_widget(messages[3].id) is widget


def test_clear(view, message, qtbot) -> None:
    view.set_path(conversation(message, 3))
    view.set_waiting("loading")
    view.clear()
    idle(qtbot)
    assert view.messages() == []
    assert bar(view).maximum() == 0
    assert not [w for w in widgets(view) if w.isVisible()]


# States


def test_progress_under_the_last_question(view, message, qtbot) -> None:
    view.set_path([message("question", "user")])
    line = view.findChild(ProgressLine)
    assert not line.isVisible()
    view.set_prefill(40, 3.4)
    assert line.isVisible()
    assert line.text() == "Reading your message… 40 % · 3 s"
    view.set_prefill(41, None)
    assert line.text() == "Reading your message… 41 %"
    view.set_prefill(None, None)
    assert not line.isVisible()
    view.set_waiting("loading")
    assert line.text() == "The model is still loading; your question waits."
    view.set_waiting("summary")
    view.set_prefill(40, 3.4)
    assert line.text() == "The model is writing a summary of what no longer fits…"
    assert line.y() >= view.message_widget(1).geometry().bottom()


@pytest.mark.parametrize(
    ("status", "note"),
    [
        ("stopped", "Stopped here."),
        ("interrupted", "Interrupted here; nothing written was lost."),
        ("length", "The answer reached its length limit."),
        ("error", "The answer broke off."),
    ],
)
def test_an_unfinished_answer_can_be_continued(view, message, qtbot, status: str, note: str) -> None:
    view.set_path([message("question", "user"), message("half an", status=status)])
    widget = view.message_widget(2)
    assert widget.findChild(EndNote).text() == note
    button = widget.findChild(QPushButton, "continue")
    with qtbot.waitSignal(view.continue_requested) as requested:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert requested.args == [2]
    view.set_busy(True)
    assert not button.isVisible()
    view.set_busy(False)
    view.append(message("next", "user"))
    assert not button.isVisible()


def test_an_empty_answer_says_so(view, message, qtbot) -> None:
    view.set_path([message("question", "user"), message("")])
    widget = view.message_widget(2)
    assert widget.findChild(EndNote).isVisible()
    assert "nothing to say" in widget.findChild(EndNote).text()


def test_the_context_cut_is_above_its_message(view, message, qtbot) -> None:
    messages = conversation(message, 2)
    view.set_path(messages, left_out=[messages[0].id, messages[1].id])
    marked = view.message_widget(messages[2].id)
    with_cut = marked.text.y()
    view.set_path(messages, keep_position=True)
    assert with_cut - marked.text.y() > 30


def test_a_long_question_is_folded(view, message, qtbot) -> None:
    view.set_path([message("\n".join(f"line {n}" for n in range(300)), "user"), message("ok")])
    widget = view.message_widget(1)
    button = widget.findChild(QPushButton, "unfold")
    assert button.text() == "Show all (300 lines)"
    assert "line 39" in widget.text.toPlainText()
    assert "line 40" not in widget.text.toPlainText()
    height = widget.height()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert "line 299" in widget.text.toPlainText()
    assert widget.height() > 5 * height
    view.scroll_to_end()
    assert button.text() == "Show less"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert widget.height() == height
    assert "line 40" not in widget.text.toPlainText()
    assert -widget.height() < top_of(view, 1) < view.viewport().height()


def test_a_question_of_one_endless_line_is_folded_too(view, message, qtbot) -> None:
    view.set_path([message("字" * 8000, "user")])
    widget = view.message_widget(1)
    height = widget.height()
    assert height < 1300
    qtbot.mouseClick(widget.findChild(QPushButton, "unfold"), Qt.MouseButton.LeftButton)
    assert widget.height() > 2 * height
    qtbot.mouseClick(widget.findChild(QPushButton, "unfold"), Qt.MouseButton.LeftButton)
    assert widget.height() == height


def test_search_hits_are_marked(view, message, qtbot) -> None:
    messages = conversation(message, 40)
    messages[6] = replace(messages[6], text="\n".join(["nothing"] * 200 + ["the Needle 针 is here"]))
    view.set_path(messages)
    view.highlight(messages[6].id, "needle 针")
    widget = view.message_widget(messages[6].id)
    marks = widget.text.extraSelections()
    assert [mark.cursor.selectedText() for mark in marks] == ["Needle", "针"]
    y = widget.text.mapTo(view.viewport(), widget.text.cursorRect(marks[0].cursor).topLeft()).y()
    assert 0 < y < view.viewport().height()
    view.highlight(messages[6].id, "")
    assert widget.text.extraSelections() == []


# Look and language


def test_theme_and_zoom_change_while_streaming(view, message, qtbot) -> None:
    answer = streaming(view, message)
    source = "# Title\n\ntext with `code`\n\n```py\nx = 1\n```\n\n| a |\n|--|\n| b |\n\nend"
    for at in range(0, len(source), 7):
        view.append_text(answer.id, source[at : at + 7])
        if at % 3 == 0:
            themes().set_mode("dark" if at % 2 else "light")
            themes().set_zoom(1.25 if at % 4 else 1.0)
    view.messages()
    idle(qtbot, 50)
    text = view.message_widget(answer.id).text
    assert text.toPlainText().endswith("end")
    themes().set_mode("dark")
    cursor = text.textCursor()
    cursor.movePosition(cursor.MoveOperation.End)
    assert cursor.charFormat().foreground().color() == themes().current.color("ink")
    view.grab()


def test_the_texts_follow_the_language(view, message, qtbot) -> None:
    view.set_path([message("question", "user"), message("half", status="stopped")])
    widget = view.message_widget(2)
    assert widget.text.accessibleName() == "Answer"
    before = widget.findChild(EndNote).text()
    set_language("zh_CN")
    idle(qtbot)
    assert widget.findChild(EndNote).text() != before
    assert widget.text.accessibleName() != "Answer"
    set_language("en")
    idle(qtbot)
    assert widget.findChild(EndNote).text() == before


@pytest.mark.parametrize("width", range(380, 620, 24))
def test_chinese_punctuation_never_begins_a_line(view, message, qtbot, width: int) -> None:
    text = "好的，这是“二分查找”的说明。它在一个（已经排好序的）数组里，每次比较中间的元素；把范围缩小一半！对吗？" * 4
    view.resize(width, 500)
    view.set_path([message(text)])
    document = view.message_widget(1).text.document()
    block = document.begin()
    starts = [block.text()[block.layout().lineAt(n).textStart()] for n in range(block.layout().lineCount())]
    assert len(starts) > 4
    assert not set(starts) & set("，。；：！？、）》」』”’")


def test_all_kinds_of_blocks_are_painted(view, message, qtbot) -> None:
    source = (
        "> quote `code`\n>\n> - item\n\n```py\nx = 1\n```\n---\n\n1. a\n   > deep\n\n| `a` | b |\n|--|:-:|\n| 1 | 2 |"
    )
    view.set_path([message(source, "user"), message(source)], left_out=[1])
    idle(qtbot, 50)
    picture = view.grab().toImage()
    points = product(range(0, picture.width(), 3), range(0, picture.height(), 3))
    colors = {picture.pixelColor(x, y).name() for x, y in points}
    theme = themes().current
    assert {theme.color(name).name() for name in ("page", "violet-soft", "code")} <= colors


def test_ctrl_and_the_wheel_request_a_zoom(view, message, qtbot) -> None:
    view.set_path([message("line\n" * 300, id=1)])
    background = view.viewport()

    def turn(delta: int, modifiers: Qt.KeyboardModifier) -> None:
        at = QPointF(5, 5)
        event = QWheelEvent(
            at,
            QPointF(background.mapToGlobal(QPoint(5, 5))),
            QPoint(),
            QPoint(0, delta),
            Qt.MouseButton.NoButton,
            modifiers,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QCoreApplication.sendEvent(background, event)

    steps: list[int] = []
    view.zoom_requested.connect(steps.append)
    before = view.verticalScrollBar().value()
    turn(120, Qt.KeyboardModifier.ControlModifier)
    turn(-240, Qt.KeyboardModifier.ControlModifier)
    turn(60, Qt.KeyboardModifier.ControlModifier)
    turn(60, Qt.KeyboardModifier.ControlModifier)
    assert steps == [1, -2, 1]
    assert view.verticalScrollBar().value() == before
    turn(120, Qt.KeyboardModifier.NoModifier)
    assert steps == [1, -2, 1]
    assert view.verticalScrollBar().value() != before
