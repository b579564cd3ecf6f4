"""The rule for a setting that a conversation, its project and the program may each have: the nearest one holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Source = Literal["conversation", "project", "general"]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class InForce(Generic[_Value]):
    """The value that holds for a conversation, and where it comes from."""

    value: _Value
    source: Source


def in_force(own: _Value | None, of_project: _Value | None, general: _Value) -> InForce[_Value]:
    """The conversation's own value, else its project's, else the general one. None: has none."""
    if own is not None:
        return InForce(own, "conversation")
    if of_project is not None:
        return InForce(of_project, "project")
    return InForce(general, "general")
