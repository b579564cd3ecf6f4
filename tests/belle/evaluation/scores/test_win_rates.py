"""Who wins how often, and what is wrong with the judge who says so."""

from __future__ import annotations

import math

import pytest

from belle.errors import KnownError
from belle.evaluation.scores.longest import longest_baseline
from belle.evaluation.scores.win_rates import win_rate, win_rates
from tests.belle.evaluation.scores.made import compared, items_of, pair_of, scores_of, verdict

ITEMS = items_of("a")


def test_a_tie_is_half_a_win_and_what_has_no_verdict_is_counted_apart() -> None:
    verdicts = [compared(str(n), "first") for n in range(6)] + [compared(str(n), "tie") for n in range(6, 10)]
    verdicts += [compared("r", "second", "rules"), compared("s", "tie", "same"), compared("n", None, "nobody")]
    verdicts += [compared("u", None, orders=("first", None))]
    found = win_rate(pair_of(verdicts))
    assert (found.wins, found.ties, found.losses, found.unread) == (6, 5, 1, 2)
    assert (found.by_rules, found.same) == (1, 1)
    assert found.rate.value == pytest.approx((6 + 2.5) / 12)
    assert found.rate.n == 12
    assert found.rate.low < found.rate.value < found.rate.high
    assert found.p == pytest.approx(2 * (1 + 7) / 2**7)


def test_a_judge_that_contradicts_itself_is_seen() -> None:
    place = [compared(str(n), "tie", orders=("first", "second")) for n in range(30)]  # always what is shown first
    fair = [compared(f"f{n}", "second") for n in range(10)]
    found = win_rate(pair_of(place + fair))
    assert found.same_verdict.value == pytest.approx(0.25)
    assert found.shown_first.value == pytest.approx((30 * 1 + 10 * 0.5) / 40)
    assert found.shown_first.low > 0.5
    last = win_rate(pair_of([compared("a", "tie", orders=("second", "first"))]))
    assert last.shown_first.value == 0.0


def test_a_judge_that_likes_length_is_seen() -> None:
    verdicts = [compared(str(n), "first", lengths=(9, 3)) for n in range(8)]
    verdicts += [compared("x", "second", lengths=(9, 3)), compared("y", "first", lengths=(4, 4))]
    found = win_rate(pair_of(verdicts))
    assert found.longer.value == pytest.approx(8 / 9)
    assert found.lengths == pytest.approx((8.5, 3.1))


def test_no_comparisons_have_no_rate() -> None:
    found = win_rate(pair_of([compared("u", None, orders=(None, None))]))
    assert math.isnan(found.rate.value)
    assert math.isnan(found.same_verdict.value)
    assert found.p == 1.0
    assert win_rates(ITEMS, []) is None


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"set": "e"}, "another set"),
        ({"judge": {"model": "k"}}, "different judge"),
        ({"temperature": 1}, "temperature"),
    ],
)
def test_pairs_that_were_judged_in_different_ways_are_refused(facts: dict[str, object], said: str) -> None:
    pairs = [pair_of([compared("a", "first")]), pair_of([compared("a", "first")], "A", "C", **facts)]
    with pytest.raises(KnownError, match=said):
        win_rates(ITEMS, pairs)


def test_several_pairs_are_adjusted_for() -> None:
    clear = [compared(str(n), "first") for n in range(8)]
    found = win_rates(ITEMS, [pair_of(clear, "A", "B"), pair_of(clear, "A", "C")])
    assert found is not None
    assert [rate.adjusted_p for rate in found.rates] == pytest.approx([2 * 2 / 2**8] * 2)


def test_the_longest_answer_baseline_is_the_score_of_a_judge_who_counts_letters() -> None:
    one = scores_of("one", verdict("a", 0.9, length=50), verdict("b", 0.2, length=10), verdict("c", 0.5, length=5))
    other = scores_of("other", verdict("a", 0.3, length=20), verdict("b", 0.6, length=30), verdict("c", 0.5, length=9))
    ruled = scores_of("ruled", verdict("a", 0.0, "rules", length=900))
    found = longest_baseline([one, other, ruled])
    assert found is not None
    assert found.score.value == pytest.approx((0.9 + 0.6 + 0.5) / 3)
    assert found.of_all.value == pytest.approx((0.6 + 0.4 + 0.5) / 3)
    assert found.agreement.value == 1.0
    assert found.agreement.n == 2  # c is a tie
    assert longest_baseline([one]) is None
