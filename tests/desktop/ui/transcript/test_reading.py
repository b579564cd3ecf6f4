"""The transcript in the size, the fonts and the width that a person chose."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint

from desktop.i18n import set_language
from desktop.ui.style.reading import SIZES, Reading, Width
from desktop.ui.style.theme import themes
from tests.desktop.ui.transcript.conftest import idle

RAIN = "Rain falls on the roofs. 雨落在屋顶上。" * 12
ANSWER = f"# A heading\n\n{RAIN}\n\n```python\nx = 1\n```\n\n1. one\n\n> quoted"


def read(view, qtbot, **changes) -> None:
    themes().set_reading(Reading(**changes))
    idle(qtbot)


def widths(view) -> int:
    return view.message_widget(2).text.width()


@pytest.fixture
def shown(view, message):
    view.resize(1400, 700)
    view.set_path([message("question", "user"), message(ANSWER)])
    return view


def test_the_usual_column_has_lines_of_the_design(shown, qtbot) -> None:
    idle(qtbot)
    assert 680 <= widths(shown) <= 760


def test_the_column_is_narrow_comfortable_wide_or_full(shown, qtbot) -> None:
    found: dict[Width, int] = {}
    for width in ("narrow", "comfortable", "wide", "full"):
        read(shown, qtbot, width=width)
        found[width] = widths(shown)
    assert sorted(found.values()) == list(found.values())
    assert len(set(found.values())) == 4
    assert shown.viewport().width() - 100 < found["full"] < shown.viewport().width()


@pytest.mark.parametrize("size", SIZES)
def test_larger_text_has_as_many_letters_in_a_line(shown, qtbot, size: float) -> None:
    shown.resize(1600, 700)
    read(shown, qtbot)
    usual = widths(shown) / shown.message_widget(2).text.document().defaultFont().pixelSize()
    read(shown, qtbot, size=size)
    text = shown.message_widget(2).text
    assert widths(shown) / text.document().defaultFont().pixelSize() == pytest.approx(usual, rel=0.05)


def test_text_and_code_have_their_fonts_and_both_grow(shown, qtbot) -> None:
    read(shown, qtbot, size=1.5, text_font="DejaVu Serif", code_font="DejaVu Sans Mono")
    document = shown.message_widget(2).text.document()
    word, code = document.find("Rain"), document.find("x = 1")
    assert word.charFormat().font().families()[0] == "DejaVu Serif"
    assert code.charFormat().font().families()[0] == "DejaVu Sans Mono"
    assert word.charFormat().font().pixelSize() == 23
    assert code.charFormat().font().pixelSize() == 20
    assert document.find("A heading").charFormat().font().pixelSize() == 30


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("size", [0.8, 2.0])
@pytest.mark.parametrize("width", ["narrow", "full"])
def test_nothing_is_beside_a_small_window_at_200_percent(view, message, qtbot, language, size, width) -> None:
    view.resize(720, 400)
    set_language(language)
    themes().set_zoom(2.0)
    view.set_path([message("question", "user"), message(ANSWER)])
    read(view, qtbot, size=size, width=width)
    answer = view.message_widget(2)
    for part in (answer.text, *answer.text.code_buttons(), answer.action_bar()):
        left = part.mapTo(view.viewport(), QPoint()).x()
        assert 0 <= left < left + part.width() <= view.viewport().width(), part


def test_a_reader_stays_at_the_message_when_the_text_grows(view, message, qtbot) -> None:
    view.set_path([message(f"answer {n} " * 60) for n in range(30)])
    view.scroll_to_message(12)
    idle(qtbot)
    read(view, qtbot, size=1.3, width="narrow")
    top = view.message_widget(12).mapTo(view.viewport(), QPoint()).y()
    assert -50 < top < view.viewport().height() // 2
