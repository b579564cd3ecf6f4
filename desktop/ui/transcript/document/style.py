"""The formats of blocks: fonts, colours, margins and line heights of a message, made from the theme.

All sizes are in device-independent pixels, zoomed. Lines have fixed heights (1.65 of the font size, 1.75 where the text
is mostly Chinese), because a line with code, an emoji or a Chinese word would otherwise be taller than its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QTextBlockFormat, QTextCharFormat, QTextOption

from desktop.ui.style.theme import Theme
from desktop.ui.transcript.markdown.blocks import (
    Block,
    Code,
    Container,
    Formula,
    Line,
    Span,
    ThematicBreak,
    is_right_to_left,
)

_HEADINGS = {1: 20, 2: 18, 3: 16}
_INDENT = {"quote": 16, "item": 24}
_MAX_INDENTS = 8
"""Containers beyond this depth are not indented further, to leave room for the text."""

CODE_HEADER = 34
CODE_PAD = 12
CODE_LINE = 1.5

_CHINESE_SHARE = 0.3


def mostly_chinese(text: str) -> bool:
    """Whether more than 30 % of the letters at the beginning of `text` are Chinese characters."""
    letters = [c for c in text[:400] if c.isalpha()]
    return sum("\u3400" <= c <= "\u9fff" for c in letters) > _CHINESE_SHARE * len(letters)


@dataclass(slots=True)
class Style:
    """The formats of one message; replaced when the theme changes. `chinese`: its text is mostly Chinese."""

    theme: Theme
    chinese: bool
    _char_formats: dict[tuple[Span, int, bool, bool], QTextCharFormat] = field(default_factory=dict)
    _color_formats: dict[str, QTextCharFormat] = field(default_factory=dict)

    @property
    def line_height(self) -> float:
        """Height of a line of body text."""
        return self.theme.font_size("body") * (1.75 if self.chinese else 1.65)

    @property
    def code_line_height(self) -> float:
        """Height of a line of code."""
        return self.theme.font_size("code") * CODE_LINE

    def indent(self, containers: tuple[Container, ...]) -> int:
        """The left edge of a block in `containers`."""
        return self.theme.px(sum(_INDENT[c] for c in containers[:_MAX_INDENTS]))

    def gap(self, before: Block | None, block: Block) -> int:
        """The margin above a block."""
        return 0 if before is None else self.theme.px(_gap(before, block))

    def line_format(self, before: Block | None, line: Line) -> QTextBlockFormat:
        """The paragraph format of a line of text."""
        block_format = QTextBlockFormat()
        size = _HEADINGS.get(line.heading, 0)
        height = self.theme.px(size) * 1.4 if size else self.line_height
        _fix_height(block_format, height, at_least=any(span.math for span in line.spans))
        block_format.setTopMargin(self.gap(before, line))
        if is_right_to_left(line.spans):
            block_format.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
            block_format.setRightMargin(self.indent(line.containers))
        else:
            block_format.setLeftMargin(self.indent(line.containers))
        if line.marker:
            # A hanging indent: the first line begins further left, and the tab behind the marker ends where the others
            # begin. Wider markers ("1000.") take the next tab stop.
            numbered = line.marker.endswith(".")
            hang = self.theme.px(22 if numbered else 18)
            if marker_gap(line) != TAB:
                # Without tab stops the indent is what the marker takes, at most.
                marker_width = QFontMetricsF(self.theme.font_body).horizontalAdvance(line.marker + marker_gap(line))
                hang = min(hang, round(marker_width))
            block_format.setTextIndent(-hang)
            stops = [QTextOption.Tab(hang + self.theme.px(10) * n, QTextOption.TabType.LeftTab) for n in range(8)]
            block_format.setTabPositions(stops)
        if line.heading:
            block_format.setHeadingLevel(line.heading)
        return block_format

    def code_format(self, before: Block | None, code: Code, *, first: bool) -> QTextBlockFormat:
        """The paragraph format of a line of a code block: not wrapped, and from left to right as in every editor."""
        block_format = QTextBlockFormat()
        _fix_height(block_format, self.code_line_height)
        block_format.setNonBreakableLines(True)
        block_format.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        block_format.setLeftMargin(self.indent(code.containers) + self.theme.px(CODE_PAD))
        block_format.setRightMargin(self.theme.px(CODE_PAD))
        if first:
            block_format.setTopMargin(self.gap(before, code) + self.theme.px(CODE_HEADER))
        return block_format

    def formula_format(self, before: Block | None, formula: Formula) -> QTextBlockFormat:
        """The paragraph format of a display formula: centred."""
        block_format = QTextBlockFormat()
        _fix_height(block_format, self.line_height, at_least=True)
        block_format.setTopMargin(self.gap(before, formula))
        block_format.setLeftMargin(self.indent(formula.containers))
        block_format.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        return block_format

    def rule_format(self, before: Block | None, rule: ThematicBreak) -> QTextBlockFormat:
        """The paragraph format of a horizontal rule: an empty line of one pixel, which is painted over."""
        block_format = self.thin_format()
        block_format.setTopMargin(self.gap(before, rule))
        return block_format

    def thin_format(self) -> QTextBlockFormat:
        """An empty line of one pixel: a QTextDocument always has a text block before and behind a table."""
        block_format = QTextBlockFormat()
        _fix_height(block_format, 1)
        return block_format

    def cell_format(self, align: str, spans: Sequence[Span]) -> QTextBlockFormat:
        """The paragraph format of `spans` in a cell of a table."""
        block_format = QTextBlockFormat()
        _fix_height(block_format, self.theme.font_size("body") * 1.5, at_least=any(span.math for span in spans))
        block_format.setAlignment(_ALIGN[align])
        return block_format

    def char_format(self, span: Span, heading: int = 0, *, quiet: bool = False, pill: bool = False) -> QTextCharFormat:
        """The format of a run of text. `quiet`: in ink-2, for quotes; `pill`: code has a background, for tables."""
        key = (replace(span, text=""), heading, quiet, pill)
        char_format = self._char_formats.get(key)
        if char_format is None:
            char_format = self._make(span, heading, quiet=quiet, pill=pill)
            if not span.link:  # the cache would grow with every address
                self._char_formats[key] = char_format
        return char_format

    def code_char_format(self) -> QTextCharFormat:
        """The format of a block of code, before it is coloured."""
        char_format = QTextCharFormat()
        char_format.setFont(self.theme.font_code)
        char_format.setForeground(self.theme.color("ink"))
        return char_format

    def code_color_format(self, name: str) -> QTextCharFormat:
        """The format that colours a word of code: the colour only, so that the layout stays as it is."""
        char_format = self._color_formats.get(name)
        if char_format is None:
            char_format = self._color_formats[name] = QTextCharFormat()
            char_format.setForeground(code_color(self.theme, name))
        return char_format

    def thin_char_format(self) -> QTextCharFormat:
        """The character format for `thin_format`, whose font is no higher than its line."""
        char_format = QTextCharFormat()
        font = QFont(self.theme.font_body)
        font.setPixelSize(1)
        char_format.setFont(font)
        return char_format

    def marker_format(self) -> QTextCharFormat:
        """The format of bullets and numbers."""
        char_format = QTextCharFormat()
        char_format.setFont(self.theme.font_body)
        char_format.setForeground(self.theme.color("ink-2"))
        return char_format

    def _make(self, span: Span, heading: int, *, quiet: bool, pill: bool) -> QTextCharFormat:
        theme = self.theme
        font = QFont(theme.font_code if span.code or span.math else theme.font_body)
        if heading:
            size = theme.px(_HEADINGS.get(heading, 15))
            font.setPixelSize(size - 1 if span.code or span.math else size)
        if heading or span.bold:
            font.setWeight(QFont.Weight.DemiBold)
        font.setItalic(span.italic)
        font.setStrikeOut(span.strike)
        char_format = QTextCharFormat()
        char_format.setFont(font)
        char_format.setForeground(theme.color("ink-2" if quiet else "ink"))
        if span.math or (span.code and pill):
            char_format.setBackground(theme.color("hover"))
        if span.link:
            char_format.setAnchor(True)
            char_format.setAnchorHref(span.link)
            char_format.setForeground(theme.color("violet"))
            char_format.setFontUnderline(True)
            char_format.setUnderlineColor(_faint(theme.color("violet")))
        return char_format


TAB, _SPACE = "\t", "\u2002"


def marker_gap(line: Line) -> str:
    """The character between a marker and its text: a tab; from right to left, where Qt ignores tab stops, a space."""
    return _SPACE if is_right_to_left(line.spans) else TAB


_ALIGN = {
    "left": Qt.AlignmentFlag.AlignLeft,
    "center": Qt.AlignmentFlag.AlignHCenter,
    "right": Qt.AlignmentFlag.AlignRight,
}


def _fix_height(block_format: QTextBlockFormat, height: float, *, at_least: bool = False) -> None:
    """Give lines this height; with `at_least`, a line with a higher formula is higher."""
    kinds = QTextBlockFormat.LineHeightTypes
    block_format.setLineHeight(height, (kinds.MinimumHeight if at_least else kinds.FixedHeight).value)


def _faint(color: QColor) -> QColor:
    color.setAlphaF(0.45)
    return color


def _gap(before: Block, block: Block) -> int:
    """The margin between two blocks, in pixels at 100 % zoom."""
    below_code = CODE_PAD if isinstance(before, Code) else 0
    if isinstance(before, ThematicBreak) or isinstance(block, ThematicBreak):
        return 20 + below_code
    if not isinstance(block, Line):
        return 12 + below_code
    if block.heading:
        return below_code + (24 if block.heading <= 2 else 16)
    if isinstance(before, Line):
        return _line_gap(before, block)
    return 12 + below_code


def _line_gap(before: Line, line: Line) -> int:
    if not line.opens:
        return 0
    if before.heading:
        return 6
    if "item" in line.containers and before.containers:
        return 4 if line.marker else 8
    return 8 if line.marker else 12


def code_color(theme: Theme, name: str) -> QColor:
    """A colour of `highlight.COLOR_NAMES`: one of the theme's, or `blue`, which is made from the theme's violet."""
    if name != "blue":
        return theme.color(name)
    # Violet with another hue, then lighter or darker step by step until it can be read on the background.
    color, background = theme.color("violet"), theme.color("code")
    hue, saturation, lightness = color.hslHueF(), color.hslSaturationF(), color.lightnessF()
    step = -0.02 if background.lightnessF() > 0.5 else 0.02
    while True:
        blue = QColor.fromHslF((hue - 0.11) % 1, saturation, min(1.0, max(0.0, lightness)))
        if contrast(blue, background) >= _READABLE:
            return blue
        lightness += step


_READABLE = 4.6
"""A contrast ratio a little above the 4.5 that WCAG 2 demands of text (success criterion 1.4.3)."""


def contrast(one: QColor, other: QColor) -> float:
    """The contrast ratio of two colours, 1…21 (WCAG 2.2, "contrast ratio" and "relative luminance")."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: QColor) -> float:
    rgb = (color.redF(), color.greenF(), color.blueF())
    # WCAG says 0.03928 in place of sRGB's 0.04045; with 8 bits per channel both give the same.
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return float(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])
