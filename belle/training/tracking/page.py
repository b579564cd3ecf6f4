"""The HTML page about a run: its facts as words and tables, rendered with `page.html.j2`.

The page is one file without scripts and without links to other files. Every text in it is escaped by jinja2; only the
curves, which are drawn here from numbers, are inserted as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from belle.report.curves import svg
from belle.report.html import as_it_is, render
from belle.training.tracking.panel import printable
from belle.training.tracking.run_data import RunData
from belle.units import short_duration, short_size

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_TITLES = {
    "loss": "Loss",
    "lr": "Learning rate",
    "grad_norm": "Gradient norm",
    "tokens_per_s": "Tokens per second",
    "memory": "Memory (GB)",
    "kl": "KL divergence from the reference",
}
_DATA = {"data": "training", "eval_data": "evaluation"}
_STATUS = {
    "finished": ("good", "finished"),
    "stopped": ("warn", "stopped; it can be resumed"),
    "failed": ("bad", "failed"),
    "killed": ("bad", "ended without a message: killed, or the machine went down; it can be resumed"),
    "running": ("violet", "running"),
    "unknown": ("ink-2", "without a record of how it ended"),
}


def page(run: RunData) -> str:
    """The HTML of the page."""
    colour, status = _STATUS.get(run.status, _STATUS["unknown"])
    curves = [
        {
            "title": _TITLES.get(curve.name, curve.name.replace("_", " ")),
            "words": curve.words,
            "evaluation": bool(curve.evaluation),
            "svg": as_it_is(svg(curve, wide=curve.name == "loss")),
            "wide": curve.name == "loss",
        }
        for curve in (_in_gigabytes(curve) if curve.name == "memory" else curve for curve in run.curves)
    ]
    sessions = _sessions(run.record)
    return render(
        _TEMPLATE,
        {"size": short_size, "time": _time, "visible": lambda value: printable(str(value))},
        run=run,
        title=run.folder.resolve().name,
        colour=colour,
        status=status,
        reason=str(sessions[-1].get("reason", "")) if sessions else "",
        tiles=list(_tiles(run)),
        curves=curves,
        data=_table(run.record),
        facts=list(_facts(run.record)),
        sessions=sessions,
    )


def _tiles(run: RunData) -> Iterator[tuple[str, str]]:
    last = run.metrics[-1] if run.metrics else {}
    total = run.record.get("steps")
    if last:
        yield "steps", f"{last['step']:,}" + (f" of {total:,}" if isinstance(total, int) and total else "")
    for curve in run.curves:
        if curve.name == "loss":
            yield "last loss", f"{curve.points[-1][1]:.4f}"
            if curve.evaluation:
                yield "evaluation loss", f"{curve.evaluation[-1][1]:.4f}"
    for name, label in (("tokens", "tokens"), ("tokens_per_s", "tokens/s")):
        if isinstance(last.get(name), int | float):
            yield label, f"{last[name]:,.0f}"
    if isinstance(last.get("seconds"), int | float):
        yield "time", short_duration(last["seconds"])
    peak = max((row["memory"] for row in run.metrics if isinstance(row.get("memory"), int | float)), default=None)
    if peak is not None:
        yield "most memory", short_size(peak)


def _table(record: Mapping[str, Any]) -> tuple[list[str], list[tuple[str, list[str]]]] | None:
    """Counts per data set as a table: heads, and each row with its cells; None when there are no counts."""
    rows = {}
    for key, name in _DATA.items():
        counts = record.get(key)
        if isinstance(counts, Mapping) and counts:
            rows[name] = counts
    heads = list(dict.fromkeys(str(key) for counts in rows.values() for key in counts))
    cells = [(name, [_words(counts.get(head, "")) for head in heads]) for name, counts in rows.items()]
    return (heads, cells) if rows else None


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The other facts in the record, such as the parameters and the precision."""
    for name, value in record.items():
        if name in ("sessions", "steps", *_DATA):
            continue
        if isinstance(value, Mapping):
            yield name, ", ".join(f"{key} {_words(inner)}" for key, inner in value.items())
        else:
            yield name, _words(value)


def _sessions(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    sessions = record.get("sessions")
    listed = (
        [dict(session) for session in sessions if isinstance(session, Mapping)] if isinstance(sessions, list) else []
    )
    for session in listed:
        machine = session.get("machine")
        session["machine"] = ", ".join(_machine(machine)) if isinstance(machine, Mapping) else ""
        versions = session.get("versions")
        session["versions"] = dict(versions) if isinstance(versions, Mapping) else {}
    return listed


def _machine(machine: Mapping[str, Any]) -> Iterator[str]:
    yield str(machine.get("processor") or "")
    yield f"{machine.get('cores')} cores"
    if isinstance(machine.get("memory"), int | float):
        yield f"{short_size(machine['memory'])} memory"
    gpus = machine.get("gpus")
    for gpu in gpus if isinstance(gpus, list) else []:
        if isinstance(gpu, Mapping):
            memory = gpu.get("memory")
            yield f"{gpu.get('name')}" + (f" ({short_size(memory)})" if isinstance(memory, int | float) else "")
    yield str(machine.get("system") or "")


def _words(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def _time(text: Any) -> str:
    """A time in ISO 8601, formatted for people; any other text stays as it is."""
    try:
        return datetime.fromisoformat(str(text)).strftime("%Y-%m-%d %H:%M:%S %Z")
    except ValueError:
        return str(text)


def _in_gigabytes(curve: Any) -> Any:
    return type(curve)(curve.name, [(step, value / 1e9) for step, value in curve.points])
