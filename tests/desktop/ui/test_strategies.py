"""How answers come about: the submenu of ⋯, and the scratchpad."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QMenu

from desktop.settings import Settings
from desktop.store.records import StoredStrategy
from desktop.ui.strategies.scratchpad_dialog import ScratchpadDialog
from desktop.ui.window.main_window import MainWindow


@pytest.fixture
def window(qtbot, controller):
    window = MainWindow(controller, Settings())
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    return window


def strategies(window: MainWindow) -> QMenu:
    """The submenu, filled as it is when the menu opens."""
    assert window.window_actions is not None  # they fill the menu, and are made after the first paint
    menu = window.header.more_menu
    menu.aboutToShow.emit()
    return next(action.menu() for action in menu.actions() if action.text() == "How to answer")


def named(menu: QMenu, text: str):
    return next(action for action in menu.actions() if action.text() == text)


def test_one_of_the_strategies_is_checked_and_another_can_be_chosen(window, controller):
    menu = strategies(window)
    checked = [action.text() for action in menu.actions() if action.isChecked()]
    assert checked == ["At once"]
    named(menu, "In steps, with tools (ReAct)").trigger()
    assert controller.strategies.calls == [("choose", "react")]
    checked = [action.text() for action in strategies(window).actions() if action.isChecked()]
    assert checked == ["In steps, with tools (ReAct)"]


def test_the_slow_mind_is_one_of_the_installed_models(window, controller):
    controller.strategies.current = StoredStrategy("duma", "starter")
    minds = named(strategies(window), "Who thinks slowly (DUMA)").menu()
    assert [(action.text(), action.isChecked()) for action in minds.actions()] == [
        ("The same model", False),
        ("SmolLM2 135M", True),
    ]
    named(minds, "The same model").trigger()
    assert controller.strategies.calls == [("choose_slow", "")]


def test_the_scratchpad_is_shown_and_edited(window, controller):
    named(strategies(window), "Scratchpad…").trigger()
    dialog = window.findChildren(ScratchpadDialog)[-1]
    assert dialog.field.toPlainText() == "name = Li\n预算 = 400 元"
    dialog.field.setPlainText("name = Wang\n\nno equals sign")
    assert not dialog.save_button.isEnabled()
    assert not dialog.problem.isHidden()
    dialog.field.setPlainText(" name =  Wang \n\n url = a=b ")
    assert dialog.save_button.isEnabled()
    assert dialog.problem.isHidden()
    dialog.save_button.click()
    assert controller.strategies.calls == [("edit_facts", {"name": "Wang", "url": "a=b"})]
