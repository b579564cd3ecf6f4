"""When Enter ends an input, and what was meant by it."""

from __future__ import annotations

import pytest

from belle.cli.chat.line_editor import entered, goes_on


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("one line", False),
        ("a line\\", True),
        ('"""', True),
        ('  """two\nlines', True),
        ('"""two\nlines"""', False),
        ('/system """Be brief.', True),
        ('/system """Be brief."""', False),
        ('What does """ mean?', False),
        ("", False),
    ],
)
def test_enter_begins_another_line_only_where_it_is_wanted(text: str, more: bool) -> None:
    assert goes_on(text) is more


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("one line", "one line"),
        ('"""\ntwo\nlines\n"""', "two\nlines"),
        ('"""one"""', "one"),
        ('/system """two\nlines"""', "/system two\nlines"),
        ('"""doc"""\ncode\n"""more"""', '"""doc"""\ncode\n"""more"""'),
    ],
)
def test_the_quotes_are_no_part_of_the_input(text: str, meant: str) -> None:
    assert entered(text) == meant
