"""The part of a report about questions and answers, for every form of the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from belle.evaluation.measurement import Measurement
from belle.evaluation.metric_table import MISSING
from belle.evaluation.tasks.result import WAYS, Accuracy, CategoryPair, Change, ModelTasks, Paired, TaskMeasurement, Way

_NAMES: dict[Way, str] = {"letter": "by letter", "text": "by text", "generation": "generated"}
_TITLES: dict[Way, str] = {
    "letter": "Questions: answers by letter",
    "text": "Questions: answers by text",
    "generation": "Questions: generated answers",
}
_LANGUAGES = {"zh": "in Chinese", "en": "in English"}
_DEFINED: dict[Way, str] = {
    "letter": "The choices are listed; the answer is the letter that is the most probable after “Answer:”, as MMLU and "
    "C-Eval are scored.",
    "text": "The choices are not shown; the answer is the choice whose text has the highest log-probability per byte "
    "after “Answer:” (acc_norm of lm-evaluation-harness, with bytes). A question without choices is answered right "
    "when every token of the answer is the most probable one. Bits per byte: loss on the right answers' text.",
    "generation": "The most probable token is taken at every step, at most {choice} tokens where there are choices and "
    "{exact} elsewhere; the answer in them is found by the rules of belle/evaluation/tasks/answer_rules.py. Where none "
    "is found, it counts as wrong and as unparsed; two of these are the same answer.",
}
_FLIPS = (
    "Lost: the reference is right and the candidate wrong; won: the other way round. p: McNemar's exact test, "
    "two-sided. Same answer: also where both are wrong. Intervals are Wilson's, 95 %."
)


@dataclass(frozen=True, slots=True)
class TextGrid:
    """A table of texts; the first `lead` columns are words, the others figures."""

    title: str
    words: str
    head: list[str]
    rows: list[list[str]]
    lead: int = 1


def tasks_of(result: Measurement) -> TaskMeasurement | None:
    """The result of `--tasks`; None without it."""
    data = result.extra.get("tasks")
    return TaskMeasurement.from_data(data) if data else None


def about_tasks(tasks: TaskMeasurement) -> str:
    """One sentence about the questions, and how they were asked."""
    named = {"choice": "with choices", "exact": "with an exact answer", "free": "with one of many answers"}
    kinds = ", ".join(f"{count} {named[kind]}" for kind, count in tasks.kinds.items())
    left_out = f"; {tasks.n_left_out} without an answer are left out" if tasks.n_left_out else ""
    form = {
        "plain": "asked plainly, as a text to be completed",
        "chat": "asked in the model's own prompt template",
    }.get(tasks.form, f"asked in the template {tasks.form}")
    shots = f"{tasks.shots} examples before each" if tasks.shots else "no examples before them"
    return f"{tasks.items}: {tasks.n_items} questions ({kinds}{left_out}), {form}, {shots}."


def unfinished(tasks: TaskMeasurement) -> list[str]:
    """A sentence for each model that was not asked everything, or has too short a context for some questions."""
    models = (tasks.reference, *tasks.candidates)
    return [
        f"{model.name} was asked {model.n_done} of {tasks.n_items} questions."
        for model in models
        if model.n_done < tasks.n_items
    ] + [
        f"{model.n_too_long} questions are too long for {model.name} and are not counted."
        for model in models
        if model.n_too_long
    ]


def grids(tasks: TaskMeasurement, *, most_flips: int) -> Iterator[TextGrid]:
    """The tables: accuracy in every way of asking, then for every candidate its categories and its flips."""
    models = [tasks.reference, *tasks.candidates]
    ways = [way for way in WAYS if any(way in model.accuracy for model in models)]
    for way in ways:
        head, rows = _accuracies(way, [model for model in models if way in model.accuracy])
        words = _DEFINED[way].format_map(tasks.most_tokens)
        yield TextGrid(_TITLES[way], f"{words} {_FLIPS}" if way == ways[0] else words, head, rows)
    for candidate in tasks.candidates:
        if candidate.categories:
            yield _by_category(candidate)
        flips = [change for change in candidate.changes if change.kind != "other"]
        if flips:
            yield _flips(candidate, flips, most_flips)


def summary_rows(tasks: TaskMeasurement) -> list[list[str]]:
    """Cells for the terminal, the heading first."""
    ways = [way for way in WAYS if way in tasks.reference.accuracy]
    rows = [["", *(cell for way in ways for cell in (_NAMES[way], "lost", "won"))]]
    for model in (tasks.reference, *tasks.candidates):
        row = [model.name]
        for way in ways:
            paired = model.paired.get(way)
            flips = [str(paired.lost), str(paired.won)] if paired else ["", ""]
            row += [_percent(model.accuracy[way].value) if way in model.accuracy else MISSING, *flips]
        rows.append(row)
    return rows


def csv_cells(model: ModelTasks) -> dict[str, float | None]:
    """Every figure of a model by its column in CSV."""
    cells: dict[str, float | None] = {"tasks_bits_per_byte": model.bits_per_byte}
    for way in WAYS:
        accuracy, paired = model.accuracy.get(way), model.paired.get(way)
        for name in ("n", "right", "value", "low", "high", "unparsed"):
            key = "accuracy" if name == "value" else name
            cells[f"tasks_{way}_{key}"] = getattr(accuracy, name) if accuracy else None
        for name in ("lost", "won", "changed", "p"):
            cells[f"tasks_{way}_{name}"] = getattr(paired, name) if paired else None
    return cells


def differences(before: TaskMeasurement, after: TaskMeasurement) -> Iterator[str]:
    """Lines that compare the references, and the candidates with the same name in both."""
    if before.sha256 != after.sha256 or (before.form, before.shots) != (after.form, after.shots):
        yield "The two were asked different questions, or in another form: accuracies cannot be compared."
    others = {model.name: model for model in after.candidates}
    pairs = [(before.reference, after.reference)]
    pairs += [(model, others[model.name]) for model in before.candidates if model.name in others]
    for one, other in pairs:
        yield f"\n{one.name if one.name == other.name else f'{one.name} → {other.name}'}: questions"
        for way in WAYS:
            if way in one.accuracy and way in other.accuracy:
                yield _difference(_NAMES[way], one.accuracy[way].value, other.accuracy[way].value)
            if way in one.paired and way in other.paired:
                yield _difference("  same answer", one.paired[way].agreement, other.paired[way].agreement)


def _difference(name: str, before: float, after: float) -> str:
    change = f"{100 * (after - before):+.1f} points"
    return f"  {name:<16} {_percent(before):>14} {_percent(after):>14}  {change:>10}"


def _accuracies(way: Way, models: Sequence[ModelTasks]) -> tuple[list[str], list[list[str]]]:
    head = ["Model", "Items", "Accuracy", "95 % interval", "Lost", "Won", "p", "Same answer"]
    more = {"generation": "Unparsed", "text": "Bits per byte"}.get(way)
    rows = []
    for model in models:
        accuracy = model.accuracy[way]
        row = [model.name, str(accuracy.n), _percent(accuracy.value), _interval(accuracy)]
        row += _pair_cells(model.paired.get(way))
        if way == "generation":
            row.append(str(accuracy.unparsed))
        if way == "text":
            row.append(MISSING if model.bits_per_byte is None else f"{model.bits_per_byte:.4f}")
        rows.append(row)
    return [*head, *([more] if more else [])], rows


def _pair_cells(paired: Paired | None) -> list[str]:
    if paired is None:
        return [MISSING] * 4
    p = "< 0.0001" if paired.p < 0.0001 else f"{paired.p:.4f}"
    return [str(paired.lost), str(paired.won), p, _percent(paired.agreement)]


def _by_category(candidate: ModelTasks) -> TextGrid:
    ways = [way for way in WAYS if any(way in group for group in candidate.categories.values())]
    head = ["", "Items", *(cell for way in ways for cell in (_NAMES[way].capitalize(), "Same"))]
    languages = candidate.languages if len(candidate.languages) > 1 else {}
    groups = {_LANGUAGES[name]: group for name, group in languages.items()} | dict(candidate.categories)
    rows = [
        [name, str(max(pair.n for pair in group.values())), *(cell for way in ways for cell in _group(group.get(way)))]
        for name, group in groups.items()
    ]
    words = "Right answers of the reference → of the candidate, and the share of the same answers."
    return TextGrid(f"Questions by category: {candidate.name}", words, head, rows)


def _group(pair: CategoryPair | None) -> list[str]:
    if pair is None:
        return [MISSING, MISSING]
    before, after = (f"{100 * right / pair.n:.0f}" for right in (pair.right_reference, pair.right_candidate))
    return [f"{before} → {after} %", f"{100 * (1 - pair.changed / pair.n):.0f} %"]


def _flips(candidate: ModelTasks, flips: Sequence[Change], most: int) -> TextGrid:
    ordered = sorted(flips, key=lambda change: (change.kind, WAYS.index(change.way)))
    words = f"{sum(f.kind == 'lost' for f in flips)} answers lost and {sum(f.kind == 'won' for f in flips)} won."
    if len(flips) > most:
        words += f" The first {most} are shown; report.json has all of them."
    rows = [
        [f"{change.kind}, {_NAMES[change.way]}", change.question, change.answer, change.before, change.after]
        for change in ordered[:most]
    ]
    rows = [[cell or "(no answer)" for cell in row] for row in rows]
    head = ["Flip", "Question", "Right answer", "Reference", "Candidate"]
    return TextGrid(f"Flips: {candidate.name}", words, head, rows, lead=len(head))


def _interval(accuracy: Accuracy) -> str:
    return f"{100 * accuracy.low:.1f} – {100 * accuracy.high:.1f} %"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
