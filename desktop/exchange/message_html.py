"""The Markdown of a message as HTML. What a model wrote is hostile: nothing of it runs, loads or leaves its place.

Raw HTML is shown as text, an image as its description and address, and only web and mail addresses are links. Formulas
stay as they were written. The classes `c-…` of code are the colours of the page.
"""

from __future__ import annotations

import html
import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from desktop.markup.highlight import tokens
from desktop.markup.math_rules import add_math

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

_OPENABLE = re.compile(r"(?:https?|mailto):", re.IGNORECASE)
_LONGEST_COLOURED = 200_000
"""Characters of a block of code that is coloured."""
_MAX_NESTING = 40

_Environment = MutableMapping[str, Any]


def message_html(text: str) -> str:
    """The HTML of a message's Markdown."""
    return str(_parser().render(text.replace("\0", "\ufffd")))


def code_html(code: str, language: str) -> str:
    """The inside of a `<pre>`, with the colours of the language where it is known."""
    if len(code) > _LONGEST_COLOURED or not language:
        return html.escape(code)
    parts, at = [], 0
    for start, length, color in tokens(code, language):
        parts.append(html.escape(code[at:start]))
        parts.append(f'<span class="c-{color}">{html.escape(code[start : start + length])}</span>')
        at = start + length
    return "".join([*parts, html.escape(code[at:])])


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": _MAX_NESTING})
    parser.enable(["table", "strikethrough"])
    add_math(parser)
    parser.validateLink = _may_open  # type: ignore[method-assign,assignment]
    for name, rule in (
        ("image", _image),
        ("fence", _code),
        ("code_block", _code),
        ("math_inline", _formula),
        ("math_block", _formula),
        ("link_open", _link),
        ("th_open", _cell),
        ("td_open", _cell),
        ("table_open", _table),
        ("table_close", _table),
    ):
        parser.add_render_rule(name, rule)
    return parser


def _may_open(_url: str) -> bool:
    """Every address is parsed; `_link` and `_image` decide what becomes of it."""
    return True


def _image(
    self: RendererHTML, all_tokens: Sequence[Token], index: int, _options: OptionsDict, _env: _Environment
) -> str:
    del self
    token = all_tokens[index]
    address = str(token.attrGet("src") or "")
    return html.escape(f"{token.content} ({address})" if token.content else f"({address})")


def _code(
    self: RendererHTML, all_tokens: Sequence[Token], index: int, _options: OptionsDict, _env: _Environment
) -> str:
    del self
    token = all_tokens[index]
    language = token.info.split()[0].strip("{}.") if token.info.strip() else ""
    label = f'<span class="language">{html.escape(language)}</span>' if language else ""
    inside = code_html(token.content.removesuffix("\n"), language)
    return f"<figure>{label}<pre><code>{inside}</code></pre></figure>\n"


def _formula(
    self: RendererHTML, all_tokens: Sequence[Token], index: int, _options: OptionsDict, _env: _Environment
) -> str:
    del self
    token = all_tokens[index]
    tag = "div" if token.type == "math_block" else "span"
    return f'<{tag} class="formula">{html.escape(token.content)}</{tag}>'


def _link(self: RendererHTML, all_tokens: Sequence[Token], index: int, options: OptionsDict, env: _Environment) -> str:
    token = all_tokens[index]
    if not _OPENABLE.match(str(token.attrGet("href") or "")):
        token.attrs.pop("href", None)
    token.attrs.pop("title", None)
    token.attrSet("rel", "noreferrer noopener")
    return self.renderToken(all_tokens, index, options, env)


def _cell(self: RendererHTML, all_tokens: Sequence[Token], index: int, options: OptionsDict, env: _Environment) -> str:
    # The parser writes a style attribute, which the page's policy refuses.
    token = all_tokens[index]
    align = str(token.attrs.pop("style", "")).removeprefix("text-align:")
    if align in ("center", "right"):
        token.attrSet("class", align)
    return self.renderToken(all_tokens, index, options, env)


def _table(self: RendererHTML, all_tokens: Sequence[Token], index: int, options: OptionsDict, env: _Environment) -> str:
    tag = self.renderToken(all_tokens, index, options, env)
    return f'<div class="scroll">{tag}' if all_tokens[index].nesting > 0 else f"{tag}</div>"
