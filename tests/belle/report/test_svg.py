"""Drawings for a page: its colours, its font, its width, and nothing that the page has twice."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from belle.report.svg import N_SERIES, colour, draw

XLINK = "{http://www.w3.org/1999/xlink}href"


def drawn(name: str = "one", label: str = "label") -> str:
    def paint(figure) -> None:
        axes = figure.add_subplot()
        for i in range(N_SERIES):
            axes.plot([1, 2, 3], [i, 2 + i, 1], color=colour(f"series-{i}"), marker="osD^vPX*"[i], label=label)
        axes.set_yscale("symlog")
        axes.legend()

    return draw(name, (4, 2), paint, {"text.color": colour("ink"), "axes.edgecolor": colour("line")})


def test_colours_are_the_pages_own() -> None:
    element = drawn()
    for name in ("ink", "line", *(f"series-{i}" for i in range(N_SERIES))):
        assert f"var(--{name})" in element
    assert "#0a0b" not in element
    assert not re.search("<text[^>]*font-family", element)
    assert "<style" not in element


def test_a_formula_keeps_the_font_that_its_parts_are_placed_for() -> None:
    parts = re.findall("<tspan[^>]*>", drawn())
    assert parts and all("font-family: 'DejaVu Sans'" in part for part in parts)


def test_it_is_as_wide_as_its_place() -> None:
    root = ET.fromstring(drawn())
    assert root.get("viewBox") == "0 0 288 144"
    assert root.get("width") is None and root.get("height") is None


def test_what_one_drawing_refers_to_is_its_own() -> None:
    defined = []
    for name in ("one", "other"):
        root = ET.fromstring(drawn(name))
        ids = {element.get("id") for element in root.iter()} - {None}
        used = {element.get(XLINK, "#")[1:] for element in root.iter()} | set(
            re.findall(r"url\(#([^)]*)\)", ET.tostring(root, encoding="unicode"))
        )
        assert used - {""} <= ids
        defined.append(ids)
    assert defined[0] and not defined[0] & defined[1]


@pytest.mark.parametrize(
    "text",
    [
        "font-family: a.gguf",
        '<g id="x"> & "y"',
        "#0a0b00 #0a0b0c",
        "<!-- x -->",
        "<style>x</style>",
        "a  =  'b'",
        "模型",
    ],
)
def test_any_text_is_drawn_as_it_is(text: str) -> None:
    root = ET.fromstring(drawn(label=text))
    assert [t for t in root.itertext() if t == text] == [text] * N_SERIES
