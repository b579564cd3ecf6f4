"""The names of the design and what they stand for, read from `assets/theme.toml`.

The file keeps to the part of TOML that Python reads as it stands: tables, and on one line each a key and a string,
number or array. Nothing can be painted before the tokens are known, and to import the standard library's reader of
the whole of TOML takes a third as long as to build the window.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Any

from belle import paths


@cache
def tokens() -> Mapping[str, Mapping[str, Any]]:
    """`assets/theme.toml`: table → key → value."""
    return read_tokens(paths.asset("theme.toml").read_text(encoding="utf-8"))


def read_tokens(text: str) -> dict[str, dict[str, Any]]:
    """Tables of `text` by name. Raises SyntaxError or ValueError for a value that is not a literal."""
    tables: dict[str, dict[str, Any]] = {}
    table: dict[str, Any] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            table = tables.setdefault(line[1 : line.index("]")], {})
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            table[key.strip()] = ast.literal_eval(value.strip())  # a comment after it is a comment in Python, too
    return tables
