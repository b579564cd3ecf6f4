"""The reader of YAML that was not written by this process: plain data within limits; see `belle.documents`.

A document is first composed into a graph of nodes, in which an alias is an edge to the node that it names. The graph is
checked (no cycles, not too deep, not too large with all aliases expanded, no key twice), and only then converted to
values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.constructor import ConstructorError, SafeConstructor

from belle.documents import DEEPEST, MOST_DIGITS, DocumentError, read_document
from belle.texts import short_repr

LONGEST_YAML = 256 << 10
"""Bytes; PyYAML reads that in a second or two. Recipes have a few kilobytes."""

MOST_YAML_NODES = 100_000
"""Values of a YAML document with all aliases expanded: ten levels of ten aliases each (“billion laughs”) are 10¹⁰."""

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_NUMBERS = (f"{_TAG}int", f"{_TAG}float")


def read_yaml(path: Path, *, kind: str = "file_damaged", advice: str = "") -> Any:
    """The value in a YAML file. Raises KnownError as `read_document`."""
    return read_document(path, parse_yaml, kind=kind, longest=LONGEST_YAML, advice=advice)


def parse_yaml(text: str | bytes) -> Any:
    """The value of a YAML document (UTF-8), as plain data: a date is text, and other tags are refused.

    Aliases (`*name`) are expanded up to `MOST_YAML_NODES`, and no key may occur twice. Raises DocumentError.
    """
    try:
        plain = text if isinstance(text, str) else text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"is not UTF-8 (byte {error.start + 1})") from None
    return _plain_yaml(plain)


def _plain_yaml(text: str) -> Any:
    if len(text) > LONGEST_YAML:
        raise DocumentError(f"is longer than {LONGEST_YAML:,} characters")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _Check().size(node, 1)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError(
            f"is not valid YAML: {error.problem or error.context}", mark.line + 1 if mark else None
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else None
        raise DocumentError("has a control character, which YAML does not allow", line) from None
    except RecursionError:
        raise DocumentError(f"is nested more than {DEEPEST} levels deep") from None


class _Check:
    """Checks the graph of nodes, visiting each node once."""

    def __init__(self) -> None:
        # By id of a node: its size and height; None while it is being visited, so that meeting it again is a cycle.
        self._known: dict[int, tuple[int, int] | None] = {}

    def size(self, node: yaml.Node, depth: int) -> tuple[int, int]:
        """The number of values in `node` with all aliases expanded, and its height. Raises DocumentError."""
        if id(node) in self._known:
            known = self._known[id(node)]
            if known is None:
                raise _wrong(node, "contains itself")
        else:
            self._known[id(node)] = None
            if depth > DEEPEST:
                raise _wrong(node, f"is nested more than {DEEPEST} levels deep")
            inner = [self.size(part, depth + 1) for part in self._parts(node)]
            known = 1 + sum(size for size, _ in inner), 1 + max((height for _, height in inner), default=0)
            self._known[id(node)] = known
        if known[0] > MOST_YAML_NODES:
            raise _wrong(node, f"becomes more than {MOST_YAML_NODES:,} values")
        if depth + known[1] - 1 > DEEPEST:
            raise _wrong(node, f"is nested more than {DEEPEST} levels deep")
        return known

    def _parts(self, node: yaml.Node) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if not isinstance(node, yaml.MappingNode):
            return []
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == _MERGE:
                continue
            if key.tag != f"{_TAG}str" or not isinstance(key, yaml.ScalarNode):
                what = short_repr(key.value) if isinstance(key, yaml.ScalarNode) else "a list or mapping"
                raise _wrong(key, f"has {what} as a key; put quotes around it to make it text")
            if key.value in seen:
                raise _wrong(key, f"has the key {short_repr(key.value)} a second time")
            seen.add(key.value)
        return [value for _, value in node.value]


def _wrong(node: yaml.Node, message: str) -> DocumentError:
    return DocumentError(message, node.start_mark.line + 1)


class _WithoutColon(NamedTuple):
    """A pattern of PyYAML's, for texts without a colon.

    YAML 1.1 has numbers to the base 60, written 1:30; YAML 1.2 has none, and who writes a ratio 1:5 does not mean 65.
    """

    pattern: re.Pattern[str]

    def match(self, text: str) -> re.Match[str] | None:
        return None if ":" in text else self.pattern.match(text)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Loads text, numbers, booleans, null, lists and mappings. What looks like a date, a time or a ratio is text."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # as PyYAML declares it
        first: [
            (tag, _WithoutColon(pattern) if tag in _NUMBERS else pattern)
            for tag, pattern in rules
            if tag != f"{_TAG}timestamp"
        ]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors: dict[Any, Any] = {}  # noqa: RUF012


def _scalar(name: str, words: str) -> None:
    """Add the constructor of a kind of scalar: PyYAML's own raises various exceptions, without the line."""
    plain: Callable[[Any, yaml.Node], Any] = getattr(SafeConstructor, f"construct_yaml_{name}")

    def construct(loader: _Loader, node: yaml.Node) -> Any:
        text = loader.construct_scalar(node)
        try:
            if name == "int" and len(text) > MOST_DIGITS:
                raise ValueError(text)
            return plain(loader, node)
        except (ValueError, LookupError, ArithmeticError):
            raise ConstructorError(None, None, f"{short_repr(text)} is not {words}", node.start_mark) from None

    _Loader.add_constructor(f"{_TAG}{name}", construct)


def _unknown(loader: _Loader, node: yaml.Node) -> Any:
    del loader
    tag = short_repr(node.tag.replace(_TAG, "!!"))
    raise ConstructorError(None, None, f"the tag {tag} is not read; write plain values", node.start_mark)


for _name, _words in (("null", "null"), ("bool", "true or false"), ("int", "a whole number"), ("float", "a number")):
    _scalar(_name, _words)
for _name in ("str", "seq", "map"):
    _Loader.add_constructor(f"{_TAG}{_name}", getattr(SafeConstructor, f"construct_yaml_{_name}"))
_Loader.add_constructor(None, _unknown)
