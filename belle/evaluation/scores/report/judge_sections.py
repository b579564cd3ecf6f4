"""The tables that say what the judge is worth: answers of known worth, length, the order, and people."""

from __future__ import annotations

from belle.evaluation.intervals import ScoreMean
from belle.evaluation.judge.self_checks import EMPTY, REFERENCE, SHUFFLED
from belle.evaluation.scores.agreement import HumanAgreement
from belle.evaluation.scores.report.contents import ScoreReport
from belle.evaluation.scores.report.grids import GridCell, ScoreGrid, count_cell, mean_cell, text_cell
from belle.evaluation.scores.win_rates import WinRates

_GOOD = {REFERENCE: "near 1", SHUFFLED: "near 0", EMPTY: "0"}
_NO_CHECKS = (
    "No answers of known worth were judged: no item that a judge decides has a reference, or --self-checks was 0."
)
_NO_LENGTHS = "Longest answer: needs an item with the answers of two models that a judge has scored."
_NO_SWAP = "Swapped order: needs pairs (belle eval judge --pairs)."
_NO_PEOPLE = "Agreement with people: needs their decisions (--anchors FILE)."
_ORDER = (
    "Of the comparisons that the judge decided. A judge that goes by nothing but the answers says the same in both "
    "orders, and prefers what is shown first, and the longer answer, about half of the time."
)
_KAPPA = (
    "Cohen's κ; a score is put into the nearest of 0, ¼, ½, ¾ and 1, and weighted κ has quadratic weights. κ is – "
    "where both always decide on the same one thing."
)


def self_check_grid(report: ScoreReport) -> ScoreGrid:
    """What the judge says of answers whose worth is known, and how far it goes by length and by order."""
    table = report.table
    rows = [_row(name, _GOOD.get(name, ""), mean) for name, mean in table.self_checks.items()]
    notes = [] if rows else [_NO_CHECKS]
    if any(table.unread_checks.values()):
        unread = ", ".join(f"{name} {n:,}" for name, n in table.unread_checks.items() if n)
        notes.append(f"Answers of known worth without a score: {unread}.")
    if report.longest is None:
        notes.append(_NO_LENGTHS)
    else:
        longest = report.longest
        rows += [
            _row("score of the longest answer", f"as of all answers: {longest.of_all.value:.3f}", longest.score),
            _row("the longer of two has the higher score", "near 0.5", longest.agreement),
        ]
    if report.wins is None:
        notes.append(_NO_SWAP)
    if report.agreement is None:
        notes.append(_NO_PEOPLE)
    return ScoreGrid("The judge, checked", ["Check", "of a good judge", "found", "n"], rows, 2, notes)


def order_grid(report: ScoreReport, wins: WinRates) -> ScoreGrid:
    """How far the judge goes by the order and by length, in each pair."""
    label = report.labels.label
    rows = [
        [
            text_cell(label(rate.first)),
            text_cell(label(rate.second)),
            mean_cell(rate.same_verdict),
            mean_cell(rate.shown_first),
            mean_cell(rate.longer),
            count_cell(rate.same_verdict.n),
        ]
        for rate in wins.rates
    ]
    head = ["First", "Second", "same verdict in both orders", "prefers what is shown first", "prefers the longer", "n"]
    return ScoreGrid("The judge, in both orders", head, rows, 2, [_ORDER])


def agreement_grid(agreement: HumanAgreement) -> ScoreGrid:
    """How far people agree with the judge, and with the rules."""
    rows = [
        [
            text_cell(row.person),
            text_cell(row.kind),
            text_cell(row.by),
            mean_cell(row.raw),
            mean_cell(row.kappa),
            mean_cell(row.weighted),
            count_cell(row.raw.n),
        ]
        for row in agreement.rows
    ]
    notes = [_KAPPA]
    if agreement.left_out:
        counts = "; ".join(f"{reason}: {n:,}" for reason, n in agreement.left_out.items())
        notes.append(f"Decisions that are left out: {counts}.")
    head = ["Person", "what", "against", "agree", "κ", "weighted κ", "n"]
    return ScoreGrid("Agreement with people", head, rows, 3, notes)


def _row(name: str, good: str, mean: ScoreMean) -> list[GridCell]:
    return [text_cell(name), text_cell(good), mean_cell(mean), count_cell(mean.n)]
