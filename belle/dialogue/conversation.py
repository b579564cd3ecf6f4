"""A conversation as the strategies see it: its turns so far, what was found out in them, and the question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from belle.dialogue.language import Language, language_of
from belle.dialogue.tools.tool import Tool
from belle.dialogue.turn_record import TurnRecord
from belle.prompts import Role


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A question and its answer.

    Attributes:
        question: "" where the conversation begins with an answer, such as a greeting.
        record: how the answer came about; None where no strategy was used.
    """

    question: str
    answer: str
    record: TurnRecord | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What is to be answered.

    Attributes:
        question: the last thing the person said.
        turns: those before it, oldest first.
        system: the person's own system prompt, "" for none.
        facts: the scratchpad before the question.
    """

    question: str
    turns: tuple[PastTurn, ...] = ()
    system: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def language(self) -> Language:
        """That of the beginning, so that the instructions do not change later: what was read of them stays valid."""
        # A conversation may begin with an answer, such as a greeting.
        beginning = self.turns[0].question or self.turns[0].answer if self.turns else self.question
        return language_of(beginning)


def dialogue_of(
    messages: Iterable[tuple[Role, str, TurnRecord | None]], *, system: str = "", facts: Mapping[str, str] | None = None
) -> Dialogue:
    """The conversation of messages, oldest first, that end with a question.

    Args:
        messages: who says what, and of an answer, how it came about. Questions that follow each other count as one.
        system, facts: as of `Dialogue`; None takes the scratchpad of the last answer.
    """
    turns: list[PastTurn] = []
    questions: list[str] = []
    for role, text, record in messages:
        if role == "user":
            questions.append(text)
        elif role == "assistant":
            turns.append(PastTurn("\n\n".join(questions), text, record))
            questions = []
    if facts is None:
        facts = next((turn.record.facts for turn in reversed(turns) if turn.record is not None), {})
    return Dialogue("\n\n".join(questions), tuple(turns), system, facts)


@dataclass(frozen=True, slots=True)
class Example:
    """An answer from another conversation that the person has kept."""

    question: str
    answer: str


Recall = Callable[[str], Sequence[Example]]
"""Finds the examples nearest to a question, the best first."""


def _nothing(_: str) -> Sequence[Example]:
    return ()


@dataclass(frozen=True, slots=True)
class Resources:
    """What a strategy may use besides the model.

    Attributes:
        tools: may be called.
        recall: for RAISE.
        most_steps: thoughts with an action in one turn, before it has to finish.
    """

    tools: tuple[Tool, ...] = ()
    recall: Recall = _nothing
    most_steps: int = 6
