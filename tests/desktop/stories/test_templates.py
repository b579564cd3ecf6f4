"""A wrong prompt template: explained, changed in two clicks, remembered, and changed back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from desktop.ui.dialogs.template import TemplateDialog
from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.person import Person

REFUSES = "{% if messages|length > 1 %}{{ raise_exception('one at a time') }}{% endif %}{{ messages[0].content }}"


def dialog(person: Person) -> TemplateDialog:
    """The open dialog, with everything listed."""
    person.wait(lambda: isinstance(QApplication.activeModalWidget(), TemplateDialog))
    shown = QApplication.activeModalWidget()
    assert isinstance(shown, TemplateDialog)
    person.wait(lambda: shown.choices.count() > 0)
    return shown


def choose(person: Person, template: str) -> None:
    """Take a template in the open dialog."""
    shown = dialog(person)
    shown.choose(template)
    shown.use_button.click()


def in_use(person: Person) -> str | None:
    info = person.controller.model.info
    return info.template if info is not None else None


def wait_until_used(person: Person, template: str) -> None:
    person.wait(lambda: in_use(person) == template)


def a_model(folder: Path, **options: object) -> str:
    path = folder / "mine.gguf"
    write_random_model(path, n_ctx=256, control=["<|im_start|>", "<|im_end|>"], **options)
    return str(path)


@pytest.mark.parametrize(("template", "said"), [("", "no_template"), ("{% for %}", "template_error")])
def test_a_model_that_cannot_say_how_to_talk_to_it_asks_once(
    sits_down: Callable[..., Person], tmp_path: Path, template: str, said: str
) -> None:
    model = a_model(tmp_path, template=template)
    person = sits_down(**{"model/ref": model})
    shown = dialog(person)
    fits = shown.choice()
    assert fits is not None
    assert (fits.id, fits.text.count("<|im_start|>")) == ("chatml", 5)
    shown.reject()
    assert person.kinds() == [said]
    assert person.controller.model.status == "ready"
    person.ask("hello")  # waits for the choice
    assert person.states == [("user", "complete")]
    person.window.banners.banner("template").buttons["choose_template"].click()
    choose(person, "chatml")
    person.wait(lambda: len(person.states) == 2)
    person.stop()
    assert person.window.banners.keys() == []
    person.leave()
    again = sits_down()
    again.wait_ready()
    assert in_use(again) == "chatml"
    assert again.kinds() == []


def test_a_template_that_fails_in_use_is_changed_where_that_is_said(
    sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    person = sits_down(**{"model/ref": a_model(tmp_path, template=REFUSES)})
    person.wait_ready()
    person.ask("hello")
    person.wait(lambda: len(person.states) == 2)
    person.stop()
    person.ask("and now?")
    person.wait(lambda: person.kinds() == ["template_error"])
    assert "one at a time" in person.window.banners.banner("answer").spoken() + str(person.notices[0].details)
    person.window.banners.banner("answer").buttons["choose_template"].click()
    shown = dialog(person)
    assert shown.choice().id == "gguf"
    assert "one at a time" in shown.choice().problem
    choose(person, "chatml")
    wait_until_used(person, "chatml")
    person.press(person.path[-1], "regenerate")
    person.wait(lambda: person.states[-1][0] == "assistant")
    person.stop()


def test_a_wrong_choice_is_undone_also_for_the_starter_model(sits_down: Callable[..., Person]) -> None:
    person = sits_down()
    person.wait_ready()
    for template in ("gemma", "gguf"):
        person.window.window_actions.dialogs.show_templates()
        shown = dialog(person)
        shown.choose("gemma")
        assert "<start_of_turn>" in shown._advice.text()
        choose(person, template)
        wait_until_used(person, template)
        person.leave()
        person = sits_down()
        person.wait_ready()
        assert in_use(person) == template


def test_the_templates_are_shown_while_an_answer_is_being_written(person: Person) -> None:
    person.ask("List the names of fifty animals, one in each line.")
    person.wait_words()
    person.window.window_actions.dialogs.show_templates()
    shown = dialog(person)
    assert person.controller.busy
    assert shown.choice().text.startswith("<|im_start|>system")
    shown.reject()
