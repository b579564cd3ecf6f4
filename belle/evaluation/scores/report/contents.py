"""All that a report on scores says, put together once for every form of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from belle.evaluation.answers.turn_costs import TurnCosts
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.judge.anchors import Anchors
from belle.evaluation.judge.pair_file import ModelPair
from belle.evaluation.judge.scores import ModelScores
from belle.evaluation.measurement import Measurement
from belle.evaluation.scores.agreement import HumanAgreement, agreement
from belle.evaluation.scores.conditions import asked_differently
from belle.evaluation.scores.longest import LongestBaseline, longest_baseline
from belle.evaluation.scores.quantization import QuantizationLoss, quantization_loss
from belle.evaluation.scores.report.labels import ModelLabels
from belle.evaluation.scores.table import ScoreTable, score_table
from belle.evaluation.scores.win_rates import WinRates, win_rates


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What is shown besides the scores.

    Attributes:
        labels: of the models.
        anchors: decisions of people; None where there is no file of them.
        reference: the model that the others are smaller files of; "" for none.
        measurements: of `belle measure`.
        published: whether BELLE's published figures stand beside.
        costs: of the turns of models that answered by a strategy.
    """

    labels: ModelLabels = field(default_factory=ModelLabels)
    anchors: Anchors | None = None
    reference: str = ""
    measurements: Sequence[Measurement] = ()
    published: bool = False
    costs: Mapping[str, TurnCosts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """The scores of models, and what they are worth.

    Attributes:
        table: the means and their comparisons.
        wins: the comparisons of pairs; None where none were judged.
        longest: the longest-answer baseline; None where no item has two answers that a judge has scored.
        agreement: with people; None without their decisions.
        quantization: None unless a reference was named.
        notes: in what the models were not asked alike, sentences.
        labels, published: as of `ReportOptions`.
        costs: of those of the models that answered by a strategy, in the order of the table.
    """

    table: ScoreTable
    wins: WinRates | None
    longest: LongestBaseline | None
    agreement: HumanAgreement | None
    quantization: QuantizationLoss | None
    notes: Sequence[str]
    labels: ModelLabels
    published: bool
    costs: Mapping[str, TurnCosts]


def score_report(
    items: EvaluationItems, scores: Mapping[str, ModelScores], pairs: Sequence[ModelPair], options: ReportOptions
) -> ScoreReport:
    """The report on models.

    Raises KnownError ("scores_differ") where they answered another set, or were scored in different ways.
    """
    models = list(scores.values())
    asked = {name: model.facts.get("asked", {}) for name, model in scores.items()}
    table = score_table(items, models)
    return ScoreReport(
        table,
        win_rates(items, pairs),
        longest_baseline(models),
        agreement(items, options.anchors, models, pairs) if options.anchors else None,
        quantization_loss(options.reference, scores, options.measurements) if options.reference else None,
        asked_differently(asked),
        options.labels,
        options.published,
        {row.model: options.costs[row.model] for row in table.rows if row.model in options.costs},
    )
