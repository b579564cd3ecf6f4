"""One row of the benchmark table."""

from __future__ import annotations

from typing import TypedDict


class Measure(TypedDict):
    """`value` against `target`, such as 0.98 against `≥ 0.97`."""

    measure: str
    value: float
    target: str
    ok: bool


def at_least(measure: str, value: float, target: float) -> Measure:
    """A row whose value must not be below the target."""
    return {"measure": measure, "value": round(value, 4), "target": f"≥ {target:g}", "ok": value >= target}


def at_most(measure: str, value: float, target: float) -> Measure:
    """A row whose value must not be above the target."""
    return {"measure": measure, "value": round(value, 4), "target": f"≤ {target:g}", "ok": value <= target}
