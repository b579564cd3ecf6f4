"""Personas in the dialogs: chosen, edited, duplicated, deleted."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from desktop.settings import Settings
from desktop.store.records import Persona
from desktop.ui.dialogs.base import Dialog
from desktop.ui.dialogs.system_prompt import SystemPromptDialog
from desktop.ui.instructions.persona_button import PersonaButton
from desktop.ui.instructions.persona_dialog import PersonaDialog
from desktop.ui.instructions.personas_dialog import PersonasDialog
from desktop.ui.instructions.project_dialog import ProjectDialog
from desktop.ui.library.asking import ConfirmDialog
from desktop.ui.window.main_window import MainWindow


@pytest.fixture
def window(qtbot, controller):
    window = MainWindow(controller, Settings())
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    return window


def choose(button: PersonaButton, name: str) -> None:
    button.fill()
    next(action for action in button.list.actions() if action.text() == name).trigger()


def opened(window: MainWindow, kind: type) -> Dialog:
    return window.findChildren(kind)[-1]


@pytest.fixture
def personas(window) -> PersonasDialog:
    window.window_actions.dialogs.personas.show()
    return opened(window, PersonasDialog)


def test_a_persona_fills_the_system_prompt_and_begins_the_new_chat(window, controller):
    window.window_actions.dialogs.show_system_prompt()
    dialog = opened(window, SystemPromptDialog)
    dialog.field.setPlainText("mine")
    choose(dialog.persona_button, "A&&B")
    assert dialog.field.toPlainText() == "Rhyme."
    assert dialog.sampling_row.words.text() == "Answers with: Temperature 0.3"
    dialog.save_button.click()
    assert controller.calls[-2:] == [("set_system_prompt", "Rhyme."), ("begin", "A&B", "Hello!")]
    assert controller.projects.calls == [("choose_sampling", {"temperature": 0.3})]


def test_what_a_persona_replaced_comes_back_by_undo_and_its_sampling_can_be_removed(window, controller):
    window.window_actions.dialogs.show_system_prompt()
    dialog = opened(window, SystemPromptDialog)
    dialog.field.insertPlainText("mine")
    choose(dialog.persona_button, "A&&B")
    dialog.field.undo()
    assert dialog.field.toPlainText() == "mine"
    dialog.sampling_row.remove_button.click()
    assert dialog.sampling_row.isHidden()
    choose(dialog.persona_button, "Translator")
    dialog.save_button.click()
    assert controller.calls[-1] == ("set_system_prompt", "Translate.")  # no greeting: nothing begins
    assert controller.projects.calls == [("choose_sampling", {})]


def test_a_greeting_begins_no_chat_that_has_begun(window, controller):
    controller.conversations.open(controller.add("talk", texts=("a", "b")))
    window.window_actions.dialogs.show_system_prompt()
    dialog = opened(window, SystemPromptDialog)
    choose(dialog.persona_button, "A&&B")
    dialog.save_button.click()
    assert controller.calls[-1] == ("set_system_prompt", "Rhyme.")


def test_a_project_takes_a_persona_over(window, controller):
    window.window_actions.projects.create()
    dialog = opened(window, ProjectDialog)
    dialog.name_field.setText("Poems")
    choose(dialog.persona_button, "A&&B")
    dialog.save_button.click()
    saved = controller.projects.calls[0][2]
    assert (saved.system_prompt, saved.sampling) == ("Rhyme.", {"temperature": 0.3})


def test_the_button_leads_to_the_list(window):
    window.window_actions.dialogs.show_system_prompt()
    choose(opened(window, SystemPromptDialog).persona_button, "Edit personas…")
    assert isinstance(QApplication.activeModalWidget(), PersonasDialog)


def test_own_personas_are_edited_and_those_that_ship_only_duplicated(window, controller, personas):
    assert [personas.list.item(row).text() for row in range(2)] == ["A&B", "Translator · comes with ChatBELLE"]
    assert personas.edit_button.isEnabled() and personas.delete_button.isEnabled()
    personas.list.setCurrentRow(1)
    assert not personas.edit_button.isEnabled() and not personas.delete_button.isEnabled()
    personas.duplicate_button.click()
    editor = opened(window, PersonaDialog)
    editor.save_button.click()
    assert controller.personas.calls == [("save", None, Persona("Translator", "Translate."))]
    personas.list.setCurrentRow(0)
    personas.edit_button.click()
    editor = opened(window, PersonaDialog)
    editor.name_field.setText(" A  poet ")
    editor.greeting_field.setPlainText("")
    editor.values["top_p"].setValue(0.9)
    editor.values["temperature"].setValue(editor.values["temperature"].minimum())
    assert editor.values["temperature"].text() == "as set"
    editor.save_button.click()
    assert controller.personas.calls[-1] == ("save", 7, Persona("A poet", "Rhyme.", "", {"top_p": 0.9}))


def test_a_persona_needs_a_name_and_a_text(window, personas):
    personas.new_button.click()
    editor = opened(window, PersonaDialog)
    assert not editor.save_button.isEnabled()
    editor.name_field.setText("Poet")
    assert not editor.save_button.isEnabled()
    editor.greeting_field.setPlainText("Hello.")
    assert editor.save_button.isEnabled()
    editor.name_field.setText("  ")
    assert not editor.save_button.isEnabled()


def test_deleting_a_persona_asks(window, controller, personas):
    personas.delete_button.click()
    opened(window, ConfirmDialog).do_button.click()
    assert controller.personas.calls == [("delete", 7)]
    assert personas.list.count() == 1 and not personas.export_button.isEnabled()
