"""The colours of code can be read on its background, and highlighting does not block the window."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QTextDocument

from desktop.markup import highlight
from desktop.ui.style.theme import Theme
from desktop.ui.transcript.document.coloring import Coloring
from desktop.ui.transcript.document.render import DocumentRenderer
from desktop.ui.transcript.document.style import Style, code_color, contrast
from desktop.ui.transcript.markdown.blocks import Code


@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_colour_is_readable(qapp, look: str) -> None:
    theme = Theme(look, 1.0)
    background = theme.color("code")
    for name in highlight.COLOR_NAMES:
        assert contrast(code_color(theme, name), background) >= 4.5, name


def test_contrast_is_that_of_the_standard(qapp) -> None:
    theme = Theme("light", 1.0)
    white = theme.color("page")
    assert contrast(white, white) == 1
    assert round(contrast(white, theme.color("ink")), 1) == round(contrast(theme.color("ink"), white), 1) > 15


def test_tokens_of_python() -> None:
    code = 'def f(x):\n    return "a" + 1  # why\n'
    colors = {code[start : start + length]: name for start, length, name in highlight.tokens(code, "Python")}
    assert colors["def"] == "violet"
    assert colors["f"] == "blue"
    assert colors["# why"] == "ink-3"
    assert "x" not in colors


def test_an_unknown_language_is_not_coloured() -> None:
    assert list(highlight.tokens("x = 1", "no-such-language")) == []


@pytest.fixture
def colored(qtbot):
    document = QTextDocument()
    renderer = DocumentRenderer(document, Style(Theme("light", 1.0), chinese=False))
    coloring = Coloring(renderer, document, document)

    def show(code: Code) -> list[list[tuple[int, int]]]:
        renderer.show([code])
        coloring.request(0, code)
        qtbot.waitUntil(lambda: not coloring.busy)
        formats = []
        block = renderer.first_line_of(0)
        while block.isValid():
            formats.append([(f.start, f.length) for f in block.layout().formats()])
            block = block.next()
        return formats

    return show


def test_lines_are_coloured_where_the_words_are(colored) -> None:
    assert colored(Code('x = "😀"  # 说明\n"""a\nb"""\nend', "python")) == [
        [(2, 1), (4, 4), (10, 4)],
        [(0, 4)],
        [(0, 4)],
        [],
    ]


def test_a_long_block_is_coloured_to_its_end(colored) -> None:
    formats = colored(Code("\n".join("return 1" for _ in range(3000)), "python"))
    assert len(formats) == 3000
    assert all(line == [(0, 6), (7, 1)] for line in formats)
