"""The costs of turns against closed forms."""

from __future__ import annotations

import math
from typing import Any

import pytest

from belle.dialogue.turn_record import TurnRecord, TurnUsage
from belle.evaluation.answers.turn_costs import turn_costs


def row(name: str, seconds: float, slow_calls: int = 0, stop: str = "finished") -> dict[str, Any]:
    usage = TurnUsage(2, slow_calls, 1, 100, 60, 20, seconds, None)
    return {"id": name, "record": TurnRecord("duma", stop, usage=usage).fields}  # type: ignore[arg-type]


def test_a_conversation_counts_once_and_the_interval_is_over_conversations() -> None:
    rows = [row("a/1", 1.0), row("a/2", 3.0, slow_calls=2), row("b/1", 4.0, stop="limit"), row("c/1", 100.0)]
    costs = turn_costs([*rows, {"id": "b/2", "choices": []}], ["a", "b"])
    assert (costs.conversations, costs.turns, costs.stops) == (2, 3, {"finished": 2, "limit": 1})
    seconds = costs.means["seconds"]
    assert seconds.value == pytest.approx(3.0)  # of 2 and 4
    assert seconds.half == pytest.approx(12.706, rel=0.12)  # Student's of one degree, times √2/√2
    assert costs.means["new_tokens"].value == 40
    assert costs.means["woke_slow"].value == pytest.approx(0.25)
    assert math.isnan(costs.means["first_words_s"].value)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"usage": None},
        {"usage": []},
        {"usage": {"seconds": "long"}},
        {"usage": {"seconds": 1.0, "prompt_tokens": "many", "reused_tokens": 0, "slow_calls": 0}},
        {"usage": {"seconds": 1.0, "prompt_tokens": 1, "reused_tokens": 0}},
        {"usage": {"seconds": 10**400, "prompt_tokens": 1, "reused_tokens": 0, "slow_calls": 0}},
        {"usage": {"seconds": float("nan"), "prompt_tokens": 1, "reused_tokens": 0, "slow_calls": 0}},
        "duma",
    ],
)
def test_a_damaged_record_is_in_no_mean(record: Any) -> None:
    costs = turn_costs([{"id": "a/1", "record": record}, row("b/1", 2.0)], ["a", "b"])
    assert (costs.conversations, costs.turns, costs.stops) == (1, 1, {"finished": 1})
    assert costs.means["seconds"].words == "2.00"


def test_of_nothing_there_is_no_mean() -> None:
    costs = turn_costs([], ["a"])
    assert costs.turns == 0
    assert math.isnan(costs.means["seconds"].value)
