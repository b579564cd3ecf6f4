"""Formulas in Markdown: `\\(…\\)`, `\\[…\\]`, `$…$`, `$$…$$`, LaTeX's environments, as rules of markdown-it-py.

They run before the rules that would take backslashes, stars and underscores for Markdown. `$…$` is a formula only where
it cannot be money or prose: no space follows the first `$`, no space stands before the last and no digit behind it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline

LONGEST = 4000
"""Characters of the longest formula; what is longer is text. It bounds every search for a closing delimiter."""

_CLOSING = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
# `$…$` within a line. No ASCII letter or digit may follow it directly, but a Chinese character may.
_DOLLAR = re.compile(r"\$(?=[^\s$])(?:\\.|[^\\$`\n])*(?<!\s)\$(?![0-9A-Za-z$])", re.ASCII)
# What stands between the `$` of two amounts: a number, then Chinese text or a word ("5 million for Bob's 3").
_MONEY = re.compile(r"\d[\d.,]*\s*(?:.*[\u3000-\u9fff\uff00-\uffef]|\D*(?<!\\)\b[A-Za-z]{2,})", re.DOTALL)
_MATH_CHARS = re.compile(r"[\\^_=+<>{}|*/\d-]")
_TWO_WORDS = re.compile(r"[^\W\d_]{2,}\s(?:.*\s)?[^\W\d_]{2,}", re.DOTALL)
_ENVIRONMENT = re.compile(
    r"\\begin\{((?:equation|align|aligned|gather|gathered|multline|eqnarray|cases|array|split|[pbvBV]?matrix)\*?)\}"
)
# All that may follow a display formula in its last line.
_AFTER = re.compile(r"[ \t]*[.,;:。，；]?[ \t]*")


def add_math(parser: MarkdownIt) -> None:
    """Add rules to a parser that give `math_inline` and `math_block` tokens; `content` is the source with delimiters.

    `meta["open"]` of a block is true when the text ends before its closing delimiter.
    """
    # Before `escape`, which takes the backslash of `\(`; before `code`, because a formula may be indented by four or
    # more spaces. `alt` names the blocks that a formula may interrupt.
    parser.inline.ruler.before("escape", "math", _inline)
    parser.block.ruler.before("code", "math", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def may_be_open(text: str) -> bool:
    """Whether this text of a paragraph may contain the beginning of a formula that ends in a later line."""
    return "\\(" in text or "\\[" in text or "$$" in text


def _inline(state: StateInline, silent: bool) -> bool:
    char = state.src[state.pos]
    if char not in "\\$":
        return False
    opening = state.src[state.pos : state.pos + 2]
    if opening in _CLOSING:
        end = _end(state.src, state.pos, state.posMax, opening)
    else:
        end = _end_of_dollar(state.src, state.pos, state.posMax) if char == "$" else None
    if end is None:
        if opening not in ("\\(", "\\["):
            return False
        # Still open, so its end may arrive later. The rule `escape` would remove the backslash now, and the text that
        # is already shown would change when the formula is complete: keep the backslash.
        if _CLOSING[opening] in state.src[state.pos : state.pos + LONGEST]:
            return False
        content = opening
    else:
        content = state.src[state.pos : end]
    if not silent:
        if end is None:
            state.pending += content
        else:
            state.push("math_inline", "", 0).content = content
    state.pos += len(content)
    return True


def _end(text: str, begin: int, limit: int, opening: str) -> int | None:
    closing = _CLOSING[opening]
    at = text.find(closing, begin + 2, min(limit, begin + LONGEST))
    # The backslash before it belongs to a line break of LaTeX: `\\)` closes nothing.
    while at > 0 and text[at - 1] == "\\" and closing[0] == "\\":
        at = text.find(closing, at + 1, min(limit, begin + LONGEST))
    content = text[begin + 2 : at]
    if at < 0 or not content.strip() or _is_prose(content):
        return None
    if opening == "\\[" and content.strip().isdigit():
        return None  # `\[1\]` is an escaped footnote number
    return at + 2


def _end_of_dollar(text: str, begin: int, limit: int) -> int | None:
    if begin and (text[begin - 1] == "$" or (text[begin - 1].isascii() and text[begin - 1].isalnum())):
        return None
    match = _DOLLAR.match(text, begin, min(limit, begin + LONGEST))
    if not match or len(match[0]) < 3:
        return None
    content = match[0][1:-1]
    # The pattern's lookahead knows only ASCII digits, and sees nothing behind the end of the search.
    if _MONEY.match(content) or _is_prose(content) or text[match.end() : match.end() + 1].isdigit():
        return None
    return match.end()


def _is_prose(content: str) -> bool:
    """Whether this is words of a sentence: two of them, and no character of mathematics."""
    return not _MATH_CHARS.search(content) and _TWO_WORDS.search(content) is not None


def _block(state: StateBlock, begin: int, limit: int, silent: bool) -> bool:
    first = _line(state, begin)
    environment = _ENVIRONMENT.match(first)
    opening = environment[0] if environment else first[:2]
    closing = f"\\end{{{environment[1]}}}" if environment else _CLOSING.get(opening, "")
    if not closing or opening == "\\(":
        return False
    after, is_open = _lines_to(state, begin, limit, opening, closing)
    if after is None:
        return False
    content = state.getLines(begin, after, state.blkIndent, False).strip("\n")
    if not is_open and not content.strip()[len(opening) : -len(closing)].strip():
        return False
    if not silent:
        token = state.push("math_block", "", 0)
        token.content, token.map, token.meta = content, [begin, after], {"open": is_open}
        state.line = after
    return True


def _lines_to(state: StateBlock, begin: int, limit: int, opening: str, closing: str) -> tuple[int | None, bool]:
    """(line after the block that begins in line `begin`, or None; whether the text ends before the block does)."""
    line, searched = begin, _line(state, begin)[len(opening) :]
    while (at := searched.find(closing)) < 0:
        line += 1
        if line >= limit:
            # `limit` is the end of the text or only of the container (list item, quote) around the formula.
            return (line, True) if line >= len(state.bMarks) - 1 else (None, False)
        searched = _line(state, line)
        if not searched or state.sCount[line] < state.blkIndent:
            return None, False
    return (line + 1, False) if _AFTER.fullmatch(searched, at + len(closing)) else (None, False)


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()
