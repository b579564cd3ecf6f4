"""A person gives one model settings of its own, and they hold: now, after a restart, and for no other model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from desktop.library.library import Library
from desktop.model_settings import LoadSettings
from desktop.ui.dialogs.doctor import Examination
from desktop.ui.library.details import ModelDetailsDialog
from desktop.ui.library.dialog import LibraryDialog
from tests.support.person import Person


@pytest.fixture(autouse=True)
def _nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring the machine takes seconds, and other programs' models are of other stories."""
    monkeypatch.setattr(Library, "look_around", lambda self: None)
    monkeypatch.setattr(Examination, "start", lambda self: None)


def details(person: Person) -> ModelDetailsDialog:
    person.window.window_actions.dialogs.show_library()
    library = next(one for one in person.window.findChildren(LibraryDialog) if one.isVisible())
    library.lines["starter"].buttons["details"].click()
    return next(one for one in person.window.findChildren(ModelDetailsDialog) if one.isVisible())


def test_settings_of_a_model_hold_when_it_is_loaded_again_and_after_a_restart(
    sits_down: Callable[..., Person],
) -> None:
    person = sits_down(**{"model/n_ctx": 4096})
    person.wait_ready()
    before = person.controller.models.loaded_with()
    assert before == LoadSettings(4096, 1)
    dialog = details(person)
    assert dialog.form is not None
    dialog.tabs.button("load").click()
    dialog.form.context_choice.button("2048").click()
    dialog.form.kv_choice.button("q8_0").click()
    dialog.tabs.button("answers").click()
    dialog.form.fields["temperature"].setValue(0.35)
    assert person.controller.models.sampling().temperature == 0.35
    dialog.form.reload_button.click()
    wanted = replace(before, n_ctx=2048, kv_type="q8_0")
    person.wait(lambda: person.controller.models.loaded_with() == wanted)
    person.wait_ready()
    info = person.controller.model.info
    assert info is not None
    assert (info.n_ctx, info.kv_type, info.flash_attention, info.fallbacks) == (2048, "q8_0", "on", ())
    person.ask("Hello")
    person.wait_words()
    person.stop()
    person.leave()
    again = sits_down()
    again.wait_ready()
    assert again.controller.models.loaded_with() == wanted
    assert again.settings.n_ctx == 4096


def test_a_setting_that_cannot_be_taken_is_told_in_a_banner(sits_down: Callable[..., Person]) -> None:
    person = sits_down()
    person.wait_ready()
    dialog = details(person)
    assert dialog.form is not None
    dialog.tabs.button("load").click()
    dialog.form.flash_choice.button("off").click()
    dialog.form.kv_choice.button("q4_0").click()
    dialog.form.reload_button.click()
    person.wait(lambda: any(notice.kind == "fallback" for notice in person.notices))
    person.wait_ready()
    info = person.controller.model.info
    assert info is not None
    assert (info.kv_type, info.flash_attention) == ("f16", "off")
