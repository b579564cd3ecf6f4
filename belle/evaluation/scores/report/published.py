"""What BELLE published, to stand beside one's own figures and never to be compared with them.

The judge was gpt-3.5-turbo as it was in April 2023, the answers are those of models that are gone or changed, and there
are no intervals: a difference to a figure of one's own says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NOT_COMPARABLE = (
    "Published figures, not comparable with the others: another judge (gpt-3.5-turbo of April 2023), other answers, "
    "no intervals."
)
PUBLISHED_SOURCES = (
    "From BELLE's README and its papers: “A Comparative Study between Full-Parameter and LoRA-based Fine-Tuning on "
    "Chinese Instruction Data” (2304.08109), “Towards Better Instruction Following Language Models for Chinese” "
    "(2304.07854)."
)
_LORA, _DATA = "2304.08109", "2304.07854"

PUBLISHED_CLASSES = (
    "others",
    "rewrite",
    "classification",
    "generation",
    "summarization",
    "extract",
    "open qa",
    "brainstorming",
    "closed qa",
)
"""The nine classes of BELLE's averages; “others” is math and code."""


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A model of BELLE's tables.

    Attributes:
        average: *Average Score*, over nine classes.
        without_others: *Score_w/o_others*, over eight; None where it was not published.
        classes: in the order of `PUBLISHED_CLASSES`; empty where they were not published.
        source: the paper's number on arXiv.
    """

    model: str
    average: float
    without_others: float | None
    classes: tuple[float, ...]
    source: str


def _lora(model: str, average: float, *classes: float) -> PublishedRow:
    return PublishedRow(model, average, None, classes, _LORA)


def _data(model: str, without_others: float, average: float) -> PublishedRow:
    return PublishedRow(model, average, without_others, (), _DATA)


PUBLISHED: Sequence[PublishedRow] = (
    _lora("LLaMA-7B + LoRA(0.6M)", 0.589, 0.358, 0.719, 0.695, 0.816, 0.650, 0.448, 0.315, 0.793, 0.510),
    _lora("LLaMA-7B + LoRA(2M)", 0.609, 0.364, 0.795, 0.676, 0.854, 0.617, 0.472, 0.369, 0.808, 0.531),
    _lora("LLaMA-7B + LoRA(4M)", 0.624, 0.341, 0.821, 0.677, 0.847, 0.645, 0.467, 0.374, 0.806, 0.639),
    _lora("LLaMA-13B + LoRA(2M)", 0.648, 0.422, 0.810, 0.696, 0.837, 0.700, 0.537, 0.435, 0.823, 0.577),
    _lora("LLaMA-7B + FT(0.6M)", 0.686, 0.438, 0.869, 0.698, 0.917, 0.701, 0.592, 0.477, 0.870, 0.606),
    _lora("LLaMA-7B + FT(2M)", 0.710, 0.399, 0.871, 0.775, 0.920, 0.734, 0.603, 0.555, 0.900, 0.633),
    _lora("LLaMA-7B + FT(2M) + LoRA(math 0.25M)", 0.729, 0.560, 0.863, 0.758, 0.915, 0.754, 0.651, 0.518, 0.886, 0.656),
    _lora("LLaMA-7B + FT(2M) + FT(math 0.25M)", 0.738, 0.586, 0.887, 0.763, 0.955, 0.749, 0.658, 0.523, 0.872, 0.652),
    _data("LLaMA-7B-EXT, zh(alpaca-3.5&4) + sharegpt", 0.670, 0.643),
    _data("LLaMA-7B, zh(alpaca-3.5&4) + sharegpt", 0.652, 0.629),
    _data("LLaMA-7B-EXT, zh(alpaca-3.5)", 0.642, 0.608),
    _data("LLaMA-7B-EXT, zh(alpaca-4)", 0.693, 0.662),
    _data("LLaMA-7B-EXT, zh(alpaca-3.5&4)", 0.679, 0.650),
    _data("LLaMA-7B-EXT, en(alpaca-3.5&4)", 0.659, 0.627),
    _data("LLaMA-7B-EXT, en(alpaca-3.5&4) + sharegpt", 0.668, 0.650),
    _data("LLaMA-7B-EXT, zh(alpaca-3.5&4) + sharegpt + BELLE-0.5M-CLEAN", 0.762, 0.740),
    _data("ChatGPT", 0.824, 0.830),
)
