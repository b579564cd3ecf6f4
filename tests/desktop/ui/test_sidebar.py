from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QLineEdit

from desktop.store.records import ConversationSummary
from desktop.ui.sidebar import Sidebar
from desktop.ui.sidebar.conversations import PAGE, ConversationModel, ItemRole
from desktop.ui.sidebar.hits import one_line
from desktop.ui.sidebar.rows import section_of


def titles(model: ConversationModel) -> list[str]:
    return [model.index(row).data() for row in range(model.rowCount())]


@pytest.fixture
def sidebar(qtbot, controller):
    def make() -> Sidebar:
        sidebar = Sidebar(controller.conversations.summaries, controller.conversations.search)
        qtbot.addWidget(sidebar)
        sidebar.resize(248, 700)
        sidebar.show()
        sidebar.reload()
        QTest.qWait(1)
        return sidebar

    return make


def index_of(bar: Sidebar, title: str):
    return bar.model.index(titles(bar.model).index(title))


def place_of(bar: Sidebar, title: str) -> QPoint:
    return bar.list.visualRect(index_of(bar, title)).center()


def test_sections_in_order(sidebar, controller):
    controller.add("old", days_ago=40)
    controller.add("week", days_ago=4)
    controller.add("yesterday", days_ago=1)
    controller.add("now")
    controller.add("kept", pinned=True, days_ago=90)
    assert titles(sidebar().model) == [
        *("Pinned", "kept", "Today", "now", "Yesterday", "yesterday", "Previous 7 days", "week", "Older", "old")
    ]


def test_sections_follow_the_calendar_not_the_clock():
    midnight = time.mktime((2026, 3, 10, 0, 0, 0, 0, 0, -1))

    def section(offset_s: float) -> str:
        return section_of(ConversationSummary(1, "", False, midnight + offset_s, ""), midnight)

    day = 86400
    assert [section(s) for s in (0, -1, -day, -day - 1, -7 * day, -7 * day - 1)] == [
        *("today", "yesterday", "yesterday", "week", "week", "older")
    ]


def test_model_keeps_qts_rules(qtbot, controller):
    for number in range(250):
        controller.add(f"c{number}", days_ago=number / 10)
    model = ConversationModel(controller.conversations.summaries)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    model.reload()
    while model.canFetchMore(QModelIndex()):
        model.fetchMore(QModelIndex())
    controller.conversations.rename(5, "renamed")
    model.reload()
    model.set_open(7)
    controller.stored.clear()
    model.reload()
    assert model.rowCount() == 0
    assert tester.model() is model


def test_ten_thousand_conversations_are_read_page_by_page(sidebar, controller):
    for number in range(10_000):
        controller.add(f"c{number}")
    asked: list[int] = []
    pages = controller.conversations.summaries

    def counting(limit=100, before=None):
        asked.append(limit)
        return pages(limit, before)

    controller.conversations.summaries = counting
    bar = sidebar()
    assert asked == [PAGE]
    assert bar.model.rowCount() == PAGE + 1
    bar.list.verticalScrollBar().setValue(bar.list.verticalScrollBar().maximum())
    QTest.qWait(50)
    assert bar.model.rowCount() > PAGE + 1
    assert set(asked) == {PAGE}


def test_a_section_goes_on_in_the_next_page(controller, qapp):
    for number in range(PAGE + 20):
        controller.add(f"c{number}")
    model = ConversationModel(controller.conversations.summaries)
    model.reload()
    model.fetchMore(QModelIndex())
    assert titles(model).count("Today") == 1
    assert model.rowCount() == PAGE + 21


def test_click_and_enter_open(sidebar, controller, qtbot):
    first = controller.add("first")
    second = controller.add("second", days_ago=1)
    bar = sidebar()
    with qtbot.waitSignal(bar.opened) as opened:
        QTest.mouseClick(bar.list.viewport(), Qt.MouseButton.LeftButton, pos=place_of(bar, "second"))
    assert opened.args == [second]
    bar.list.setFocus()
    bar.list.choose_first()
    with qtbot.waitSignal(bar.opened) as opened:
        QTest.keyClick(bar.list, Qt.Key.Key_Return)
    assert opened.args == [first]


def test_arrow_keys_skip_sections(sidebar, controller):
    controller.add("first")
    controller.add("second", days_ago=1)
    bar = sidebar()
    bar.list.setFocus()
    bar.list.choose_first()
    QTest.keyClick(bar.list, Qt.Key.Key_Down)
    assert bar.list.currentIndex().data() == "second"
    QTest.keyClick(bar.list, Qt.Key.Key_Up)
    assert bar.list.currentIndex().data() == "first"


def test_rename_in_place(sidebar, controller, qtbot):
    chosen = controller.add("first")
    bar = sidebar()
    bar.list.setCurrentIndex(index_of(bar, "first"))
    QTest.keyClick(bar.list, Qt.Key.Key_F2)
    editor = bar.list.findChild(QLineEdit)
    assert editor is not None
    assert editor.text() == "first"
    editor.setText("  春雨 \n translated ")
    with qtbot.waitSignal(bar.model.renamed) as renamed:
        QTest.keyClick(editor, Qt.Key.Key_Return)
    assert renamed.args == [chosen, "春雨 translated"]


def test_a_list_that_changes_does_not_disturb_typing(sidebar, controller, qtbot):
    controller.add("first")
    bar = sidebar()
    bar.list.setCurrentIndex(index_of(bar, "first"))
    QTest.keyClick(bar.list, Qt.Key.Key_F2)
    editor = bar.list.findChild(QLineEdit)
    QTest.keyClicks(editor, "half a ti")
    controller.add("newer")
    bar.reload()
    assert bar.list.is_editing()
    assert editor.text() == "half a ti"
    QTest.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: "newer" in titles(bar.model))


def test_empty_and_unchanged_titles_are_not_renamings(sidebar, controller, qtbot):
    controller.add("first")
    bar = sidebar()
    index = index_of(bar, "first")
    with qtbot.assertNotEmitted(bar.model.renamed):
        bar.model.setData(index, "   ")
        bar.model.setData(index, "first")


def test_delete_key_and_menu(sidebar, controller, qtbot):
    chosen = controller.add("first")
    bar = sidebar()
    bar.list.setCurrentIndex(index_of(bar, "first"))
    with qtbot.waitSignal(bar.delete_requested) as deleted:
        QTest.keyClick(bar.list, Qt.Key.Key_Delete)
    assert deleted.args == [chosen]
    menu = bar.list.row_menu(bar.list.currentIndex())
    actions = {action.text(): action for action in menu.actions() if action.text()}
    assert list(actions) == ["Rename", "Pin to the top", "Move to project", "Delete"]
    with qtbot.waitSignal(bar.pin_requested) as pinned:
        actions["Pin to the top"].trigger()
    assert pinned.args == [chosen, True]
    with qtbot.waitSignal(bar.delete_requested):
        actions["Delete"].trigger()
    actions["Rename"].trigger()
    assert bar.list.is_editing()


def test_pressing_the_dots_opens_the_menu_not_the_conversation(sidebar, controller, qtbot):
    controller.add("first")
    bar = sidebar()
    row = bar.list.visualRect(index_of(bar, "first"))
    center = bar.list.itemDelegate().menu_button_rect(row).center()
    shown = []
    bar.list.row_menu = lambda index: shown.append(index.data()) or type(bar.list).row_menu(bar.list, index)
    with qtbot.assertNotEmitted(bar.opened):
        QTest.mousePress(bar.list.viewport(), Qt.MouseButton.LeftButton, pos=center)
    assert shown == ["first"]


def test_the_open_one_is_marked_and_neighbours_go_round(sidebar, controller):
    first, second = controller.add("first", days_ago=1), controller.add("second")
    bar = sidebar()
    bar.set_open(first)
    assert index_of(bar, "first").data(ItemRole.IS_OPEN)
    assert not index_of(bar, "second").data(ItemRole.IS_OPEN)
    assert bar.model.neighbour(first, 1) == second
    assert bar.model.neighbour(second, 1) == first
    assert bar.model.neighbour(None, 1) == second
    assert ConversationModel(lambda *_: []).neighbour(None, 1) is None


def test_a_chat_in_which_an_answer_failed_has_a_sign(sidebar, controller):
    conversation_id = controller.add("first")
    bar = sidebar()
    bar.model.has_failed = controller.has_failed
    index = index_of(bar, "first")
    row = bar.list.visualRect(index)

    def has_red() -> bool:
        image = bar.list.viewport().grab(row).toImage()
        colors = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
        return any(color.red() > color.green() + 80 for color in colors)

    assert not has_red()
    controller.failed.add(conversation_id)
    assert has_red()
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "first, the answer failed"
    assert index.data(Qt.ItemDataRole.ToolTipRole) == "The answer failed"


def test_search_shows_hits_and_opens_them(sidebar, controller, qtbot):
    there = controller.add("Spring rain", texts=("Who dances on my face?", "我是一场春雨"))
    controller.add("Other", texts=("nothing",))
    bar = sidebar()
    bar.search_field.insert("春")
    qtbot.waitUntil(lambda: bar.stack.currentWidget() is bar.hit_list)
    assert bar.hit_list.model().rowCount() == 1
    QTest.keyClick(bar.search_field, Qt.Key.Key_Down)
    bar.hit_list.setFocus()
    with qtbot.waitSignal(bar.hit_opened) as opened:
        QTest.keyClick(bar.hit_list, Qt.Key.Key_Return)
    assert opened.args == [there, controller.paths[there][1].id, "春"]
    QTest.keyClick(bar.search_field, Qt.Key.Key_Escape)
    assert bar.search_field.text() == ""
    assert bar.stack.currentWidget() is bar.list


def test_nothing_found_says_so(sidebar, controller, qtbot):
    controller.add("first", texts=("a",))
    bar = sidebar()
    QTest.keyClicks(bar.search_field, "zebra")
    QTest.keyClick(bar.search_field, Qt.Key.Key_Return)
    assert bar.stack.currentWidget() is bar.no_results
    assert "zebra" in bar.no_results.text()
    bar.clear_button.click()
    assert bar.stack.currentWidget() is bar.list


def test_search_is_repeated_when_conversations_change(sidebar, controller):
    bar = sidebar()
    bar.search_field.setText("rain")
    bar._run_search()
    assert bar.stack.currentWidget() is bar.no_results
    controller.add("new", texts=("rain",))
    bar.reload()
    assert bar.stack.currentWidget() is bar.hit_list


def test_an_empty_list_has_words(sidebar):
    bar = sidebar()
    assert bar.stack.currentWidget() is bar.no_conversations
    assert "No conversations yet" in bar.no_conversations.text()


def test_a_far_hit_is_brought_into_sight():
    text = "x" * 200 + "hit" + "y" * 10
    line, ranges = one_line(text, [(200, 203)])
    start, end = ranges[0]
    assert line[start:end] == "hit"
    assert start < 20
    assert one_line("a\nhit", [(2, 5)]) == ("a hit", [(2, 5)])


def test_hits_after_an_emoji_are_painted_in_the_right_place(sidebar, controller):
    controller.add("first", texts=("🌧🌧 rain",))
    bar = sidebar()
    bar.search_field.setText("rain")
    bar._run_search()
    assert not bar.hit_list.grab().isNull()  # a Qt warning while painting would fail this test
