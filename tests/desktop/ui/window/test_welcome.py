"""The page of a new chat."""

from __future__ import annotations

import pytest

from tests.support.dialogs import open_dialog
from tests.support.fake_controller import STARTER


def test_welcome_prompts_go_into_the_composer(window, controller):
    controller.make_ready()
    button = window.welcome.prompts[0]
    button.click()
    assert window.composer.text() == button.prompt
    assert controller.calls == []


def test_the_starter_is_asked_in_english_whatever_the_window_speaks(window, controller, settings, qtbot):
    settings.set_value("window/language", "zh_CN")
    qtbot.waitUntil(lambda: window.sidebar.new_button.text() == "新对话")
    assert any(not b.prompt.isascii() for b in window.welcome.prompts)
    controller.make_ready(STARTER)
    assert all(b.prompt.isascii() for b in window.welcome.prompts)
    assert "英文" in window.welcome._starter_words.text()


@pytest.mark.parametrize("width", [420, 640, 900])
def test_welcome_prompts_are_whole_at_any_width(make, controller, qtbot, width):
    window = make(width=width, height=700)
    for button in window.welcome.prompts:
        question = button._question
        qtbot.waitUntil(lambda q=question: q.height() >= q.heightForWidth(q.width()))
        assert button.rect().contains(question.geometry())


def test_get_belle_tells_about_it_without_a_network(window, controller):
    window.welcome.belle_button.click()
    library = open_dialog("LibraryDialog")
    assert "belle-7b-2m" in library.lines
    assert "research" in library.lines["belle-7b-2m"]._facts.text()
    library.reject()
    assert controller.calls == []
