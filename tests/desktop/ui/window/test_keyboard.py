"""Shortcuts, and keys that depend on where the focus is."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from desktop.ui.style.theme import theme
from tests.support.dialogs import open_dialog

CTRL = Qt.KeyboardModifier.ControlModifier


def test_shortcuts_reach_what_they_name(window, controller, qtbot):
    controller.add("first", texts=("q", "a"))
    controller.add("second", days_ago=1, texts=("q2", "a2"))
    controller.conversations_changed.emit()
    controller.conversations.open(1)

    def press(key, modifiers=CTRL):
        QTest.keyClick(window.focusWidget() or window, key, modifiers)

    press(Qt.Key.Key_Tab)
    assert controller.conversation.title == "second"
    press(Qt.Key.Key_Tab)
    assert controller.conversation.title == "first"
    press(Qt.Key.Key_R)
    assert controller.calls[-1] == ("regenerate", controller.paths[1][-1].id)
    press(Qt.Key.Key_C, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert QGuiApplication.clipboard().text() == "a"
    press(Qt.Key.Key_K)
    assert window.focusWidget() is window.sidebar.search_field
    press(Qt.Key.Key_L)
    assert window.focusWidget() is window.composer.editor
    press(Qt.Key.Key_B)
    assert window.sidebar.isHidden()
    press(Qt.Key.Key_K)
    assert not window.sidebar.isHidden()
    press(Qt.Key.Key_N)
    assert controller.calls[-1] == ("new_chat",)
    press(Qt.Key.Key_Equal)
    assert theme().zoom > 1
    press(Qt.Key.Key_0)
    assert theme().zoom == 1
    press(Qt.Key.Key_Slash)
    open_dialog("ShortcutsDialog").reject()
    press(Qt.Key.Key_Comma)
    open_dialog("SettingsDialog").reject()


def test_f2_renames_where_the_keyboard_is(window, controller, qtbot):
    controller.add("first", texts=("q",))
    controller.conversations_changed.emit()
    controller.conversations.open(1)
    window.composer.editor.setFocus()
    QTest.keyClick(window.composer.editor, Qt.Key.Key_F2)
    assert window.focusWidget() is window.header.title_field
    window.header.title_field.setText("Spring rain")
    QTest.keyClick(window.header.title_field, Qt.Key.Key_Return)
    assert controller.calls[-1] == ("rename", 1, "Spring rain")
    assert window.windowTitle() == "Spring rain — ChatBELLE"
    window.sidebar.list.setFocus()
    QTest.keyClick(window.sidebar.list, Qt.Key.Key_F2)
    assert window.sidebar.list.is_editing()


def test_escape_leaves_the_title_as_it_was(window, controller):
    controller.add("first", texts=("q",))
    controller.conversations.open(1)
    window.header.edit_title()
    window.header.title_field.setText("other")
    QTest.keyClick(window.header.title_field, Qt.Key.Key_Escape)
    assert ("rename", 1, "other") not in controller.calls
    assert window.header.title_label.whole_text() == "first"


def test_up_edits_the_last_question(window, controller, qtbot):
    controller.add("first", texts=("q", "a"))
    controller.conversations.open(1)
    window.composer.editor.setFocus()
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Up)
    question = window.transcript.message_widget(controller.paths[1][0].id)
    assert question.editor is not None


def test_a_message_is_pinned_by_key(window, controller):
    conversation_id = controller.add("Water", texts=("one", "ONE"))
    controller.conversations.open(conversation_id)
    answer = controller.paths[conversation_id][1]
    QTest.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert controller.calls[-1] == ("set_message_pinned", answer.id, True)
