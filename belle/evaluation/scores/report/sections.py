"""The tables of a report, from top to bottom."""

from __future__ import annotations

from belle.evaluation.answers.turn_costs import COST_TITLE, COST_WORDS, MEASURES
from belle.evaluation.scores.quantization import QuantizationLoss
from belle.evaluation.scores.report.contents import ScoreReport
from belle.evaluation.scores.report.grids import (
    NO_NUMBER,
    GridCell,
    ScoreGrid,
    cost_cell,
    count_cell,
    interval_cell,
    mean_cell,
    number_cell,
    p_cell,
    text_cell,
)
from belle.evaluation.scores.report.judge_sections import agreement_grid, order_grid, self_check_grid
from belle.evaluation.scores.report.published import NOT_COMPARABLE, PUBLISHED, PUBLISHED_CLASSES, PUBLISHED_SOURCES
from belle.evaluation.scores.table import OTHERS, ScoreTable, group_of
from belle.evaluation.scores.win_rates import WinRates

AVERAGE, WITHOUT_OTHERS = "Average Score", "Score_w/o_others"
_EQUAL_LENGTH = (
    "At equal length: AlpacaEval 2's regression on the difference in characters, without its difficulty of "
    "instructions, with Jeffreys' prior; – where the answers of one are always longer by as much."
)
_FLIPS = (
    "Flips: right is an answer that keeps all rules of its item; p is McNemar's exact test. Difference: of all scores, "
    "candidate minus reference; p by turning signs at random. Both are Holm's, over the rows of this table."
)
_COSTS = (
    f"{COST_WORDS.capitalize()}; the turns of one conversation count as one. Seconds depend on the computer, and on "
    "what else it did."
)
HOLM = "p is Holm's, over all rows of this table."


def grids(report: ScoreReport) -> list[ScoreGrid]:
    """All tables that there is something to show in; the scores are the first."""
    tables = [scores_grid(report)]
    if report.table.pairs:
        tables.append(_differences(report))
    if report.wins:
        tables.append(_wins(report, report.wins))
    if report.costs:
        tables.append(_costs(report))
    tables.append(self_check_grid(report))
    if report.wins:
        tables.append(order_grid(report, report.wins))
    if report.agreement:
        tables.append(agreement_grid(report.agreement))
    if report.quantization:
        tables.append(_quantization(report, report.quantization))
    if report.published:
        tables.append(_published(report.table))
    return tables


def scores_grid(report: ScoreReport) -> ScoreGrid:
    """The models with their factors, BELLE's two averages, and the classes."""
    table, labels = report.table, report.labels
    columns = labels.columns
    rows = [
        [
            text_cell(labels.label(row.model)),
            *(text_cell(labels.factor(row.model, column)) for column in columns),
            mean_cell(row.average),
            mean_cell(row.without_others),
            *map(mean_cell, row.classes.values()),
        ]
        for row in table.rows
    ]
    classes = [f"{name} ({n:,})" for name, n in table.classes.items()]
    n_groups = len({group_of(name) for name in table.classes})
    note = (
        f"{AVERAGE} is the mean over {n_groups} classes, math and code being one, “{OTHERS}”; {WITHOUT_OTHERS} is the "
        "mean over the rest of them."
    )
    head = ["Model", *columns, AVERAGE, WITHOUT_OTHERS, *classes]
    return ScoreGrid("Scores", head, rows, 1 + len(columns), [note])


def _published(table: ScoreTable) -> ScoreGrid:
    """BELLE's figures under the classes of the table, math and code being one."""
    shown = [name for name in PUBLISHED_CLASSES if name == OTHERS or name in {group_of(own) for own in table.classes}]
    rows = []
    for row in PUBLISHED:
        by_class = dict(zip(PUBLISHED_CLASSES, row.classes, strict=False))
        figures = [row.average, row.without_others, *(by_class.get(name) for name in shown)]
        cells = [NO_NUMBER if figure is None else number_cell(figure) for figure in figures]
        rows.append([text_cell(row.model), text_cell(row.source), *cells])
    head = ["Model", "arXiv", AVERAGE, WITHOUT_OTHERS, *shown]
    return ScoreGrid("Published by BELLE (not comparable)", head, rows, 2, [NOT_COMPARABLE, PUBLISHED_SOURCES])


def _differences(report: ScoreReport) -> ScoreGrid:
    label = report.labels.label
    rows = [
        [
            text_cell(label(first)),
            text_cell(label(second)),
            number_cell(pair.value, "+.3f"),
            interval_cell(pair.low, pair.high),
            count_cell(pair.n),
            p_cell(pair.adjusted_p),
        ]
        for (first, second), pair in report.table.pairs.items()
    ]
    head = ["First", "Second", "Difference", "95 % interval", "n", "p"]
    note = (
        "The mean of second minus first, on the items that both have a score for. Every item counts alike here, every "
        "class in the averages."
    )
    return ScoreGrid("Against each other", head, rows, 2, [note, HOLM])


def _wins(report: ScoreReport, wins: WinRates) -> ScoreGrid:
    label = report.labels.label
    rows = [
        [
            text_cell(label(rate.first)),
            text_cell(label(rate.second)),
            mean_cell(rate.rate),
            mean_cell(rate.controlled),
            count_cell(rate.wins),
            count_cell(rate.ties),
            count_cell(rate.losses),
            count_cell(rate.unread),
            p_cell(rate.adjusted_p),
            number_cell(rate.lengths[0], ",.0f"),
            number_cell(rate.lengths[1], ",.0f"),
        ]
        for rate in wins.rates
    ]
    head = ["First", "Second", "Win rate", "at equal length", "wins", "ties", "losses", "unread", "p"]
    notes = [
        f"Judge: {wins.judge}, asked in both orders; where they differ it is a tie. A tie is half a win of the first.",
        _EQUAL_LENGTH,
        f"Unread replies of the judge are in no rate. p: of wins and losses (sign test). {HOLM}",
    ]
    return ScoreGrid("Pairs", [*head, "characters, first", "second"], rows, 2, notes)


def _costs(report: ScoreReport) -> ScoreGrid:
    """What a turn of each strategy has cost, and why turns ended."""
    stops = sorted({stop for cost in report.costs.values() for stop in cost.stops})
    rows = [
        [
            text_cell(report.labels.label(model)),
            count_cell(cost.conversations),
            count_cell(cost.turns),
            *(cost_cell(cost.means[name]) for name in MEASURES),
            *(count_cell(cost.stops.get(stop, 0)) for stop in stops),
        ]
        for model, cost in report.costs.items()
    ]
    head = ["Model", "conversations", "turns", *MEASURES.values(), *(f"ended: {stop}" for stop in stops)]
    return ScoreGrid(COST_TITLE, head, rows, 1, [_COSTS])


def _quantization(report: ScoreReport, loss: QuantizationLoss) -> ScoreGrid:
    label = report.labels.label
    names = list(dict.fromkeys(figure.name for model in loss.models for figure in model.measured))
    has_rules = any(model.n_rules for model in loss.models)
    has_judged = any(model.n_judged for model in loss.models)
    rows = []
    for model in loss.models:
        measured = {figure.name: figure for figure in model.measured}
        difference = model.difference
        row = [text_cell(label(model.model)), mean_cell(model.same_answer)]
        if has_rules:
            row += [count_cell(n) for n in (model.n_rules, model.lost, model.gained)]
            row += [mean_cell(model.flips), p_cell(model.flips_adjusted_p)]
        if has_judged:
            row += [count_cell(n) for n in (model.n_judged, model.lower, model.higher)]
        row += [
            number_cell(difference.value, "+.3f"),
            interval_cell(difference.low, difference.high),
            p_cell(difference.adjusted_p),
        ]
        row += [
            GridCell(measured[name].words, measured[name].value) if name in measured else NO_NUMBER for name in names
        ]
        rows.append(row)
    head = ["Model", "same answer"]
    head += ["with rules", "right → wrong", "wrong → right", "flips", "p, flips"] if has_rules else []
    head += ["judged", "lower", "higher"] if has_judged else []
    head += ["difference", "95 % interval", "p, difference", *names]
    against = f"Against {label(loss.reference)}, on the items that both have a score for."
    return ScoreGrid("What the bits changed", head, rows, 1, [against, _FLIPS, *loss.notes])
