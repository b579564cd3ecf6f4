"""Code is not wrapped: a block with long lines is scrolled sideways, and is copied, searched and coloured exactly."""

from __future__ import annotations

import time
from unittest.mock import patch

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QTextCursor, QWheelEvent
from PySide6.QtTest import QTest

from desktop.ui.transcript.document import code_lines
from desktop.ui.transcript.document.find import occurrences
from tests.desktop.ui.transcript.conftest import idle

LONG = "call(" + ", ".join(f"argument_{n}" for n in range(40)) + ")"
CODE = f"first = 1\n{LONG}\nlast = 2"


def shown(view, message, code: str = CODE, before: str = "", after: str = ""):
    view.set_path([message(f"{before}```py\n{code}\n```\n{after}", id=1)])
    return view.message_widget(1).text


def left_of(text, word: str) -> int:
    cursor = text.document().find(word)
    cursor.setPosition(cursor.selectionStart())
    return text.cursorRect(cursor).left()


def rows(text) -> list[int]:
    block, counts = text.document().firstBlock(), []
    while block.isValid():
        counts.append(block.layout().lineCount())
        block = block.next()
    return counts


@pytest.mark.parametrize("code", [CODE, "中文" * 300, "x\t" * 100 + "y", "a" * 500, "    " + "word " * 90, "🎉" * 200])
def test_lines_of_code_are_not_wrapped(view, message, code: str) -> None:
    text = shown(view, message, code)
    assert set(rows(text)) == {1}
    (bar,) = text.side_bars()
    assert bar.maximum() > 0
    assert bar.accessibleName() == "Scroll the code sideways"


def test_code_that_fits_has_no_bar(view, message) -> None:
    assert shown(view, message, "x = 1\n" * 30).side_bars() == []


def test_wide_code_scrolls_by_itself_and_its_button_stays(view, message, qtbot) -> None:
    text = shown(view, message, before="before\n\n", after="\nafter")
    (bar,), (button, _) = text.side_bars(), text.code_buttons()
    height, geometry = text.height(), button.geometry()
    assert left_of(text, "argument_39") > text.width()
    bar.setValue(bar.maximum())
    idle(qtbot)
    assert left_of(text, "argument_39") < text.width()
    assert left_of(text, "first") < 0
    # All else is where it was.
    assert left_of(text, "after") < 20
    assert (text.height(), button.geometry()) == (height, geometry)
    assert text.rect().contains(geometry)
    assert text.horizontalScrollBar().value() == 0


def test_the_end_of_the_longest_line_can_be_reached(view, message, qtbot) -> None:
    text = shown(view, message)
    (bar,) = text.side_bars()
    bar.setValue(bar.maximum())
    idle(qtbot)
    end = text.document().find("argument_39)")
    end.setPosition(end.selectionEnd())
    assert bar.geometry().right() - 4 <= text.cursorRect(end).left() <= bar.geometry().right() + 4


def test_keyboard_and_wheel_scroll_code(view, message, qtbot) -> None:
    text = shown(view, message)
    (bar,) = text.side_bars()
    assert bar in view.message_widget(1).stops()
    bar.setFocus()
    QTest.keyClick(bar, Qt.Key.Key_Right)
    assert (moved := bar.value()) > 0
    at = QPointF(50, bar.y() - 5)
    for delta, shift in ((QPoint(0, -120), Qt.KeyboardModifier.ShiftModifier), (QPoint(-40, 3), None)):
        event = QWheelEvent(
            at,
            at,
            QPoint(),
            delta,
            Qt.MouseButton.NoButton,
            shift or Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        text.wheelEvent(event)
        assert event.isAccepted()
        assert bar.value() > moved
        moved = bar.value()


def test_scrolled_code_is_copied_as_it_is_in_the_source(view, message, qtbot) -> None:
    text = shown(view, message)
    text.side_bars()[0].setValue(300)
    idle(qtbot)
    text.selectAll()
    text.copy()
    assert QGuiApplication.clipboard().text() == CODE


def test_a_click_into_scrolled_code_hits_the_letter_that_is_visible_there(view, message, qtbot) -> None:
    text = shown(view, message)
    cursor = text.document().find("argument_12")
    text.side_bars()[0].setValue(left_of(text, "argument_12") - 200)
    idle(qtbot)
    point = text.cursorRect(cursor).center()
    assert 0 < point.x() < text.width()
    assert abs(text.cursorForPosition(point).position() - cursor.position()) <= 1


def test_a_search_hit_far_to_the_right_becomes_visible(view, message, qtbot) -> None:
    text = shown(view, message)
    for word in ("argument_39", "argument_20", "first"):
        assert text.marks.mark([word]) is not None
        idle(qtbot)
        assert 0 < left_of(text, word) < text.width() - 100
    assert text.side_bars()[0].value() == 0
    text.marks.mark(["argument_20"])
    idle(qtbot)
    # Scrolled no further than needed.
    assert left_of(text, "argument_20") > text.width() // 2


def test_the_caret_stays_visible_as_it_moves_along_a_line(view, message, qtbot) -> None:
    text = shown(view, message)
    text.setFocus()
    text.setTextCursor(text.document().find("call"))
    text.moveCursor(QTextCursor.MoveOperation.EndOfBlock)
    idle(qtbot)
    assert 0 < text.cursorRect().left() <= text.width()
    text.moveCursor(QTextCursor.MoveOperation.StartOfBlock)
    idle(qtbot)
    assert text.side_bars()[0].value() == 0


def test_code_stays_scrolled_while_it_grows(view, message, qtbot) -> None:
    view.set_path([message("", status="streaming", id=1)])
    view.append_text(1, f"```py\n{LONG}\n")
    view.messages()
    text = view.message_widget(1).text
    (bar,) = text.side_bars()
    most = bar.maximum()
    bar.setValue(200)
    for line in ("short\n", f"{LONG}{LONG}\n", "```\n", "\nafter"):
        view.append_text(1, line)
        view.messages()
        idle(qtbot)
        assert text.side_bars() == [bar]
        assert bar.value() == 200
        assert left_of(text, "call(") == left_of(text, "short")
    assert bar.maximum() > most
    assert set(rows(text)) == {1}


def test_the_bar_is_removed_when_the_window_is_wide_enough(view, message, qtbot) -> None:
    code = "x = '" + "y" * 70 + "'"
    view.resize(360, 700)
    text = shown(view, message, code)
    text.side_bars()[0].setValue(100)
    idle(qtbot)
    view.resize(1200, 700)
    idle(qtbot)
    assert text.side_bars() == []
    assert left_of(text, "x =") >= 0


def test_scrolled_code_is_not_painted_beside_its_background(view, message, qtbot) -> None:
    view.set_path([message(f"- item\n\n  ```py\n  {LONG}\n  ```\n", id=2)])
    text = view.message_widget(2).text
    idle(qtbot)
    (bar,) = text.side_bars()
    assert bar.area.left() > 0
    bar.setValue(333)
    idle(qtbot)
    image = text.grab().toImage()
    scale = image.devicePixelRatio()
    y = text.cursorRect(text.document().find("argument_20")).center().y()
    strip = {image.pixel(round(x * scale), round(y * scale)) for x in range(bar.area.left() - 1)}
    assert len(strip) == 1


def test_arabic_and_chinese_in_code_keep_their_columns(view, message) -> None:
    text = shown(view, message, 'name = "مرحبا"  # عربي\n# تعليق\n名字 = "中文"')
    assert text.side_bars() == []
    block = text.document().firstBlock()
    while block.isValid():
        assert block.textDirection() == Qt.LayoutDirection.LeftToRight
        block = block.next()
    assert left_of(text, "name") == left_of(text, "名字")


@pytest.mark.parametrize("line", ["ab cd " * 40, "中é🎉e\u0301" * 40, "x\u200by" * 60])
def test_a_line_divided_into_text_blocks_is_copied_searched_and_coloured_as_one(
    view, message, qtbot, line: str
) -> None:
    code = f"s = 1\n'{line}needle'\nt = 2"
    with patch.object(code_lines, "PIECE", 50):
        text = shown(view, message, code, before="before\n\n", after="\nafter")
        qtbot.waitUntil(lambda: not text.coloring.busy, timeout=10_000)
    assert len(rows(text)) > 7
    text.selectAll()
    assert text.selection() == f"before\n{code}\nafter"
    for word in ("needle", line[30:90], "after"):
        assert text.marks.mark([word]) is not None
        text.setTextCursor(next(occurrences(text.document(), word)))
        assert text.selection() == word
    coloured = ""
    block = text.document().firstBlock()
    while block.isValid():
        units = block.text().encode("utf-16-le")
        for one in block.layout().formats():
            part = units[one.start * 2 : (one.start + one.length) * 2].decode("utf-16-le")
            coloured += part if part[:1] not in "=12" else ""
        block = block.next()
    assert f"'{line}needle'" in coloured


def test_a_line_of_a_hundred_thousand_letters_does_not_block_the_window(view, message, qtbot) -> None:
    view.set_path([message("", status="streaming", id=1)])
    view.append_text(1, "```\n" + "abcde fghij" * 10_000)
    view.messages()
    text = view.message_widget(1).text
    (bar,) = text.side_bars()
    QCoreApplication.processEvents()
    costs = []
    for step in range(30):
        started = time.thread_time()
        view.append_text(1, "abcd")
        view.messages()
        bar.setValue(step * 500)
        QCoreApplication.processEvents()
        costs.append(time.thread_time() - started)
    # A generous limit: laid out as one text block, each step takes a tenth of a second.
    assert sorted(costs)[15] < 0.03


def test_a_row_of_minified_code_has_bounded_colours(view, message, qtbot) -> None:
    text = shown(view, message, "x=1;" * 900 + "\ny = 2")
    qtbot.waitUntil(lambda: not text.coloring.busy, timeout=10_000)
    first = text.document().firstBlock()
    assert 0 < len(first.layout().formats()) <= 300
    assert first.next().layout().formats()
