"""The budget of a model file's template, and versions of Jinja's operations that keep to it.

A template is an untrusted program, and Jinja's sandbox only prevents access to Python: it may still loop for hours or
build a string of the size of the memory. Here every value that a template makes is measured, every step costs units of
a budget, and the size of a result that can exceed its parts (repetition, replacement, joining, padding) is computed in
advance.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
from contextvars import ContextVar
from functools import wraps
from typing import Any, cast

from jinja2 import Environment, Undefined
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.tests import TESTS

SECONDS = 5.0
MAX_ITEMS = 100_000
MAX_INT_BITS = 1024
_STEP = 4  # units of the budget for one operation of the template
_CHARS_PER_UNIT = 16  # characters that are copied
_COMPARED_PER_UNIT = 1024  # characters that are compared
_CONTAINERS = (list, tuple, set, frozenset, ItemsView, KeysView, ValuesView)
_DATA = (str, int, float, type(None), Undefined, dict, range, Iterator, *_CONTAINERS)


class TooMuchError(Exception):
    """A template needs more than its budget, or an operation whose cost cannot be bounded."""


class Budget:
    """The units that are left for one compilation or one rendering.

    Args:
        input_chars: characters of the conversation; a longer one has a larger budget.
    """

    def __init__(self, input_chars: int = 0) -> None:
        self.longest = 1_000_000 + 4 * input_chars
        self._units = 4_000_000 + 64 * input_chars
        self._deadline = time.monotonic() + SECONDS

    def spend(self, units: int = 0) -> None:
        """Take one step and `units` more off the budget. Raises TooMuchError."""
        self._units -= units + _STEP
        if self._units < 0 or time.monotonic() > self._deadline:
            raise TooMuchError("it takes too long")

    def check(self, length: int) -> None:
        """Raises TooMuchError when `length` characters are too many for a value."""
        if length > self.longest:
            raise TooMuchError("it makes too long a text")

    def weigh(self, value: Any) -> int:
        """About the length of `value` as text; costs units for visiting it. Raises TooMuchError.

        A value that is referred to several times counts as often, because it would be written as often: a list that
        holds the list before it twice, thirty levels deep, is refused before anything walks through all of it.
        """
        nodes = length = 0
        todo = [value]
        while todo:
            item = todo.pop()
            nodes += 1
            if isinstance(item, str):
                length += len(item)
            elif isinstance(item, dict):
                todo.extend(item.keys())
                todo.extend(item.values())
            elif isinstance(item, _CONTAINERS):
                todo.extend(item)
            elif isinstance(item, int) and item.bit_length() > MAX_INT_BITS:
                raise TooMuchError("it computes with too large a number")
            if nodes + len(todo) > MAX_ITEMS:
                raise TooMuchError("it makes too long a list")
        self.check(length)
        self.spend(nodes + length // _CHARS_PER_UNIT)
        return max(nodes, length)


current: ContextVar[Budget] = ContextVar("current")


def metered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter, test or global function so that its arguments and result are weighed."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        budget = current.get()
        for value in (*args, *kwargs.values()):
            if not isinstance(value, Context | EvalContext | Environment):
                budget.weigh(value)
        result = function(*args, **kwargs)
        budget.weigh(result)
        return result

    return call


def cheap(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter or test that neither walks through its value nor makes a new one."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        current.get().spend()
        return function(*args, **kwargs)

    return call


def of_text(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter or test that takes its first argument as text."""

    @metered
    @wraps(function)
    def call(value: Any, *args: Any, **kwargs: Any) -> Any:
        return function(text_of(value), *args, **kwargs)

    return call


def text_of(value: Any) -> str:
    """`value` as the template writes it into the prompt.

    Raises TooMuchError for lists that hold a namespace: `weigh` does not look into it, and it may hold lists again.
    """
    current.get().weigh(value)
    if isinstance(value, str):
        return str(value)
    todo = [value]
    while todo:
        item = todo.pop()
        if not isinstance(item, _DATA):
            raise TooMuchError(f"it treats a {type(item).__name__.lstrip('_')} as text")
        if isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, _CONTAINERS):
            todo.extend(item)
    return str(value)


def each(values: Iterable[Any]) -> Iterator[Any]:
    """The items of a loop; each costs a step."""
    budget = current.get()
    for value in values:
        budget.spend()
        yield value


def concat(parts: Iterable[str]) -> str:
    """Join the parts, if the result is not too long."""
    budget = current.get()
    texts = list(parts)
    length = sum(map(len, texts))
    budget.check(length)
    budget.spend(len(texts) + length // _CHARS_PER_UNIT)
    return "".join(texts)


def replace(text: str, old: str, new: str, count: int = -1) -> str:
    """`str.replace`, with the length computed in advance."""
    n = text.count(old) if count is None or count < 0 else min(count, text.count(old))
    current.get().check(len(text) + n * max(0, len(new) - len(old)))
    return text.replace(old, new, -1 if count is None else count)


def join(separator: str, values: Iterable[Any]) -> str:
    """`str.join`, with the length computed in advance."""
    texts = list(each(values))
    current.get().check(sum(len(t) for t in texts if isinstance(t, str)) + len(separator) * len(texts))
    return separator.join(texts)


def split(method: Callable[..., list[str]], text: str, *args: Any, **kwargs: Any) -> list[str]:
    """`str.split`, `str.rsplit`, `str.splitlines`, with the number of parts estimated in advance."""
    separator = args[0] if args else kwargs.get("sep")
    parts = text.count(separator) if isinstance(separator, str) and separator else len(text) // 2
    if method.__name__ == "rsplit" and isinstance(separator, str):
        current.get().spend(len(text) * len(separator) // _COMPARED_PER_UNIT)
    if parts > MAX_ITEMS:
        raise TooMuchError("it makes too long a list")
    return method(*args, **kwargs)


def search_backwards(method: Callable[..., Any], text: str, wanted: str, *args: Any) -> Any:
    """`str.rfind`, `rindex`, `rpartition`: Python's backward search compares at every position, length × length."""
    current.get().spend(len(text) * len(wanted) // _COMPARED_PER_UNIT)
    return method(wanted, *args)


def strip(method: Callable[..., str], chars: str | None = None) -> str:
    """`str.strip`, `lstrip`, `rstrip`, with few characters: each position is compared with all of them."""
    if chars is not None and len(chars) > 256:
        raise TooMuchError("it strips too many different characters")
    return method(chars)


# A width or precision has at most three digits, and must not come from the values (`*`).
_SPECIFICATION = re.compile(
    r"%(?:\((?P<key>[^()]*)\))?(?P<form>[#0\- +]*\d{0,3}(?:\.\d{0,3})?)[hlL]?(?P<kind>[diouxXeEfFgGcrsa%])"
)
_LONGEST_ESCAPE = len("\\U0001f600")


def percent_format(text: str, values: Any) -> str:
    """`text % values`, one specification at a time, so that a too long result is noticed before it is complete."""
    waiting = list(values) if isinstance(values, tuple) else [values]
    named = isinstance(values, dict)
    parts: list[str] = []
    length = position = 0
    while (start := text.find("%", position)) >= 0:
        match = _SPECIFICATION.match(text, start)
        if match is None:
            raise TooMuchError(f"it formats text by {text[start : start + 20]!r}")
        parts.append(text[position:start])
        if match["kind"] == "%":
            parts.append("%")
        elif match["key"] is not None:
            parts.append(_formatted(match, values[match["key"]]))
        elif waiting:
            parts.append(_formatted(match, waiting.pop(0)))
            named = False
        else:
            raise TypeError("not enough arguments for format string")
        position = match.end()
        length += len(parts[-2]) + len(parts[-1])
        current.get().check(length)
        current.get().spend(len(parts[-1]) // _CHARS_PER_UNIT)
    if waiting and not named:
        raise TypeError("not all arguments converted during string formatting")
    return concat([*parts, text[position:]])


def _formatted(specification: re.Match[str], value: Any) -> str:
    kind = specification["kind"]
    if kind in "sra":
        written = text_of(value)
        if kind != "s":
            current.get().check(_LONGEST_ESCAPE * len(written))
            written = ascii(value) if kind == "a" else repr(value)
        kind, value = "s", written
    return str(f"%{specification['form']}{kind}" % (value,))


def _filter_join(value: Iterable[Any], d: str = "") -> str:
    return join(text_of(d), (text_of(v) for v in value))


def _filter_format(value: str, *args: Any, **kwargs: Any) -> str:
    return percent_format(value, kwargs or args)


def _filter_indent(s: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    if (len(width) if isinstance(width, str) else width) > 64:
        raise TooMuchError("it indents text by too much")
    pad = width if isinstance(width, str) else " " * width
    current.get().check(len(s) + len(pad) * (s.count("\n") + 1))
    head, *lines = s.split("\n")
    return "\n".join([(pad if first else "") + head, *(pad + x if blank or x.strip() else x for x in lines)])


def _filter_replace(s: str, old: Any, new: Any, count: int | None = None) -> str:
    return replace(s, text_of(old), text_of(new), -1 if count is None else count)


def _filter_trim(value: str, chars: str | None = None) -> str:
    return strip(value.strip, chars)


def _filter_tojson(
    x: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    if indent is not None and indent > 16:
        raise TooMuchError("it indents JSON by too much")
    budget = current.get()
    coder = json.JSONEncoder(ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    parts: list[str] = []
    length = 0
    for part in coder.iterencode(x):
        length += len(part)
        budget.check(length)
        budget.spend(len(part) // _CHARS_PER_UNIT)
        parts.append(part)
    return "".join(parts)


def _short(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a filter that would turn a long text into a list of its characters."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(value, str) and len(value) > MAX_ITEMS for value in args):
            raise TooMuchError("it makes too long a list")
        return function(*args, **kwargs)

    return call


_FILTERS = cast(dict[str, Callable[..., Any]], FILTERS)
_TESTS = cast(dict[str, Callable[..., Any]], TESTS)
_CHEAP = "count d default first items last length"
_OF_VALUES = "abs dictsort float int"
_OF_LISTS = "groupby list map max min reject rejectattr reverse select selectattr sort unique"
_OF_TEXT = "capitalize e escape lower safe string title upper"
_CHEAP_TESTS = (
    "boolean callable defined false float integer iterable mapping none number sequence string true undefined"
)

SAFE_FILTERS: dict[str, Callable[..., Any]] = {
    **{name: cheap(_FILTERS[name]) for name in _CHEAP.split()},
    **{name: metered(_FILTERS[name]) for name in _OF_VALUES.split()},
    **{name: metered(_short(_FILTERS[name])) for name in _OF_LISTS.split()},
    **{name: of_text(_FILTERS[name]) for name in _OF_TEXT.split()},
    "format": of_text(_filter_format),
    "indent": of_text(_filter_indent),
    "join": metered(_filter_join),
    "replace": of_text(_filter_replace),
    "tojson": metered(_filter_tojson),
    "trim": of_text(_filter_trim),
}
SAFE_TESTS: dict[str, Callable[..., Any]] = {
    **{name: metered(function) for name, function in _TESTS.items()},
    **{name: cheap(_TESTS[name]) for name in _CHEAP_TESTS.split()},
    **{name: of_text(_TESTS[name]) for name in ("lower", "upper")},
}
