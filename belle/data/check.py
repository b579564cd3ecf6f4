"""What a data file is made of and what is wrong with it, in one pass."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from belle.data.duplicates.groups import SimilarTexts
from belle.data.files import Record
from belle.data.read import scan_rows
from belle.data.rows import Conversation, Kind, Preference, Row, category_name, compared_text, kind_of, texts_of
from belle.data.trainable import untrainable
from belle.errors import KnownError
from belle.prompts import Message
from belle.prompts.targets import flaws_of

EXAMPLES = 20
"""Places that are listed for each finding; all are counted."""

LENGTHS = {"question": "questions", "answer": "answers", "row": "whole rows", "tokens": "whole rows in tokens"}
"""The lengths that are measured, with their titles; in characters, except `tokens`."""


@dataclass
class Finding:
    """Something that is wrong with some rows.

    Args:
        title: what it is.
        count: how often.
        places: the first of them: path, number, and what exactly.
    """

    title: str
    count: int = 0
    places: list[dict[str, Any]] = field(default_factory=list)

    def add(self, record: Record, detail: str = "") -> None:
        """Count one more, and list its place while there is room."""
        self.count += 1
        if len(self.places) < EXAMPLES:
            self.places.append({"path": record.path, record.unit: record.number, "detail": detail})


class Report:
    """The contents of a data file and its findings; `as_dict` is what `--json` prints."""

    def __init__(self) -> None:
        self.rows = 0
        self.kinds: Counter[str] = Counter()
        self.roles: Counter[str] = Counter()
        self.turns: Counter[int] = Counter()
        self.languages: Counter[str] = Counter()
        self.categories: Counter[str] = Counter()
        self.lengths: dict[str, array[int]] = {name: array("L") for name in LENGTHS}
        self.errors = Finding("not a row")
        self.left_out: Counter[str] = Counter()
        self.findings = {
            "empty-answer": Finding("an answer is empty, and not trained on"),
            "unasked-answer": Finding("an answer follows no question, and is not trained on"),
            "empty-question": Finding("a question is empty"),
            "no-answer": Finding("nothing is answered"),
            "unwanted": Finding("not to be learned"),
            "order": Finding("the roles do not take turns"),
            "same-answers": Finding("both answers of a pair are the same"),
            "duplicate": Finding("the same as an earlier row"),
            "near-duplicate": Finding("nearly the same as an earlier row"),
        }

    def as_dict(self) -> dict[str, Any]:
        """Plain values: numbers, texts, lists."""
        return {
            "rows": self.rows,
            "kinds": dict(self.kinds),
            "errors": {"count": self.errors.count, "places": self.errors.places},
            "findings": {n: {"count": f.count, "places": f.places} for n, f in self.findings.items() if f.count},
            "left_out": dict(self.left_out.most_common()),
            "roles": dict(self.roles),
            "turns": {str(turns): count for turns, count in sorted(self.turns.items())},
            "languages": dict(self.languages.most_common()),
            "categories": dict(self.categories.most_common()),
            "lengths": {name: summary(values) for name, values in self.lengths.items() if values},
        }


def summary(values: Sequence[int]) -> dict[str, float]:
    """Smallest, mean, median, 90 %, 99 % and largest."""
    ordered = sorted(values)
    at = {f"p{percent}": float(ordered[(len(ordered) - 1) * percent // 100]) for percent in (50, 90, 99)}
    return {"min": ordered[0], "mean": round(sum(ordered) / len(ordered), 1), **at, "max": ordered[-1]}


def check(
    path: Path | str,
    kind: Kind | None = None,
    format: str = "auto",  # noqa: A002
    *,
    near: float | None = None,
    limit: int | None = None,
    count_tokens: Callable[[str], int] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Check every row.

    Args:
        kind: that the rows must have; None for any.
        near: also look for near duplicates, from this similarity on (0…1).
        limit: check only the first rows, this many.
        count_tokens: also measure the texts in tokens.
        progress: called with the number of rows so far.

    Raises KnownError as `read_rows`, but not for single records: those are in the report.
    """
    report = Report()
    similar = SimilarTexts(near if near is not None else 1.0)
    places = _Places()
    for record, row in scan_rows(path, kind, format):
        if limit is not None and report.rows >= limit:
            break
        if isinstance(row, KnownError):
            report.errors.add(record, row.details["problem"] + (f" ({row.advice})" if row.advice else ""))
            continue
        _check_row(report, record, row, count_tokens)
        similar.add(compared_text(row))
        places.add(record)
        if report.rows % 1000 == 0:
            progress(report.rows)
    _find_duplicates(report, similar, places)
    return report


def _check_row(report: Report, record: Record, row: Row, count_tokens: Callable[[str], int] | None) -> None:
    report.rows += 1
    report.kinds[kind_of(row)] += 1
    texts = texts_of(row)
    whole = "\n".join(texts)
    report.languages[language_of(whole)] += 1
    if row.category:
        report.categories[category_name(row.category)] += 1
    if reason := untrainable(row):
        report.left_out[reason] += 1
    report.lengths["row"].append(sum(map(len, texts)))
    if count_tokens is not None:
        report.lengths["tokens"].append(sum(map(count_tokens, texts)))
    if isinstance(row, Conversation):
        _check_messages(report, record, row.messages)
        if row.unwanted:
            report.findings["unwanted"].add(record, row.unwanted)
        report.lengths["answer"].extend(len(m.content) for m in row.messages if m.role == "assistant")
    elif isinstance(row, Preference):
        _check_messages(report, record, row.prompt, answered=True)
        report.lengths["answer"].extend((len(row.chosen), len(row.rejected)))
        if not row.chosen.strip():
            report.findings["empty-answer"].add(record, "chosen")
        if row.chosen.strip() == row.rejected.strip():
            report.findings["same-answers"].add(record)
    elif not row.text.strip():
        report.findings["empty-answer"].add(record, "text")


def _check_messages(report: Report, record: Record, messages: Sequence[Message], *, answered: bool = False) -> None:
    report.turns[sum(m.role == "user" for m in messages)] += 1
    previous = ""
    flaws = flaws_of(messages)
    for number, message in enumerate(messages, start=1):
        report.roles[message.role] += 1
        if message.role == "user":
            report.lengths["question"].append(len(message.content))
        if not message.content.strip() and message.role == "user":
            report.findings["empty-question"].add(record, f"turn {number}")
        if number - 1 in flaws:
            report.findings[flaws[number - 1]].add(record, f"turn {number}")
        expected = {"": ("system", "user"), "system": ("user",), "user": ("assistant",), "assistant": ("user",)}
        if message.role not in expected[previous]:
            report.findings["order"].add(record, f"turn {number}: {message.role} after {previous or 'nothing'}")
        previous = message.role
    if not answered and not any(m.role == "assistant" for m in messages):
        report.findings["no-answer"].add(record)


class _Places:
    """Where each row came from, in a few bytes."""

    def __init__(self) -> None:
        self._paths: list[tuple[str, str]] = []
        self._starts = array("Q")
        self._numbers = array("Q")

    def add(self, record: Record) -> None:
        if not self._paths or self._paths[-1] != (record.path, record.unit):
            self._paths.append((record.path, record.unit))
            self._starts.append(len(self._numbers))
        self._numbers.append(record.number)

    def of(self, index: int) -> Record:
        path, unit = self._paths[bisect_right(self._starts, index) - 1]
        return Record(path, self._numbers[index], unit, None)


def _find_duplicates(report: Report, similar: SimilarTexts, places: _Places) -> None:
    if not len(similar):
        return
    exact = similar.exact_groups()
    groups = similar.groups()
    for index, (same, first) in enumerate(zip(exact.tolist(), groups.tolist(), strict=True)):
        if first == index:
            continue
        name, original = ("duplicate", same) if same != index else ("near-duplicate", first)
        earlier = places.of(original)
        report.findings[name].add(places.of(index), f"{earlier.unit} {earlier.number} of {earlier.path}")


Language = Literal["zh", "en", "mixed", "ja", "ko", "other", "none"]

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_KANA = re.compile(r"[\u3041-\u30ff]")
_HANGUL = re.compile(r"[\uac00-\ud7af]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_LETTER = re.compile(r"[^\W\d_]")
_LONGEST = 4000


def language_of(text: str) -> Language:
    """The language of the first 4,000 characters, guessed from the script: enough to see what a data set is made of.

    `mixed` is Chinese and Latin words, neither below a tenth.

    Latin script counts as `en`. A Chinese character weighs as much as a Latin word, so that a name in a Chinese
    sentence leaves it Chinese.
    """
    text = text[:_LONGEST]
    han, latin = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    letters = len(_LETTER.findall(text))
    if not letters:
        return "none"
    if len(_KANA.findall(text)) > 0.1 * letters:
        return "ja"
    if len(_HANGUL.findall(text)) > 0.1 * letters:
        return "ko"
    if han + latin == 0:
        return "other"
    share = han / (han + latin)
    if share >= 0.9:
        return "zh"
    return "mixed" if share >= 0.1 else "en"
