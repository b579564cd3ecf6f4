"""`belle measure diff A B`: what changed between two reports, figure by figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from belle.evaluation.measurement import Measurement
from belle.evaluation.metric_table import BY_KEY, ModelRow, rows
from belle.evaluation.report.tasks import differences, tasks_of


def difference(before: Measurement, after: Measurement) -> str:
    """Text: the conditions that differ, then the figures of the models in both reports, paired by name or by file."""
    lines = [f"{what}: {one} → {other}" for what, one, other in _conditions(before, after) if one != other]
    if _what_was_read(before) != _what_was_read(after):
        lines.append("The two were measured on different text: their figures cannot be compared with each other.")
    first, second = rows(before), rows(after)
    pairs = _pairs(first, second)
    for one, other in pairs:
        lines += [
            "",
            one.model.name if one.model.name == other.model.name else f"{one.model.name} → {other.model.name}",
        ]
        lines += _figures(one, other)
    gone = [row.model.name for row in first if not any(row is one for one, _ in pairs)]
    new = [row.model.name for row in second if not any(row is other for _, other in pairs)]
    lines += [f"\nonly in the first: {', '.join(gone)}"] if gone else []
    lines += [f"\nonly in the second: {', '.join(new)}"] if new else []
    tasks, other_tasks = tasks_of(before), tasks_of(after)
    if tasks and other_tasks:
        lines += ["", *differences(tasks, other_tasks)]
    return "\n".join(lines).strip("\n")


def _what_was_read(result: Measurement) -> tuple[str, int] | None:
    return (result.text.sha256, result.text.n_windows) if result.text else None


def _conditions(before: Measurement, after: Measurement) -> Iterator[tuple[str, str, str]]:
    shown: dict[str, Callable[[Measurement], str]] = {
        "text": lambda m: f"{m.text.name} ({m.text.sha256[:12]})" if m.text else "none",
        "windows": lambda m: f"{m.text.n_windows} of {m.text.n_ctx}, stride {m.text.stride}" if m.text else "none",
        "reference": lambda m: f"{m.reference.name} ({''.join(m.reference.files.values())[:12]})",
        "machine": lambda m: str(m.machine.get("processor")),
    }
    for what, words in shown.items():
        yield what, words(before), words(after)
    for name in dict.fromkeys([*before.versions, *after.versions]):
        yield name, before.versions.get(name, "none"), after.versions.get(name, "none")


def _pairs(first: list[ModelRow], second: list[ModelRow]) -> list[tuple[ModelRow, ModelRow]]:
    """The reference with the reference; candidates with the same name, else with the same content."""
    pairs, left = [(first[0], second[0])], second[1:]
    for one in first[1:]:
        same = [row for row in left if row.model.name == one.model.name]
        same = same or [row for row in left if row.model.files.values() == one.model.files.values()]
        if same:
            pairs.append((one, same[0]))
            left = [row for row in left if row is not same[0]]
    return pairs


def _figures(one: ModelRow, other: ModelRow) -> Iterator[str]:
    for metric in BY_KEY.values():
        before, after = metric.value(one), metric.value(other)
        if "diff" not in metric.also or before is None or after is None:
            continue
        change = f"{100 * (after / before - 1):+.2f} %" if before else ""
        yield f"  {metric.name:<16} {metric.unit(before):>14} {metric.unit(after):>14}  {change:>10}".rstrip()
