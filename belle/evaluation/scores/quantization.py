"""What fewer bits change in the answers: a model against smaller files of itself, on the same items.

Means hide it: answers go from right to wrong and from wrong to right in like numbers (Dutta et al. 2024, “Accuracy is
not all you need”). So the flips are counted in both directions, beside the figures of `belle measure`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from belle.errors import KnownError
from belle.evaluation.intervals import PairedDifference, ScoreMean, holm, paired_difference, share_of, sign_test
from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.judge.verdicts import Verdict
from belle.evaluation.measurement import Measurement, ModelFigures
from belle.evaluation.metric_table import BY_KEY, row_of
from belle.evaluation.sources.model_files import files_digest

MEASURED = ("size_bytes", "ppl", "kl_mean", "kl_99", "same_top")
"""The metrics of `belle measure` that are shown beside."""

_RIGHT = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class MeasuredFigure:
    """A figure of `belle measure`, as a number and in words."""

    name: str
    value: float
    words: str


@dataclass(frozen=True, slots=True)
class QuantizedModel:
    """A candidate against the reference, on the items that both have a score for.

    Attributes:
        same_answer: the share of answers that do not differ in a letter.
        n_rules: items with rules; an answer is right when it keeps all of them.
        lost, gained: of these, right → wrong and wrong → right.
        flips: the share of both.
        flips_p: of so many losses and gains if both were as likely: McNemar's exact test.
        n_judged: items that a judge has scored, with rules beside or without.
        lower, higher: of these, answers that are scored lower and higher than the reference's.
        difference: of the scores of all items, candidate minus reference.
        measured: what `belle measure` says of it.
    """

    model: str
    same_answer: ScoreMean
    n_rules: int
    lost: int
    gained: int
    flips: ScoreMean
    flips_p: float
    n_judged: int
    lower: int
    higher: int
    difference: PairedDifference
    measured: Sequence[MeasuredFigure] = ()
    flips_adjusted_p: float = 1.0


@dataclass(frozen=True, slots=True)
class QuantizationLoss:
    """Several files of one model.

    Attributes:
        reference: the model with the most bits.
        models: the others.
        notes: what could not be put beside them, sentences.
    """

    reference: str
    models: Sequence[QuantizedModel]
    notes: Sequence[str] = ()


def quantization_loss(
    reference: str, scores: Mapping[str, ModelScores], measurements: Sequence[Measurement]
) -> QuantizationLoss:
    """Compares all the other models with `reference`.

    Raises KnownError ("usage") where it has no scores, or where there is no other model.
    """
    if reference not in scores or len(scores) < 2:
        message = f"There are no scores of {reference} and of another model to compare it with."
        raise KnownError("usage", message, f"There are: {', '.join(scores)}.")
    others = [model for name, model in scores.items() if name != reference]
    rows = [_against(scores[reference], model) for model in others]
    by_flips = holm([row.flips_p for row in rows])
    by_scores = holm([row.difference.p for row in rows])
    notes: list[str] = []
    shown = []
    for row, model, flips_p, p in zip(rows, others, by_flips, by_scores, strict=True):
        measured = _measured(scores[reference], model, measurements, notes.append) if measurements else ()
        difference = replace(row.difference, adjusted_p=p)
        shown.append(replace(row, difference=difference, flips_adjusted_p=flips_p, measured=measured))
    return QuantizationLoss(reference, shown, notes)


def is_right(verdict: Verdict) -> bool:
    """Whether an answer keeps all the rules of its item."""
    return verdict.rules is not None and verdict.rules >= _RIGHT


def compared_verdicts(reference: ModelScores, model: ModelScores) -> list[tuple[Verdict, Verdict]]:
    """The verdicts on the items that both have a score for, of the reference and of the other."""
    return [
        (verdict, other)
        for item, verdict in reference.verdicts.items()
        if (other := model.verdicts.get(item)) is not None and None not in (verdict.score, other.score)
    ]


def _against(reference: ModelScores, model: ModelScores) -> QuantizedModel:
    pairs = compared_verdicts(reference, model)
    by_rules = [(is_right(one), is_right(other)) for one, other in pairs if one.rules is not None]
    judged = [(one.score or 0.0, other.score or 0.0) for one, other in pairs if one.by in ("judge", "both")]
    lost, gained = by_rules.count((True, False)), by_rules.count((False, True))
    return QuantizedModel(
        model.model,
        share_of([one.answer == other.answer for one, other in pairs]),
        len(by_rules),
        lost,
        gained,
        share_of([one != other for one, other in by_rules]),
        sign_test(gained, lost),
        len(judged),
        sum(other < one for one, other in judged),
        sum(other > one for one, other in judged),
        paired_difference(
            {one.item: one.score or 0.0 for one, _ in pairs}, {other.item: other.score or 0.0 for _, other in pairs}
        ),
    )


def _measured(
    reference: ModelScores, model: ModelScores, measurements: Sequence[Measurement], say: Callable[[str], None]
) -> Sequence[MeasuredFigure]:
    """What the first measurement that has the model says of it."""
    for measurement in measurements:
        for candidate in measurement.candidates:
            if _is_same(candidate.model, model):
                if not _is_same(measurement.reference, reference):
                    say(f"belle measure compared {model.model} with {measurement.reference.name}.")
                row = row_of(candidate)
                metrics = [BY_KEY[key] for key in MEASURED]
                return [
                    MeasuredFigure(metric.name, value, metric.words(row))
                    for metric in metrics
                    if (value := metric.value(row)) is not None
                ]
    say(f"belle measure has no figures of {model.model}.")
    return ()


def _is_same(figures: ModelFigures, model: ModelScores) -> bool:
    """Whether a measured model is the one that answered: by the content of its files, or where that is not known by
    its name.
    """
    digest = model.facts.get("asked", {}).get("model")
    if isinstance(digest, str) and len(digest) == hashlib.sha256().digest_size * 2:
        return files_digest(figures.files) == digest
    return Path(figures.name).stem == model.model
