"""RAISE's scratchpad: facts of a conversation, as names with values, that the model and the person may both change."""

from __future__ import annotations

from collections.abc import Mapping

from belle.dialogue.events import FactChanged
from belle.dialogue.quoting import one_line
from belle.dialogue.syntax import LONGEST_VALUE

MOST_FACTS = 24
"""The oldest ones leave: every prompt has all of them."""
_LONGEST_KEY = 60


def newest(facts: Mapping[str, str]) -> dict[str, str]:
    """The facts noted last, as many as there may be."""
    return dict(list(facts.items())[-MOST_FACTS:])


class Scratchpad:
    """The facts, in the order in which they were noted. What is noted is one line without square brackets."""

    def __init__(self, facts: Mapping[str, str]) -> None:
        self.facts = newest(facts)

    def note(self, key: str, value: str) -> FactChanged | None:
        """Note a fact, in the place of one of the same name. None where nothing has changed."""
        # An equals sign divides a name from its value where a person edits the lines.
        key, value = one_line(key.replace("=", "＝"), _LONGEST_KEY), one_line(value, LONGEST_VALUE)
        if not key or not value or self.facts.get(key) == value:
            return None
        self.facts = newest({**self.facts, key: value})
        return FactChanged(key, value)

    def note_result(self, tool: str, argument: str, result: str) -> FactChanged | None:
        """Note the result of a tool, where it is as short as a fact."""
        return self.note(f"{tool} {argument}", result) if len(result) <= LONGEST_VALUE else None

    def remove(self, key: str) -> bool:
        """Remove a fact; False where there is none of this name."""
        return self.facts.pop(key, None) is not None

    def lines(self) -> list[str]:
        """The facts, one a line."""
        return [f"{key} = {value}" for key, value in self.facts.items()]
