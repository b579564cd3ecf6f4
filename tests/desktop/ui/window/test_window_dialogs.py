"""Dialogs opened from the window."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from belle.engine.process.commands import Sampling
from desktop.chat.state import ContextUsage, Notice
from desktop.store import StoredSummary
from tests.support.dialogs import open_dialog
from tests.support.fake_controller import STARTER, STARTER_INFO


def test_the_settings_go_back_to_the_figures_of_the_model_that_is_open(window, controller):
    own = controller.models.own_sampling()
    assert own != Sampling()
    window.window_actions.dialogs.show_settings("answers")
    shown = open_dialog("SettingsDialog")
    assert shown.fields["temperature"].value() == pytest.approx(own.temperature)
    shown.fields["temperature"].setValue(1.5)
    shown.fields["top_k"].setValue(7)
    shown.reset_button.click()
    assert shown.fields["temperature"].value() == pytest.approx(own.temperature)
    assert shown.fields["top_k"].value() == own.top_k
    assert window.settings.sampling(own) == own
    shown.reject()


@pytest.mark.parametrize("way", ["gauge by mouse", "gauge by key", "figures", "more menu"])
def test_what_happens_when_the_context_is_full_is_chosen_from_the_gauge_and_the_menu(window, controller, way):
    controller.usage = ContextUsage(812, 4096, 120)
    controller.context_usage.emit(controller.usage)
    gauge = window.status.gauge
    if way == "gauge by mouse":
        QTest.mouseClick(gauge, Qt.MouseButton.LeftButton)
    elif way == "gauge by key":
        gauge.setFocus(Qt.FocusReason.TabFocusReason)
        QTest.keyClick(gauge, Qt.Key.Key_Return)
    elif way == "figures":
        QTest.mouseClick(window.status.context_label, Qt.MouseButton.LeftButton)
    else:
        window.header.more_menu.aboutToShow.emit()
        actions = window.header.more_menu.actions()
        next(action for action in actions if action.text() == "When the context is full…").trigger()
    asked = open_dialog("ContextDialog")
    assert controller.calls == [("count_context",)]
    controller.context_usage.emit(ContextUsage(900, 4096, 120))
    assert "900" in asked.bar.accessibleName()
    asked.choices["summarise"].button.click()
    asked.save_button.click()
    assert controller.calls[-1] == ("set_overflow", "summarise", False)


def test_a_summary_is_read_from_its_hairline_and_stays_open_until_it_is_stored(window, controller):
    conversation_id = controller.add("Water", texts=("one", "ONE", "two", "TWO"))
    ids = [message.id for message in controller.paths[conversation_id]]
    controller.stored[conversation_id] = replace(controller.stored[conversation_id], left_out=tuple(ids[:2]))
    controller.context.summary = StoredSummary(ids[1], tuple(ids[:2]), "of one", 0.0)
    controller.conversations.open(conversation_id)
    window.transcript.message_widget(ids[2]).stops()[0].click()
    shown = open_dialog("SummaryDialog")
    assert shown.field.toPlainText() == "of one"
    shown.field.setPlainText("as I say")
    controller.refuse = True
    shown.save_button.click()
    assert shown.isVisible()
    controller.refuse = False
    shown.save_button.click()
    assert controller.calls[-2:] == [("edit_summary", ids[1], "as I say")] * 2
    assert not shown.isVisible()


def test_a_missing_template_is_asked_for_and_may_wait(window, controller):
    controller.make_ready(replace(STARTER, info=replace(STARTER_INFO, template=None)))
    controller.template_needed.emit("belle-7b.gguf")
    open_dialog("TemplateDialog").reject()
    assert controller.calls == []
    controller.template_needed.emit("belle-7b.gguf")
    asked = open_dialog("TemplateDialog")
    asked.choose("chatml")
    assert asked.example.toPlainText().startswith("chatml:")
    asked.use_button.click()
    assert controller.calls == [("set_template", "chatml")]


@pytest.mark.parametrize("way", ["model menu", "more menu", "settings", "banner"])
def test_the_template_is_chosen_from_everywhere_at_any_time(window, controller, way):
    controller.make_ready()
    if way == "settings":
        window.window_actions.dialogs.show_settings("model")
        open_dialog("SettingsDialog").template_button.click()
    elif way == "banner":
        controller.notice.emit(Notice("template_error", "bad", {}, ("choose_template",), "answer"))
        window.banners.banner("answer").buttons["choose_template"].click()
    else:
        menu = window.header.model_menu if way == "model menu" else window.header.more_menu
        menu.aboutToShow.emit()
        next(action for action in menu.actions() if action.text() == "Prompt template…").trigger()
    asked = open_dialog("TemplateDialog")
    assert asked.choice().id == "gguf"
    asked.choose("gemma")
    asked.use_button.click()
    assert controller.calls[-1] == ("set_template", "gemma")


def test_system_prompt_is_edited(window, controller):
    controller.conversations.system_prompt = "Be brief."
    window.window_actions.dialogs.show_system_prompt()
    shown = open_dialog("SystemPromptDialog")
    assert shown.field.toPlainText() == "Be brief."
    shown.field.setPlainText("Be kind.")
    shown.save_button.click()
    assert controller.calls == [("set_system_prompt", "Be kind.")]
