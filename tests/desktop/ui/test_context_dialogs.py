"""What happens when the context is full is chosen in a dialog, and the summary is the person's to correct."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.chat.state import ContextUsage
from desktop.i18n import set_language
from desktop.ui.dialogs.context import ContextDialog
from desktop.ui.dialogs.summary import SummaryDialog
from desktop.ui.style.theme import themes

USAGE = ContextUsage(used=812, total=4096, system=120)


def test_the_policy_of_this_conversation_is_selected_and_another_can_be_chosen(opened, qtbot):
    dialog = opened(ContextDialog("drop_oldest", USAGE))
    assert dialog.policy == "drop_oldest"
    dialog.choices["summarise"].button.click()
    assert dialog.policy == "summarise"
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.save_button.click()
    assert chosen.args == ["summarise", False]


def test_policies_are_chosen_by_arrow_keys(opened):
    dialog = opened(ContextDialog("refuse", USAGE))
    assert dialog.choices["refuse"].button.hasFocus()
    QTest.keyClick(dialog.choices["refuse"].button, Qt.Key.Key_Down)
    assert dialog.policy == "drop_oldest"
    assert not dialog.choices["refuse"].button.isChecked()


def test_a_policy_can_become_the_default(opened, qtbot):
    dialog = opened(ContextDialog("refuse", USAGE))
    dialog.choices["cut_middle"].button.click()
    dialog.default_box.click()
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.save_button.click()
    assert chosen.args == ["cut_middle", True]


def test_cancelled_nothing_is_chosen(opened, qtbot):
    dialog = opened(ContextDialog("refuse", USAGE))
    dialog.choices["summarise"].button.click()
    with qtbot.assertNotEmitted(dialog.chosen):
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isHidden()


def test_the_three_parts_of_the_context_are_told_in_figures(opened):
    dialog = opened(ContextDialog("refuse", USAGE))
    assert [part.text() for part in dialog.parts] == ["System prompt: 120", "Messages: 692", "Free: 3,284"]
    assert dialog.bar.accessibleName() == "Now 812 of 4,096 tokens"
    assert "Messages: 692" in dialog.bar.accessibleDescription()
    dialog.set_usage(ContextUsage(5000, 4096, 120))
    assert [part.text() for part in dialog.parts][1:] == ["Messages: 4,880", "Free: 0"]
    assert dialog.bar.accessibleName() == "Too long: 5,000 tokens, and the model holds 4,096"
    dialog.set_usage(ContextUsage())
    assert dialog.bar.accessibleName().startswith("Too long")


def test_a_context_that_is_not_known_has_no_figures(opened):
    dialog = opened(ContextDialog("refuse", ContextUsage()))
    assert [part.text() for part in dialog.parts] == ["System prompt: –", "Messages: –", "Free: –"]
    assert "when a model is loaded" in dialog.bar.accessibleName()


def test_the_way_to_the_summary_is_there_when_there_is_one(opened, qtbot):
    assert not opened(ContextDialog("summarise", USAGE)).summary_button.isVisible()
    dialog = opened(ContextDialog("summarise", USAGE, has_summary=True))
    assert dialog.parts[0].text() == "System prompt and summary: 120"
    with qtbot.waitSignal(dialog.summary_requested), qtbot.assertNotEmitted(dialog.chosen):
        dialog.summary_button.click()
    assert dialog.isHidden()


def test_a_summary_is_corrected_and_deleted(opened, qtbot):
    dialog = opened(SummaryDialog("They spoke of rain."))
    dialog.field.setPlainText("  They spoke of snow.\n")
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.save_button.click()
    assert chosen.args == ["They spoke of snow."]
    assert dialog.isVisible()  # until it is stored
    dialog.field.setPlainText(" \n")
    assert not dialog.save_button.isEnabled()
    with qtbot.waitSignal(dialog.delete_requested):
        dialog.delete_button.click()


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize(("theme_name", "zoom"), [("light", 1.0), ("dark", 2.0)])
def test_the_dialogs_fit_the_screen_and_the_words_their_buttons(opened, language, theme_name, zoom):
    set_language(language)
    themes().set_mode(theme_name)
    themes().set_zoom(zoom)
    for dialog in (
        opened(ContextDialog("summarise", USAGE, has_summary=True)),
        opened(SummaryDialog("They spoke of rain.")),
    ):
        screen = dialog.screen().availableGeometry()
        assert dialog.width() <= screen.width() and dialog.height() <= screen.height()
        assert dialog.heading.text()
        for button in dialog.findChildren(type(dialog.save_button)):
            if button.isVisible():
                assert button.width() >= button.fontMetrics().horizontalAdvance(button.text())
