"""Which model answers, by what template, and how full its context is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desktop.chat.state import ContextUsage, ModelChoice, ModelState, Notice
from tests.support.dialogs import open_dialog
from tests.support.fake_controller import STARTER


def test_the_model_is_named_everywhere(window, controller):
    controller.model_changed.emit(ModelState("loading", "SmolLM2 135M", 0.42))
    assert "42 %" in window.header.model_button.text()
    assert not window.header.progress.isHidden()
    controller.make_ready(STARTER)
    assert window.header.model_button.text() == "SmolLM2 135M · 4-bit"
    assert "Q4_1" in window.header.model_button.toolTip()
    assert window.header.progress.isHidden()
    assert "4-bit" in window.status.model_label.text()
    controller.model_changed.emit(ModelState("failed", "Broken"))
    assert "Broken" in window.header.model_button.text()


def test_the_gauge_warns_when_nearly_full(window, controller):
    controller.context_usage.emit(ContextUsage(812, 4096))
    assert window.status.context_label.text() == "context 812 / 4,096"
    assert not window.status.context_label.property("level")
    controller.context_usage.emit(ContextUsage(3500, 4096))
    assert window.status.context_label.property("level") == "warn"
    assert "nearly full" in window.status.gauge.accessibleName()
    controller.speed.emit(41.26)
    assert window.status.speed_label.text() == "41 tok/s"
    controller.speed.emit(None)
    assert window.status.speed_label.text() == ""


def test_choose_model_in_a_banner_opens_the_menu(window, controller, qtbot):
    shown = []
    window.header.show_model_menu = lambda: shown.append(True)
    controller.notice.emit(Notice("no_model", "info", {}, ("choose_model",), "model"))
    window.banners.banner("model").buttons["choose_model"].click()
    assert shown == [True]
    assert controller.calls[-1] == ("act", "model", "choose_model")


def test_the_library_opens_by_its_shortcut_once_and_loads_what_is_chosen(window, controller, qtbot):
    shortcut = window.window_actions.by_id["models"]
    shortcut.trigger()
    shortcut.trigger()
    library = open_dialog("LibraryDialog")
    assert window.isEnabled()
    library.lines["starter"].buttons["use"].click()
    assert controller.calls == [("choose_model", "starter")]
    controller.models.ref = "starter"
    controller.make_ready()
    assert library.lines["starter"].buttons["use"].isHidden()
    assert library.lines["starter"].state.text() == "In use now"
    library.reject()


def test_model_menu_lists_loads_and_opens(window, controller):
    controller.models.ref = "starter"
    menu = window.header.model_menu
    menu.aboutToShow.emit()
    lines = {action.text().split("\t")[0]: action for action in menu.actions()}
    assert {"SmolLM2 135M", "Not here yet (1)", "Open a model file"} <= set(lines)
    lines |= {action.text().split("\t")[0]: action for action in lines["Not here yet (1)"].menu().actions()}
    assert not lines["SmolLM2 135M"].icon().isNull()
    lines["SmolLM2 135M"].trigger()
    assert controller.calls == [("choose_model", "starter")]
    lines["BELLE-7B-2M"].trigger()
    open_dialog("LibraryDialog").reject()
    assert controller.calls == [("choose_model", "starter")]


def test_the_model_menu_fits_a_small_screen_however_many_models_there_are(window, controller):
    gone = [replace(controller.choices[1], ref=f"b{i}", title=f"BELLE-7B-{i}") for i in range(18)]
    mine = [ModelChoice(f"/m/{i}", f"mine {i}", "/a/long/path" * 20, "installed", "file") for i in range(3)]
    controller.choices = [controller.choices[0], *gone, *mine]
    menu = window.header.model_menu
    menu.aboutToShow.emit()
    assert len(menu.actions()) <= 14
    assert menu.sizeHint().width() < 683
    assert menu.sizeHint().height() < 384


@pytest.mark.parametrize("thinks", [True, False, None])
def test_thinking_is_switched_in_the_menu_where_the_model_can(window, controller, thinks) -> None:
    controller.models.thinks = thinks
    menu = window.header.more_menu
    menu.aboutToShow.emit()
    actions = [action for action in menu.actions() if action.text() == "Think before answering"]
    assert [action.isChecked() for action in actions] == ([] if thinks is None else [thinks])
    for action in actions:
        action.trigger()
        assert controller.calls[-1] == ("set_thinking", not thinks)
