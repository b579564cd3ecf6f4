"""Oniguruma's splitting expressions as Python regular expressions."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from convert.tokenizers.unicode_regex import compile_regex


@pytest.mark.parametrize("category", ["L", "Lu", "M", "N", "P", "S", "Zs", "Cf"])
def test_a_category_is_exactly_what_the_unicode_database_says(category: str) -> None:
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    found = compile_regex(rf"\p{{{category}}}").findall("".join(every))
    assert found == [character for character in every if unicodedata.category(character).startswith(category)]


@pytest.mark.parametrize("category", ["C", "Cn", "Co", "Xy"])
def test_a_category_without_a_limit_is_refused(category: str) -> None:
    with pytest.raises(ValueError, match="not a Unicode category"):
        compile_regex(rf"\p{{{category}}}")
