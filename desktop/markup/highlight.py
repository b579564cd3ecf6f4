"""Syntax highlighting by Pygments, with the few colours of the theme that can be read on the background of code.

Lexing a long block takes many milliseconds, too many for one turn of the event loop. So `tokens` is a generator: its
caller takes as many as fit between two frames.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pygments.lexer import Lexer

_COLORS: tuple[tuple[str, str], ...] = (
    # The longest fitting prefix of the token's name decides.
    ("Comment", "ink-3"),
    ("Comment.Preproc", "warn"),
    ("Generic.Deleted", "bad"),
    ("Generic.Error", "bad"),
    ("Generic.Heading", "violet"),
    ("Generic.Inserted", "good"),
    ("Generic.Output", "ink-2"),
    ("Generic.Prompt", "ink-3"),
    ("Generic.Subheading", "violet"),
    ("Keyword", "violet"),
    ("Keyword.Constant", "warn"),
    ("Literal", "warn"),
    ("Literal.String", "good"),
    ("Literal.String.Doc", "ink-3"),
    ("Literal.String.Escape", "warn"),
    ("Literal.String.Interpol", "warn"),
    ("Name.Attribute", "warn"),
    ("Name.Builtin", "violet"),
    ("Name.Builtin.Pseudo", "ink-2"),
    ("Name.Class", "blue"),
    ("Name.Decorator", "warn"),
    ("Name.Exception", "blue"),
    ("Name.Function", "blue"),
    ("Name.Tag", "violet"),
    ("Operator", "ink-2"),
    ("Operator.Word", "violet"),
    ("Punctuation", "ink-2"),
)
_BY_NAME = dict(_COLORS)

COLOR_NAMES = frozenset(_BY_NAME.values()) | {"ink"}
"""The colour names that code uses: those of the theme, and `blue` (see `style.code_color`)."""


@lru_cache(maxsize=256)
def color_name(token: str) -> str:
    """The colour name of a Pygments token type such as `Name.Function.Magic`."""
    parts = token.removeprefix("Token.").split(".")
    for length in range(len(parts), 0, -1):
        name = _BY_NAME.get(".".join(parts[:length]))
        if name is not None:
            return name
    return "ink"


def tokens(code: str, language: str) -> Iterator[tuple[int, int, str]]:
    """(start, length, colour name) of each coloured range, in characters of `code`; none for unknown languages."""
    lexer = _lexer(language.lower())
    if lexer is None:
        return
    begin, end, name = 0, 0, "ink"
    for start, token, value in lexer.get_tokens_unprocessed(code):
        color = color_name(str(token)) if value.strip() else "ink"
        if start != end or color != name:
            if name != "ink":
                yield begin, end - begin, name
            begin, name = start, color
        end = start + len(value)
    if name != "ink":
        yield begin, end - begin, name


def ready(language: str) -> bool:
    """Whether the lexer of a language is imported; if not, this starts importing it in a thread."""
    language = language.lower()
    if language in _ready:
        return True
    if language not in _loading:
        _loading.add(language)
        threading.Thread(target=_load, args=(language,), name="lexer", daemon=True).start()
    return False


_ready: set[str] = set()
_loading: set[str] = set()


def _load(language: str) -> None:
    _lexer(language)
    _ready.add(language)


@cache
def _lexer(language: str) -> Lexer | None:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    # By default a lexer strips newlines and adds one: positions would not be those of the code.
    options: dict[str, Any] = {"stripnl": False, "ensurenl": False}
    try:
        return get_lexer_by_name(language, **options)
    except ClassNotFound:
        return None
