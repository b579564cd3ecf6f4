"""A name for a block of code that is saved as a file, from the language that its fence names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer

_STEM = "code"
_PLAIN = f"{_STEM}.txt"
_SUFFIX = re.compile(r"\*(\.\w+)")
_NAME = re.compile(r"\w+(\.\w+)*")
_LONGEST_SUFFIX = 5
"""Letters of a language that Pygments does not know, and that is taken for a suffix: csv, svg, jsonc."""
_SUFFIXES = {"plain": ".txt", "mysql": ".sql", "postgres": ".sql", "postgresql": ".sql", "plpgsql": ".sql"}
"""Where Pygments knows no file name, and the language is no suffix."""


def file_name(language: str) -> str:
    """A name such as `code.py` or `Makefile` for code in `language`; `code.txt` where the language says nothing.

    The language comes from a model, so it may be anything: the result holds letters, digits, `_` and `.` alone.
    """
    language = language.lower()
    if language in _SUFFIXES:
        return f"{_STEM}{_SUFFIXES[language]}"
    lexer = _lexer(language)
    if lexer is None:
        is_suffix = re.fullmatch(rf"[a-z0-9]{{1,{_LONGEST_SUFFIX}}}", language)
        return f"{_STEM}.{language}" if is_suffix else _PLAIN
    return _name_of(language, lexer)


def _name_of(language: str, lexer: type[Lexer]) -> str:
    """The name of files that are always called the same (`Makefile`), else one with the usual suffix.

    A language that is one of several under a lexer, such as zsh under bash, has the suffix of its own name.
    """
    names = [pattern for pattern in lexer.filenames if _NAME.fullmatch(pattern)]
    suffixes = [match[1] for pattern in lexer.filenames if (match := _SUFFIX.fullmatch(pattern))]
    fixed = [name for name in names if name[0].isupper() and name.lower().startswith(language)]
    if fixed:
        return fixed[0]
    if not suffixes:
        return names[0] if names else _PLAIN
    own = [suffix for suffix in suffixes if suffix[1:].lower() == language != lexer.aliases[0]]
    return _STEM + (own or suffixes)[0]


def _lexer(language: str) -> type[Lexer] | None:
    """The lexer of Pygments, which knows the names of files; None for an unknown language."""
    from pygments.lexers import find_lexer_class_by_name
    from pygments.util import ClassNotFound

    try:
        lexer: type[Lexer] = find_lexer_class_by_name(language)
    except ClassNotFound:
        return None
    return lexer
