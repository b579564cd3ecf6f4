"""A tool: a name, one line that explains it to the model, and a function from text to text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from belle.dialogue.language import Language

LONGEST_ARGUMENT = 200
"""Characters."""
LONGEST_RESULT = 2000
"""Characters of a result that a model is shown."""


class ToolError(ValueError):
    """A tool cannot do what it was asked for: a sentence that the model reads, and may act on."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool, which reads and never changes anything.

    Attributes:
        name: by which a model calls it: lower-case letters.
        usage: what it does and an example of its argument, in each language.
        run: the result for an argument. Raises ToolError.
    """

    name: str
    usage: dict[Language, str]
    run: Callable[[str], str]


def call(tools: Sequence[Tool], name: str, argument: str) -> tuple[str, bool]:
    """The result of calling a tool, and whether it failed; the result then says why."""
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        return f"There is no tool “{name}”.", True
    try:
        result = tool.run(argument.strip())
    except ToolError as error:
        return str(error), True
    return result if len(result) <= LONGEST_RESULT else f"{result[:LONGEST_RESULT]} …", False
