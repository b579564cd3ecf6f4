"""The outcome of an examination: sections of facts, and problems with one sentence and one command each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON_VERSION = 1


@dataclass(frozen=True, slots=True)
class Fact:
    """One line: `name` (stable, snake_case), what is shown, and whether it belongs to the person alone."""

    name: str
    value: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not work, or works worse than it could.

    Args:
        kind: stable identifier in snake_case; the window has its own words for it.
        message: one English sentence.
        command: what to type against it; "" where there is no command for it.
        details: the facts of the sentence by name.
        serious: whether something does not work; otherwise it is only slower or untested.
    """

    kind: str
    message: str
    command: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    serious: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """What one look found."""

    name: str
    facts: tuple[Fact, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All that was found, in the order in which it is shown."""

    sections: tuple[Section, ...]

    @property
    def problems(self) -> list[Problem]:
        """Of all sections, the serious ones first."""
        problems = [problem for section in self.sections for problem in section.problems]
        return sorted(problems, key=lambda problem: not problem.serious)

    def as_json(self, *, private: bool = False) -> dict[str, Any]:
        """JSON values. For bug reports without what is private: sentences and commands name files and models."""
        return {
            "version": JSON_VERSION,
            "sections": {
                section.name: {fact.name: fact.value for fact in section.facts if private or not fact.private}
                for section in self.sections
            },
            "problems": [
                {"kind": problem.kind, "serious": problem.serious}
                | ({"message": problem.message, "command": problem.command} if private else {})
                for problem in self.problems
            ],
        }
