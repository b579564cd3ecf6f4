"""Tables that are wider than the page are scrolled sideways; text from right to left has its markers at the right."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from desktop.ui.transcript.markdown.blocks import Span, is_right_to_left
from tests.desktop.ui.transcript.conftest import idle


def table(columns: int, cell: str = "value") -> str:
    rows = ([f"Column {n}" for n in range(columns)], ["---"] * columns, [f"{cell} {n}" for n in range(columns)])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def shown(view, message, text: str):
    view.set_path([message(text, id=1)])
    return view.message_widget(1).text


def words_are_whole(text) -> bool:
    block = text.document().firstBlock()
    while block.isValid():
        layout, content = block.layout(), block.text()
        for number in range(layout.lineCount() - 1):
            end = layout.lineAt(number).textStart() + layout.lineAt(number).textLength()
            if not (content[end - 1].isspace() or content[end : end + 1].isspace()):
                return False
        block = block.next()
    return True


@pytest.mark.parametrize("columns", [2, 5, 8, 12, 30])
@pytest.mark.parametrize("width", [320, 600, 900])
def test_words_in_tables_are_never_broken(view, message, columns: int, width: int) -> None:
    view.resize(width, 700)
    assert words_are_whole(shown(view, message, table(columns, "some longer value")))


def test_a_table_that_fits_has_no_bar(view, message) -> None:
    assert shown(view, message, table(3)).side_bars() == []


def test_a_wide_table_scrolls_sideways_by_itself(view, message, qtbot) -> None:
    text = shown(view, message, "text before\n\n" + table(20) + "\ntext after")
    (bar,) = text.side_bars()
    assert bar.maximum() > 0
    last = text.document().find("Column 19")
    before = text.cursorRect(last).left()
    assert before > text.width()
    bar.setValue(bar.maximum())
    idle(qtbot)
    assert text.cursorRect(text.document().find("Column 19")).left() < text.width()
    # The text around it is where it was.
    assert text.cursorRect(text.document().find("text after")).left() < 100
    assert text.horizontalScrollBar().value() == 0
    assert bar.y() > text.cursorRect(last).bottom()


def test_the_keyboard_scrolls_a_table(view, message, qtbot) -> None:
    text = shown(view, message, table(20))
    (bar,) = text.side_bars()
    assert bar in view.message_widget(1).stops()
    assert bar.accessibleName() == "Scroll the table sideways"
    bar.setFocus()
    QTest.keyClick(bar, Qt.Key.Key_Right)
    assert bar.value() > 0


def test_a_scrolled_table_is_copied_whole(view, message, qtbot) -> None:
    text = shown(view, message, table(15))
    text.side_bars()[0].setValue(200)
    idle(qtbot)
    text.selectAll()
    text.copy()
    head, row = QGuiApplication.clipboard().text().split("\n")
    assert head.split("\t")[14] == "Column 14"
    assert row.split("\t")[0] == "value 0"


def test_the_bar_is_removed_when_the_window_is_wide_enough(view, message, qtbot) -> None:
    view.resize(360, 700)
    text = shown(view, message, table(5))
    assert len(text.side_bars()) == 1
    view.resize(1200, 700)
    idle(qtbot)
    assert text.side_bars() == []


def test_a_scrolled_table_and_its_bar_agree_after_the_window_was_resized(view, message, qtbot) -> None:
    text = shown(view, message, table(20))
    (bar,) = text.side_bars()
    for value, width in ((200, 700), (bar.maximum(), 1200), (100, 500)):
        bar.setValue(value)
        idle(qtbot)
        view.resize(width, 700)
        idle(qtbot)
        at = text.document().find("Column 0")
        at.setPosition(at.selectionStart())
        assert abs(text.cursorRect(at).left() - (12 - bar.value())) <= 2


def test_a_scrolled_table_is_not_painted_beside_its_list(view, message, qtbot) -> None:
    text = shown(view, message, "- item\n\n" + "".join(f"  {line}\n" for line in table(20).splitlines()))
    (bar,) = text.side_bars()
    bar.setValue(333)
    idle(qtbot)
    image = text.grab().toImage()
    scale = image.devicePixelRatio()
    strip = {image.pixel(round(x * scale), round((bar.y() - 15) * scale)) for x in range(bar.area.left() - 1)}
    assert bar.area.left() > 0
    assert len(strip) == 1


def test_a_table_that_grows_keeps_its_words_whole(view, message) -> None:
    view.set_path([message("", status="streaming", id=1)])
    for line in (table(9) + "| much-longer-words-here " * 9 + "|\n").splitlines(keepends=True):
        view.append_text(1, line)
        view.messages()
        assert words_are_whole(view.message_widget(1).text)


@pytest.mark.parametrize(
    ("text", "from_right"),
    [
        ("مرحبا world", True),
        ("hello عربي", False),
        ("  123 שלום", True),
        ("«عربي»", True),
        ("中文", False),
        ("12 !", False),
    ],
)
def test_the_first_letter_decides_the_direction(text: str, from_right: bool) -> None:
    assert is_right_to_left((Span("x = 1", code=True), Span(text))) == from_right


@pytest.mark.parametrize("marker", ["- ", "1. ", "10. ", "- [ ] "])
@pytest.mark.parametrize("depth", [0, 1])
def test_markers_and_letters_of_lists_from_right_to_left_are_visible(view, message, marker: str, depth: int) -> None:
    text = shown(view, message, "- أب\n\n" * depth + "  " * depth + marker + "عنصر أول من القائمة " * 12)
    block = text.document().lastBlock()
    layout = block.layout()
    box = text.document().documentLayout().blockBoundingRect(block)
    for number in range(layout.lineCount()):
        line = layout.lineAt(number)
        right = layout.position().x() + line.x() + line.width()
        assert right <= text.width() + 1
        assert line.naturalTextRect().left() >= 0
    first, second = layout.lineAt(0), layout.lineAt(1)
    # The indent of the marker hangs at the right.
    assert first.naturalTextRect().right() > second.naturalTextRect().right() + 5
    assert box.width() <= text.width()


def test_the_text_of_a_list_from_right_to_left_is_copied_with_its_markers(view, message) -> None:
    text = shown(view, message, "- عنصر\n1. أول")
    text.selectAll()
    assert text.selection() == "• عنصر\n1. أول"


def test_a_line_that_proves_to_run_from_right_to_left_is_inserted_anew(view, message) -> None:
    view.set_path([message("- ", status="streaming", id=1)])
    for piece in ("12 ", "عن", "صر"):
        view.append_text(1, piece)
        view.messages()
    text = view.message_widget(1).text
    assert text.document().firstBlock().text() == "•\u200212 عنصر"


def test_columns_of_a_table_from_right_to_left_begin_at_the_right(view, message) -> None:
    text = shown(view, message, "| عمود | آخر |\n|---|---|\n| قيمة | أخرى |\n")
    first, second = (text.cursorRect(text.document().find(word)).x() for word in ("عمود", "آخر"))
    assert first > second
    text.selectAll()
    assert text.selection() == "عمود\tآخر\nقيمة\tأخرى"


def test_the_bar_of_a_quote_is_where_its_lines_begin(view, message, qtbot) -> None:
    for quote, side in (("> اقتباس", "right"), ("> quote", "left")):
        text = shown(view, message, quote)
        idle(qtbot)
        image = text.grab().toImage()
        colours = [{image.pixel(x, y) for y in range(4, image.height() - 4)} for x in (1, image.width() - 2)]
        bare = [len(column) == 1 for column in colours]
        page = image.pixel(image.width() // 2, 1)
        marked = ["left", "right"][next(i for i, column in enumerate(colours) if page not in column)]
        assert marked == side, (bare, colours)
