"""Text of others in prompts: what a tool returns or a person writes must not pass for the syntax of a strategy."""

from __future__ import annotations

import re

from belle.texts import visible

_WORDS = (
    "User", "SlowMind", "Response", "Invoke", "Reason", "Act", "Obs", "Thought", "Action", "Observation", "Finish",
    "Scratchpad", "Query", "Answer",
)  # fmt: skip
_SYNTAX = re.compile(rf"\b({'|'.join(_WORDS)})(\s*)([\[［])", re.IGNORECASE)


def defused(text: str) -> str:
    """`text` with a backslash where it has a word of the syntax with a bracket, such as `Invoke\\[True]`."""
    return _SYNTAX.sub(r"\1\2\\\3", text)


def quoted(text: str) -> str:
    """`text` with `| ` before each line: no line of it can begin as one of the syntax does.

    Line breaks of every kind are found, and what could control a terminal is escaped.
    """
    return "\n".join(f"| {visible(defused(line))}" for line in text.splitlines() or [""])


def one_line(text: str, longest: int) -> str:
    """`text` on one line without square brackets, for the scratchpad."""
    line = visible(" ".join(text.split())).replace("[", "(").replace("]", ")")
    return line if len(line) <= longest else f"{line[: longest - 2]} …"
