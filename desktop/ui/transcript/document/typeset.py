"""From LaTeX to SVG by ziamath. Characters that its font lacks (Chinese in `\\text{…}`) become SVG text in Qt's font.

ziamath is imported with the first formula, and takes some 10 ms for each, so `formulas` calls this in a thread. No Qt
in this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from desktop.markup.math_rules import LONGEST

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET

SIZE = 24.0
"""Font size of a `Drawing` in pixels; it is scaled when it is painted."""
INK = "#010203"
"""A placeholder in the SVG of a `Drawing`, to be replaced by the colour of the text."""

_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))
_TAG = re.compile(r"\\tag\*?\{([^{}]*)\}")
_LABEL = re.compile(r"\\label\{[^{}]*\}|\\nonumber|\\notag")
# Environments that ziamath does not know, or whose equations it numbers (answers do not refer to numbers), and what
# replaces them.
_ENVIRONMENTS = (
    (re.compile(r"\\(begin|end)\{equation\*?\}"), ""),
    (re.compile(r"\\begin\{(?:fl)?alignat\*?\}\{\d+\}"), r"\\begin{aligned}"),
    (re.compile(r"\\(begin|end)\{(?:(?:fl)?align(?:at)?\*?|eqnarray\*?|split)\}"), r"\\\1{aligned}"),
    (re.compile(r"\\begin\{(?:gather\*?|gathered|multline\*?)\}"), r"\\begin{array}{c}"),
    (re.compile(r"\\end\{(?:gather\*?|gathered|multline\*?)\}"), r"\\end{array}"),
)
_NUMBER = re.compile(r"-?\d+\.?\d*")
# The placeholder of a character that the font lacks, and its outline in ziamath's font (STIX Two Math), in em: the
# width, the space at its left, the depth of its lower edge below the base line.
_BOX, _BOX_WIDTH, _BOX_LEFT, _BOX_DEPTH = "□", 0.84, 0.046, 0.162
_TEXT_ELEMENTS = ("mi", "mn", "mo", "mtext", "ms")  # of MathML


@dataclass(frozen=True, slots=True)
class Drawing:
    """A formula as SVG in the placeholder colour `INK`, and its width, ascent and descent in pixels at `SIZE`."""

    svg: bytes
    width: float
    ascent: float
    descent: float


def latex_of(source: str) -> tuple[str, bool]:
    """(LaTeX without delimiters, whether it is an inline formula) of the source of a formula."""
    source = source.strip()
    for opening, closing in _DELIMITERS:
        if source.startswith(opening) and source.endswith(closing) and len(source) >= len(opening + closing):
            inner = source[len(opening) : len(source) - len(closing)]
            return inner.strip(), opening in ("\\(", "$")
    return source, False


def typeset(source: str) -> Drawing | None:
    """The drawing of a formula, given with its delimiters; None if it cannot be drawn, or ziamath is not installed."""
    latex, inline = latex_of(source)
    if not latex or len(latex) > LONGEST:
        return None
    try:
        return _typeset(latex, inline=inline)
    except Exception:
        # Models write LaTeX that no renderer accepts, and ziamath raises whatever its code runs into: KeyError,
        # IndexError, RecursionError. The source of the formula is shown then.
        return None


def _typeset(latex: str, *, inline: bool) -> Drawing | None:
    import xml.etree.ElementTree as ET

    from ziamath.config import config
    from ziamath.tex import tex2mml
    from ziamath.zmath import Math

    config.svg2 = False  # Qt renders SVG Tiny 1.2
    # This XML is made by latex2mathml, which escapes the text of the formula: no entities can get in.
    root = _without_namespaces(ET.fromstring(tex2mml(_supported(latex), inline=inline)))  # noqa: S314
    if any("\\" in (node.text or "") for node in root.iter()):
        return None  # latex2mathml leaves a command that it does not know as text
    root.set("mathcolor", INK)
    font = Math("<math><mi>x</mi></math>").font
    characters = _insert_placeholders(root, lambda char: font.glyphindex(char) == 0)  # glyph 0 is ".notdef"
    svg = Math(root, size=SIZE).svgxml()
    _replace_placeholders(svg, characters)
    # The base line is at y = 0, and y grows downwards.
    _, top, width, height = map(float, svg.get("viewBox", "").split())
    return Drawing(ET.tostring(svg), width, -top, height + top)


def _supported(latex: str) -> str:
    """The same formula in commands and environments that ziamath supports."""
    latex = _LABEL.sub("", _TAG.sub(r"\\qquad (\\text{\1})", latex))
    for pattern, replacement in _ENVIRONMENTS:
        latex = pattern.sub(replacement, latex)
    if "\\begin" not in latex and "\\\\" in latex:
        # Lines that are outside of any environment: each is a row of one.
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


def _insert_placeholders(root: ET.Element, is_lacking: Callable[[str], bool]) -> dict[str, str]:
    """Replace each character that the font lacks by a box in a colour of its own. Returns colour → character.

    ziamath makes outlines of its font only. It lays out the box, whose place and size in the SVG are then those of the
    character, and the colour tells which box stands for which.
    """
    import xml.etree.ElementTree as ET

    characters: dict[str, str] = {}
    for node in list(root.iter()):
        text = node.text or ""
        if node.tag not in _TEXT_ELEMENTS or not any(map(is_lacking, text)):
            continue
        node.tag, node.text = "mrow", None
        for part in _parts(text, is_lacking):
            child = ET.SubElement(node, "mtext")
            child.text = part
            if is_lacking(part[0]):
                color = f"#fe{len(characters):04x}"
                characters[color] = part
                child.text = _BOX
                child.set("mathcolor", color)
    return characters


def _parts(text: str, is_lacking: Callable[[str], bool]) -> Iterator[str]:
    """`text` in parts: each character that the font lacks, and the runs between them."""
    run = ""
    for char in text:
        if is_lacking(char):
            if run:
                yield run
            run = ""
            yield char
        else:
            run += char
    if run:
        yield run


def _replace_placeholders(svg: ET.Element, characters: dict[str, str]) -> None:
    """Replace the outline of each box by its character as SVG text, of the same size and on the same base line."""
    for parent in list(svg.iter()):
        for node in list(parent):
            char = characters.get(node.get("fill", ""))
            if char is None:
                continue
            # The path of a box has absolute coordinates only: x, y, x, y, …
            numbers = [float(n) for n in _NUMBER.findall(node.get("d", ""))]
            xs, ys = numbers[0::2], numbers[1::2]
            em = (max(xs) - min(xs)) / _BOX_WIDTH
            node.tag = "text"
            node.attrib.clear()
            node.text = char
            node.set("x", f"{min(xs) - _BOX_LEFT * em:.3f}")
            node.set("y", f"{max(ys) - _BOX_DEPTH * em:.3f}")
            node.set("font-size", f"{em * 0.9:.3f}")
            node.set("fill", INK)
