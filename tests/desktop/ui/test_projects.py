"""Projects in the list of conversations, and their dialogs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QMenu

from desktop.settings import Settings
from desktop.store.instructions.precedence import InForce
from desktop.store.records import ProjectSettings, StoredProject
from desktop.ui.dialogs.system_prompt import SystemPromptDialog
from desktop.ui.documents.folder_dialog import FolderDialog
from desktop.ui.instructions.delete_dialog import DeleteProjectDialog
from desktop.ui.instructions.project_dialog import ProjectDialog
from desktop.ui.instructions.words import project_note
from desktop.ui.sidebar.conversations import CONVERSATION_MIME, PAGE, ConversationModel, ItemRole
from desktop.ui.window.main_window import MainWindow


def put(controller, conversation_id: int, project_id: int | None) -> int:
    controller.stored[conversation_id] = replace(controller.stored[conversation_id], project_id=project_id)
    return conversation_id


@pytest.fixture
def thesis(controller) -> int:
    """A project with two conversations, beside one that is in none."""
    project = controller.projects.add("Thesis", "Be strict.", "starter", "/papers")
    for title in ("first", "second"):
        put(controller, controller.add(title, days_ago=1), project)
    controller.add("loose")
    return project


@pytest.fixture
def window(qtbot, controller, thesis):
    window = MainWindow(controller, Settings())
    qtbot.addWidget(window)
    window.resize(1000, 700)
    window.show()
    qtbot.waitExposed(window)
    qtbot.waitUntil(lambda: window.sidebar.stack.currentWidget() is window.sidebar.list)
    return window


def titles(window: MainWindow) -> list[str]:
    model = window.sidebar.model
    return [model.index(row).data() for row in range(model.rowCount())]


def index_of(window: MainWindow, title: str):
    return window.sidebar.model.index(titles(window).index(title))


def place_of(window: MainWindow, title: str) -> QPoint:
    return window.sidebar.list.visualRect(index_of(window, title)).center()


def press(window: MainWindow, title: str, key: Qt.Key) -> None:
    window.sidebar.list.setFocus()
    window.sidebar.list.setCurrentIndex(index_of(window, title))
    QTest.keyClick(window.sidebar.list, key)


def drop(window: MainWindow, data: QMimeData, where: QPoint) -> None:
    """What Qt calls when the button is released over the list."""
    buttons, modifiers = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.sidebar.list.dropEvent(QDropEvent(QPointF(where), Qt.DropAction.MoveAction, data, buttons, modifiers))
    QTest.qWait(1)


def entry(menu: QMenu, text: str):
    """The entry of a menu, or of the menus in it."""
    for action in menu.actions():
        if action.text() == text:
            return action
        if action.menu() is not None and (found := entry(action.menu(), text)) is not None:
            return found
    return None


def choose(window: MainWindow, title: str, text: str) -> None:
    window.sidebar.list.setCurrentIndex(index_of(window, title))
    entry(window.sidebar.list.row_menu(index_of(window, title)), text).trigger()


def dialog(window: MainWindow, kind: type):
    return window.findChild(kind)


def test_projects_stand_above_the_dates_each_with_its_conversations(window):
    assert titles(window) == ["Thesis", "second", "first", "Today", "loose"]
    assert [index_of(window, t).data(ItemRole.IN_PROJECT) for t in ("first", "loose")] == [True, False]


def test_a_project_folds_by_click_enter_and_arrows(window, controller):
    QTest.mouseClick(window.sidebar.list.viewport(), Qt.MouseButton.LeftButton, pos=place_of(window, "Thesis"))
    assert titles(window) == ["Thesis", "Today", "loose"]
    press(window, "Thesis", Qt.Key.Key_Return)
    assert "first" in titles(window)
    press(window, "first", Qt.Key.Key_Left)
    assert window.sidebar.list.currentIndex().data() == "Thesis"
    for key, shown in ((Qt.Key.Key_Left, False), (Qt.Key.Key_Left, False), (Qt.Key.Key_Right, True)):
        QTest.keyClick(window.sidebar.list, key)
        assert ("first" in titles(window)) is shown
        assert window.sidebar.list.currentIndex().data() == "Thesis"
    assert [call[0] for call in controller.projects.calls] == ["set_collapsed"] * 4


def test_a_folded_project_tells_that_the_open_conversation_is_in_it(window, controller, thesis):
    window.sidebar.list.opened.emit(1)
    controller.projects.set_collapsed(thesis, True)
    assert index_of(window, "Thesis").data(ItemRole.IS_OPEN)
    spoken = index_of(window, "Thesis").data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Project Thesis, folded"


@pytest.mark.parametrize(
    ("title", "target"), [("loose", "Thesis"), ("loose", "first"), ("first", "loose"), ("first", "")]
)
def test_a_conversation_is_dragged_into_a_project_and_out(window, controller, thesis, title, target):
    chat = index_of(window, title).data(ItemRole.SUMMARY)
    data = window.sidebar.model.mimeData([index_of(window, title)])
    assert data.hasFormat(CONVERSATION_MIME)
    drop(window, data, place_of(window, target) if target else window.sidebar.list.viewport().rect().bottomLeft())
    expected = thesis if chat.project_id is None else None
    assert controller.projects.calls == [("move", chat.id, expected)]
    assert ("second" in titles(window), title in titles(window)) == (True, True)


def test_only_conversations_are_dragged_and_only_conversations_are_taken(window, controller):
    assert not index_of(window, "Thesis").flags() & Qt.ItemFlag.ItemIsDragEnabled
    assert index_of(window, "first").flags() & Qt.ItemFlag.ItemIsDragEnabled
    for content in (b"", b"-1", b"one", "²".encode()):
        data = QMimeData()
        data.setData(CONVERSATION_MIME, content)
        drop(window, data, place_of(window, "Thesis"))
    assert controller.projects.calls == []


def test_a_conversation_moves_by_its_menu(window, controller, thesis):
    controller.projects.add("A&B")
    controller.conversations_changed.emit()
    choose(window, "loose", "A&&B")
    choose(window, "first", "No project")
    assert controller.projects.calls == [("move", 3, 2), ("move", 1, None)]
    assert not entry(window.sidebar.list.row_menu(index_of(window, "second")), "Thesis").isEnabled()
    assert entry(window.sidebar.list.row_menu(index_of(window, "first")), "No project") is None


def test_a_new_chat_begins_in_a_project_and_the_header_says_so(window, controller, thesis):
    choose(window, "Thesis", "New chat in this project")
    assert controller.calls[-1] == ("new_chat", thesis)
    assert window.header.title_label.whole_text() == "\u2068Thesis\u2069 › \u2068New chat\u2069"
    window.sidebar.list.opened.emit(1)
    assert "Thesis" in window.header.title_label.whole_text()
    window.window_actions.new_chat()
    assert window.header.title_label.whole_text() == "New chat"


def test_the_project_of_the_new_chat_is_shown_from_the_start(qtbot, controller, thesis):
    controller.projects.new_project = thesis
    window = MainWindow(controller, Settings())
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: "Thesis" in window.header.title_label.whole_text())


def test_a_new_project_takes_the_conversation_from_whose_menu_it_was_made(window, controller):
    choose(window, "loose", "New project…")
    opened = dialog(window, ProjectDialog)
    assert not opened.save_button.isEnabled()
    for taken in ("thesis", " Thesis "):
        opened.name_field.setText(taken)
        assert not opened.save_button.isEnabled() and not opened.name_problem.isHidden()
    opened.name_field.setText("  Garden \t plans ")
    opened.prompt_field.setPlainText("Be kind.\n")
    opened.set_folder("/roses")
    opened.save_button.click()
    assert controller.projects.calls == [
        ("save", None, ProjectSettings("Garden plans", "Be kind.", "", "/roses", {}, None)),
        ("move", 3, 2),
    ]


def test_a_project_is_changed_by_its_menu_and_stays_open_when_it_is_not_stored(window, controller, thesis):
    press(window, "Thesis", Qt.Key.Key_F2)
    opened = dialog(window, ProjectDialog)
    assert (opened.name_field.text(), opened.model_choice.currentData()) == ("Thesis", "starter")
    opened.model_choice.setCurrentIndex(0)
    opened.no_folder_button.click()
    controller.refuse = True
    opened.save_button.click()
    assert opened.isVisible()
    controller.refuse = False
    opened.save_button.click()
    assert controller.projects.calls[-1] == ("save", thesis, ProjectSettings("Thesis", "Be strict.", "", ""))


def test_a_model_that_does_not_exist_any_more_stays_chosen_and_is_named(qtbot, controller):
    opened = ProjectDialog(
        ProjectSettings("a", model="/gone/old.gguf"), controller.models.choices(), [], lambda: ([], [])
    )
    qtbot.addWidget(opened)
    assert opened.model_choice.currentData() == "/gone/old.gguf"
    assert opened.model_choice.currentText() == "/gone/old.gguf (does not exist any more)"
    assert "BELLE-7B-2M" not in [opened.model_choice.itemText(i) for i in range(opened.model_choice.count())]


@pytest.mark.parametrize("also", [False, True])
def test_deleting_a_project_asks_and_keeps_the_conversations_unless_told(window, controller, thesis, also):
    press(window, "Thesis", Qt.Key.Key_Delete)
    opened = dialog(window, DeleteProjectDialog)
    assert not opened.with_conversations.isChecked()
    assert opened.with_conversations.text() == "Delete its conversations, too (2)"
    assert opened.keep_button.isDefault()
    opened.with_conversations.setChecked(also)
    opened.delete_button.click()
    assert controller.calls[-1] == ("delete_project", thesis, also)


def test_the_dialogs_say_what_comes_from_the_project(window, controller, thesis):
    window.sidebar.list.opened.emit(1)
    window.window_actions.dialogs.show_system_prompt()
    note = dialog(window, SystemPromptDialog).note.text()
    assert note == "If this is empty, that of the project “Thesis” is used: Be strict."
    assert project_note(None) == ""
    with_sampling = StoredProject(1, ProjectSettings("Thesis", sampling={"temperature": 0.3}))
    assert project_note(with_sampling) == "Answers with: Temperature 0.3, from the project “Thesis”"
    window.window_actions.dialogs.show_documents()  # the project has some, the fake conversation none
    opened = dialog(window, FolderDialog)
    assert not opened.project_button.isHidden() and opened.source.isHidden()


@pytest.mark.parametrize(
    ("in_force", "loaded", "shown"),
    [
        (InForce("", "general"), True, ""),
        (InForce("starter", "project"), True, "SmolLM2 135M, from the project"),
        (InForce("starter", "project"), False, "SmolLM2 135M, from the project: is loaded with the next question"),
        (InForce("/m/own.gguf", "conversation"), True, "own.gguf, for this chat alone"),
    ],
)
def test_the_model_menu_says_which_model_answers_here(window, controller, in_force, loaded, shown):
    window.sidebar.list.opened.emit(1)
    controller.projects.in_force, controller.projects.model_is_loaded = in_force, loaded
    menu = window.header.model_menu
    menu.aboutToShow.emit()
    assert (menu.actions()[0].text() == shown) is bool(shown)
    back = entry(menu, "Use the project's model again")
    assert (back is not None) is (in_force.source == "conversation")
    if back is not None:
        back.trigger()
        assert controller.projects.calls == [("forget_own_model",)]


def test_the_model_of_a_list_with_projects_keeps_qts_rules(qapp, controller, thesis):
    for number in range(PAGE + 50):
        put(controller, controller.add(f"p{number}"), thesis)
    for number in range(PAGE + 50):
        controller.add(f"c{number}")
    model = ConversationModel(controller.conversations.summaries)
    model.projects, model.project_pages = controller.projects.all, controller.projects.conversations
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    model.reload()
    more = model.index(PAGE + 1)
    assert (more.data(), model.index(PAGE + 2).data(ItemRole.IS_SECTION)) == ("Show more", True)
    model.show_more(more.data(ItemRole.MORE_OF))
    assert model.row_of_project(thesis) == 0
    assert sum(model.project_at(model.index(row)) == thesis for row in range(model.rowCount())) == PAGE + 53
    controller.projects.set_collapsed(thesis, True)
    model.reload()
    model.set_open(1)
    controller.projects.projects.clear()
    model.reload()
    assert model.row_of_project(thesis) is None
    assert tester.model() is model
