"""LaTeX to a drawing: SVG made by ziamath, with what its font lacks (Chinese in `\\text{…}`) left to the window's font.

ziamath is imported with the first formula; a formula takes it some 10 ms, so that `formulas` calls this beside the
event loop. No Qt here.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from desktop.ui.transcript.markdown.math_rules import LONGEST

SIZE = 24.0
"""Pixels of the letters of a `Drawing`; who draws it scales it."""
INK = "#010203"
"""Stands for the colour of the text in a `Drawing`."""

_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))
_TAG = re.compile(r"\\tag\*?\{([^{}]*)\}")
_LABEL = re.compile(r"\\label\{[^{}]*\}|\\nonumber|\\notag")
# Environments by what ziamath knows of the same look; it would number equations, and answers do not refer to them.
_ENVIRONMENTS = (
    (re.compile(r"\\(begin|end)\{equation\*?\}"), ""),
    (re.compile(r"\\begin\{(?:fl)?alignat\*?\}\{\d+\}"), r"\\begin{aligned}"),
    (re.compile(r"\\(begin|end)\{(?:(?:fl)?align(?:at)?\*?|eqnarray\*?|split)\}"), r"\\\1{aligned}"),
    (re.compile(r"\\begin\{(?:gather\*?|gathered|multline\*?)\}"), r"\\begin{array}{c}"),
    (re.compile(r"\\end\{(?:gather\*?|gathered|multline\*?)\}"), r"\\end{array}"),
)
_NUMBER = re.compile(r"-?\d+\.?\d*")
# A box of 0.84 em with its lower edge 0.162 em below the line, in ziamath's font: it keeps the place of a character.
_BOX, _BOX_WIDTH, _BOX_LEFT, _BOX_DEPTH = "□", 0.84, 0.046, 0.162
_WORDS = ("mi", "mn", "mo", "mtext", "ms")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A formula: `svg` in black-to-be (`INK`), its size in pixels around the base line, letters being `SIZE` high."""

    svg: bytes
    width: float
    ascent: float
    descent: float


def latex_of(source: str) -> tuple[str, bool]:
    """(formula without its delimiters, whether it stands in a line of text) for a formula as it was written."""
    source = source.strip()
    for opening, closing in _DELIMITERS:
        if source.startswith(opening) and source.endswith(closing) and len(source) >= len(opening + closing):
            inner = source[len(opening) : len(source) - len(closing)]
            return inner.strip(), opening in ("\\(", "$")
    return source, False


def typeset(source: str) -> Drawing | None:
    """The drawing of a formula with its delimiters; None for what cannot be drawn, or without ziamath."""
    latex, inline = latex_of(source)
    if not latex or len(latex) > LONGEST:
        return None
    try:
        return _typeset(latex, inline=inline)
    except Exception:
        # Models write what no renderer knows, and a renderer of LaTeX fails in as many ways; its source is shown then.
        return None


def _typeset(latex: str, *, inline: bool) -> Drawing | None:
    from ziamath.config import config
    from ziamath.tex import tex2mml
    from ziamath.zmath import Math

    config.svg2 = False  # Qt draws SVG 1.2 Tiny
    # Made by latex2mathml, with everything of the formula escaped.
    root = _without_namespaces(ET.fromstring(tex2mml(_known(latex), inline=inline)))  # noqa: S314
    if any("\\" in (node.text or "") for node in root.iter()):
        return None  # a command that is not known
    root.set("mathcolor", INK)
    font = Math("<math><mi>x</mi></math>").font
    foreign = _leave_places(root, lambda sign: font.glyphindex(sign) == 0)
    svg = Math(root, size=SIZE).svgxml()
    _fill_places(svg, foreign)
    _, top, width, height = map(float, svg.get("viewBox", "").split())
    return Drawing(ET.tostring(svg), width, -top, height + top)


def _known(latex: str) -> str:
    """The same formula in words that ziamath knows."""
    latex = _LABEL.sub("", _TAG.sub(r"\\qquad (\\text{\1})", latex))
    for known, replacement in _ENVIRONMENTS:
        latex = known.sub(replacement, latex)
    if "\\begin" not in latex and "\\\\" in latex:
        # Lines without an environment, which TeX would set one below the other all the same.
        return (
            f"\\begin{{aligned}}{latex}\\end{{aligned}}"
            if "&" in latex
            else f"\\begin{{array}}{{c}}{latex}\\end{{array}}"
        )
    return latex


def _without_namespaces(root: ET.Element) -> ET.Element:
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def _leave_places(root: ET.Element, is_lacking: Callable[[str], bool]) -> dict[str, str]:
    """Put a box of a colour of its own in the place of each character that is lacking. Returns colour → character."""
    places: dict[str, str] = {}
    for node in list(root.iter()):
        text = node.text or ""
        if node.tag not in _WORDS or not any(map(is_lacking, text)):
            continue
        node.tag, node.text = "mrow", None
        for part in _parts(text, is_lacking):
            child = ET.SubElement(node, "mtext")
            child.text = part
            if is_lacking(part[0]):
                color = f"#fe{len(places):04x}"
                places[color] = part
                child.text = _BOX
                child.set("mathcolor", color)
    return places


def _parts(text: str, is_lacking: Callable[[str], bool]) -> Iterator[str]:
    """`text` in pieces: each lacking character by itself."""
    begun = ""
    for sign in text:
        if is_lacking(sign):
            if begun:
                yield begun
            begun = ""
            yield sign
        else:
            begun += sign
    if begun:
        yield begun


def _fill_places(svg: ET.Element, places: dict[str, str]) -> None:
    """Write the characters where their boxes came to stand."""
    for parent in list(svg.iter()):
        for node in list(parent):
            sign = places.get(node.get("fill", ""))
            if sign is None:
                continue
            numbers = [float(n) for n in _NUMBER.findall(node.get("d", ""))]
            xs, ys = numbers[0::2], numbers[1::2]
            em = (max(xs) - min(xs)) / _BOX_WIDTH
            node.tag = "text"
            node.attrib.clear()
            node.text = sign
            node.set("x", f"{min(xs) - _BOX_LEFT * em:.3f}")
            node.set("y", f"{max(ys) - _BOX_DEPTH * em:.3f}")
            node.set("font-size", f"{em * 0.9:.3f}")
            node.set("fill", INK)
