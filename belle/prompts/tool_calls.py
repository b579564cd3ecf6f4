"""How models call functions: what stands in an answer around the name and the arguments of a call.

Each family has its own words; `SYNTAXES` has them all, and a new one is one more row there. Which of them a model
knows is found in its template (`syntax_of`). `ToolCallStream` takes an answer piece by piece and tells its text from
its calls; `forced_call` is what an answer looks like that must be a call, for a grammar.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from belle.documents import DocumentError, parse_json_prefix
from belle.prompts.base import ToolCall


@dataclass(frozen=True, slots=True)
class ToolSyntax:
    """The words of a family.

    Args:
        id: what `ModelInfo.tool_syntax` calls it.
        sign: what its templates have in their source.
        openings: what begins the calls in an answer; from there on nothing is text.
        call: a whole answer with one call, with `{name}` and `{arguments}` in it.
        bare: an answer may also be nothing but the JSON of a call.
    """

    id: str
    sign: str
    openings: tuple[str, ...]
    call: str
    bare: bool = False


SYNTAXES = (
    ToolSyntax(  # Mistral from v0.3 on
        "mistral",
        "[TOOL_CALLS]",
        ("[TOOL_CALLS]",),
        '[TOOL_CALLS][{"name": {name}, "arguments": {arguments}}]',
    ),
    ToolSyntax(  # DeepSeek V3, R1
        "deepseek",
        "<｜tool▁calls▁begin｜>",
        ("<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>"),
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>{bare_name}\n```json\n{arguments}\n```"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    ToolSyntax(  # Hermes, Qwen 2.5 and 3, SmolLM3
        "hermes",
        "<tool_call>",
        ("<tool_call>",),
        '<tool_call>\n{"name": {name}, "arguments": {arguments}}\n</tool_call>',
    ),
    ToolSyntax(  # Phi-4-mini, Granite
        "phi",
        "<|tool_call|>",
        ("<|tool_call|>",),
        '<|tool_call|>[{"name": {name}, "arguments": {arguments}}]<|/tool_call|>',
    ),
    ToolSyntax(  # Llama 3.1, 3.2, 3.3
        "llama-3",
        "<|start_header_id|>",
        ("<|python_tag|>",),
        '{"name": {name}, "parameters": {arguments}}',
        bare=True,
    ),
)
"""The first whose sign is in a template is its syntax."""

CONTROL_TOKENS = frozenset(
    {opening for syntax in SYNTAXES for opening in syntax.openings}
    | {"[ARGS]", "[CALL_ID]", "</tool_call>", "<|/tool_call|>"}
    | {"<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"}
)
"""Control tokens that are to be seen in the text for calls to be found."""

# A name before its arguments: Mistral's `name[ARGS]{…}`, DeepSeek's `function<｜tool▁sep｜>name` in a block of JSON.
_NAMED = re.compile(
    r"(?:function<｜tool▁sep｜>)?(?P<name>(?!json\b)[\w.:-]{1,128})(?:\[CALL_ID\]\w+)?\s*"
    r"(?:\[ARGS\]|<｜tool▁sep｜>|```json)?\s*(?=\{)"
)
# Qwen3-Coder's calls.
_FUNCTION = re.compile(r"<function=([^>\n]{1,128})>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\n]{1,128})>\n?(.*?)\n?(?:</parameter>|(?=<parameter=)|\Z)", re.DOTALL)


_JSON = re.compile(r"[{\[](?!TOOL_CALLS\]|ARGS\]|CALL_ID\])")
_LONGEST_BEFORE = 256


def syntax_of(source: str) -> str | None:
    """The id of the syntax that the Jinja of a template is written for; None for one that is not known."""
    return next((syntax.id for syntax in SYNTAXES if syntax.sign in source), None)


def get_syntax(syntax_id: str) -> ToolSyntax:
    """The syntax of that id. Raises KeyError."""
    return {syntax.id: syntax for syntax in SYNTAXES}[syntax_id]


def forced_call(syntax: ToolSyntax, name: str) -> tuple[str, str]:
    """What stands before and behind the arguments of a call of the function `name`, where that is a whole answer."""
    whole = syntax.call.replace("{name}", json.dumps(name, ensure_ascii=False)).replace("{bare_name}", name)
    before, _, behind = whole.partition("{arguments}")
    return before, behind


class ToolCallStream:
    """Tells the text of an answer from the calls in it, however it is cut into pieces.

    Args:
        syntax: of the model.
        names: of the functions that there are; nothing else is a call where only JSON tells.
    """

    def __init__(self, syntax: ToolSyntax, names: Sequence[str]) -> None:
        self._syntax = syntax
        self._names = frozenset(names)
        self._held = ""
        self._begun = False  # text was given
        self._calling = False

    def feed(self, text: str) -> str:
        """Take the next piece; gives the text that is certain now."""
        self._held += text
        if self._calling:
            return ""
        positions = [at for opening in self._syntax.openings if (at := self._held.find(opening)) >= 0]
        if positions:
            self._calling = True
            return self._give(min(positions)).rstrip()
        if self._syntax.bare and not self._begun and self._held.lstrip()[:1] in ("", "{"):
            return ""
        return self._give(len(self._held) - self._undecided())

    def finish(self) -> tuple[str, list[ToolCall]]:
        """The rest of the text, and the calls. What was held back and is no call is text."""
        if self._calling:
            calls = list(read_calls(self._held))
        else:
            calls = [call for call in read_calls(self._held) if call.name in self._names] if self._is_bare() else []
        return ("", calls) if calls else (self._held, [])

    def _is_bare(self) -> bool:
        return self._syntax.bare and not self._begun and self._held.lstrip().startswith("{")

    def _give(self, end: int) -> str:
        text, self._held = self._held[:end], self._held[end:]
        self._begun = self._begun or bool(text.strip())
        return text

    def _undecided(self) -> int:
        """How many characters at the end may be the beginning of an opening, or white space before one."""
        openings = self._syntax.openings
        longest = min(max(map(len, openings)) - 1, len(self._held))
        part = next((n for n in range(longest, 0, -1) if any(o.startswith(self._held[-n:]) for o in openings)), 0)
        before = self._held[: len(self._held) - part]
        return part + len(before) - len(before.rstrip())


def read_calls(text: str) -> Iterator[ToolCall]:
    """The calls written in `text`, in whatever syntax; parts that are none are passed over."""
    for function in _FUNCTION.finditer(text):
        arguments = {name: _loosely(value) for name, value in _PARAMETER.findall(function[2])}
        yield ToolCall(function[1].strip(), json.dumps(arguments, ensure_ascii=False))
    position = 0
    while match := _JSON.search(text, position):
        start = match.start()
        try:
            value, position = parse_json_prefix(text, start)
        except (json.JSONDecodeError, DocumentError):
            position = start + 1
            continue
        before = text[max(0, start - _LONGEST_BEFORE) : start]
        named = [*_NAMED.finditer(before + "{")]
        if named and named[-1].end() == len(before) and isinstance(value, dict):
            yield ToolCall(named[-1]["name"], json.dumps(value, ensure_ascii=False))
        else:
            yield from _calls_of(value)


def _calls_of(value: Any) -> Iterator[ToolCall]:
    """The calls that a JSON value is: one, or a list of them."""
    for row in value if isinstance(value, list) else [value]:
        if not isinstance(row, dict) or not isinstance(row.get("name"), str):
            continue
        arguments = row.get("arguments", row.get("parameters", {}))
        # Some write the object as a text of JSON, as OpenAI's API does.
        words = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        yield ToolCall(row["name"], words, row["id"] if isinstance(row.get("id"), str) else "")


def _loosely(text: str) -> Any:
    """The JSON value that `text` is, else the text itself."""
    try:
        value, end = parse_json_prefix(text.strip(), 0)
    except (json.JSONDecodeError, DocumentError):
        return text
    return value if end == len(text.strip()) else text
