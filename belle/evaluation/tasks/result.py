"""The result of `--tasks` as data: the input of reports, and the content of `extra.tasks` in report.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Way = Literal["letter", "text", "generation"]
WAYS: tuple[Way, ...] = ("letter", "text", "generation")
"""How an answer is read: the most likely letter, the most likely text, the generated text."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How many of `n` answers were right, with the Wilson interval (95 %); `unparsed` of them give no answer."""

    n: int
    right: int
    value: float
    low: float
    high: float
    unparsed: int


@dataclass(frozen=True, slots=True)
class Paired:
    """The answers of a candidate beside those of the reference to the same items.

    Attributes:
        n: items that both answered.
        lost, won: the reference is right and the candidate wrong; the other way round.
        changed: different answers, right or wrong.
        p: of McNemar's exact test, two-sided, that lost and won are equally likely.
    """

    n: int
    lost: int
    won: int
    changed: int
    p: float

    @property
    def agreement(self) -> float:
        """Share of the same answers."""
        return 1 - self.changed / self.n if self.n else 1.0


@dataclass(frozen=True, slots=True)
class CategoryPair:
    """One way in one category or language: items that both answered, right answers of both, different answers."""

    n: int
    right_reference: int
    right_candidate: int
    changed: int


@dataclass(frozen=True, slots=True)
class Change:
    """An item that a candidate answers differently. `kind`: lost, won, or other (both wrong, or not judged)."""

    id: str
    way: Way
    kind: Literal["lost", "won", "other"]
    category: str
    question: str
    answer: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ModelTasks:
    """The answers of one model. For the reference, `paired`, `categories`, `languages` and `changes` are empty.

    Attributes:
        n_done: items that were asked. `n_too_long` of them are longer than its context and have no answer.
        bits_per_byte: loss on the text of the right answers, per byte of them.
        failure: why the model was given up, "" if it was not.
    """

    name: str
    n_done: int
    n_too_long: int
    seconds: float
    bits_per_byte: float | None
    accuracy: Mapping[Way, Accuracy]
    paired: Mapping[Way, Paired]
    categories: Mapping[str, Mapping[Way, CategoryPair]]
    languages: Mapping[str, Mapping[Way, CategoryPair]]
    changes: list[Change]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class TaskMeasurement:
    """Everything that `--tasks` measured.

    Attributes:
        items, sha256: name and content of the file or folder.
        n_items: asked; `n_left_out` rows of the file have no answer.
        kinds, categories: how many items of each.
        form: "plain", or the id of the prompt template ("gguf": the model's own).
        shots: solved examples before every question.
        most_tokens: of a generated answer, by kind of item.
    """

    items: str
    sha256: str
    n_items: int
    n_left_out: int
    kinds: Mapping[str, int]
    categories: Mapping[str, int]
    form: str
    shots: int
    most_tokens: Mapping[str, int]
    reference: ModelTasks
    candidates: list[ModelTasks]

    @property
    def complete(self) -> bool:
        """Whether every model was asked every item."""
        return all(m.n_done == self.n_items and not m.failure for m in (self.reference, *self.candidates))

    def to_data(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "complete": self.complete}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> TaskMeasurement:
        """The inverse of `to_data`. Raises KeyError or TypeError for other data."""
        plain = {key: value for key, value in data.items() if key != "complete"}
        plain["reference"] = _model(data["reference"])
        plain["candidates"] = [_model(candidate) for candidate in data["candidates"]]
        return cls(**plain)


def _model(data: Mapping[str, Any]) -> ModelTasks:
    return ModelTasks(
        **{
            **data,
            "accuracy": {way: Accuracy(**value) for way, value in data["accuracy"].items()},
            "paired": {way: Paired(**value) for way, value in data["paired"].items()},
            "categories": _groups(data["categories"]),
            "languages": _groups(data["languages"]),
            "changes": [Change(**change) for change in data["changes"]],
        }
    )


def _groups(data: Mapping[str, Any]) -> dict[str, dict[Way, CategoryPair]]:
    return {name: {way: CategoryPair(**value) for way, value in ways.items()} for name, ways in data.items()}
