"""What is to be remembered: from the menu of a message, in its list, and in the ⋯ menu."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QMenu

from desktop.settings import Settings
from desktop.store.instructions.precedence import InForce
from desktop.ui.dialogs.base import Dialog
from desktop.ui.instructions.fact_dialog import FactDialog
from desktop.ui.instructions.facts_dialog import FactsDialog
from desktop.ui.instructions.project_dialog import ProjectDialog
from desktop.ui.library.asking import ConfirmDialog
from desktop.ui.window.main_window import MainWindow
from tests.support.dialogs import open_dialog


@pytest.fixture
def window(qtbot, controller):
    window = MainWindow(controller, Settings())
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    return window


def opened(window: MainWindow, kind: type) -> Dialog:
    return window.findChildren(kind)[-1]


def choose(menu: QMenu, text: str) -> None:
    next(action for action in menu.actions() if action.text() == text).trigger()


@pytest.mark.parametrize("selected", ["", "cook"])
def test_a_message_or_what_is_selected_in_it_is_edited_and_remembered(window, controller, selected):
    controller.conversations.open(controller.add("talk", texts=("I cook for  **four**.", "Good.")))
    text = window.transcript.message_widget(controller.paths[1][0].id).text
    if selected:
        text.setTextCursor(text.document().find(selected))
    choose(text.context_menu(QPoint()), "Remember this…")
    dialog = opened(window, FactDialog)
    assert dialog.field.toPlainText() == (selected or "I cook for **four**.")
    assert not dialog._off.isHidden()
    dialog.field.setPlainText(" I cook\nfor five. ")
    dialog.save_button.click()
    assert controller.facts.calls == [("save", None, "I cook for five.")]


def test_a_fact_is_short_and_not_empty(window, controller):
    window.window_actions.facts.remember("x" * 41)
    dialog = opened(window, FactDialog)
    assert not dialog.save_button.isEnabled() and not dialog.problem.isHidden()
    dialog.field.moveCursor(QTextCursor.MoveOperation.End)
    dialog.field.textCursor().deletePreviousChar()
    assert dialog.save_button.isEnabled() and dialog.problem.isHidden()
    dialog.field.setPlainText(" \n")
    assert not dialog.save_button.isEnabled()


def test_facts_are_switched_edited_and_deleted_in_their_list(window, controller):
    window.window_actions.facts.show()
    dialog = opened(window, FactsDialog)
    assert not dialog.switch.isChecked()
    dialog.switch.click()
    dialog.edit_button.click()
    editor = opened(window, FactDialog)
    editor.field.setPlainText("I cook for five.")
    editor.save_button.click()
    dialog.new_button.click()
    opened(window, FactDialog).reject()
    dialog.delete_button.click()
    opened(window, ConfirmDialog).do_button.click()
    assert controller.facts.calls == [("set_on", True), ("save", 3, "I cook for five."), ("delete", 3)]
    assert dialog.list.count() == 0
    assert not (dialog.edit_button.isEnabled() or dialog.delete_button.isEnabled() or dialog.export_button.isEnabled())


def test_whoever_wants_the_facts_as_data_gets_a_name_for_it(window, controller):
    window.window_actions.facts.show()
    opened(window, FactsDialog).export_button.click()
    chooser = open_dialog("QFileDialog")
    assert [Path(path).name for path in chooser.selectedFiles()] == ["facts.md"]
    chooser.filterSelected.emit(chooser.nameFilters()[1])
    assert [Path(path).name for path in chooser.selectedFiles()] == ["facts.json"]
    assert chooser.defaultSuffix() == "json"
    chooser.reject()


def test_a_conversation_opts_out_in_the_menu_only_while_facts_are_used(window, controller):
    menu = QMenu(window)
    window.window_actions.facts.add_to(menu)
    assert [action.text() for action in menu.actions()] == ["What to remember…"]
    controller.facts.is_on, controller.facts.here = True, InForce(False, "project")
    menu.clear()
    window.window_actions.facts.add_to(menu)
    here = menu.actions()[1]
    assert not here.isChecked()
    here.trigger()
    assert controller.facts.calls == [("use_here", True)]


def test_a_project_opts_out_in_its_dialog(window, controller):
    window.window_actions.projects.create()
    dialog = opened(window, ProjectDialog)
    dialog.name_field.setText("Work")
    dialog.without_facts.click()
    dialog.save_button.click()
    assert controller.projects.calls[0][2].uses_facts is False
    window.window_actions.projects.edit(1)
    assert opened(window, ProjectDialog).without_facts.isChecked()
