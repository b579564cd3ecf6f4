"""`belle eval report`: the scores of models, with intervals, as HTML, Markdown, CSV or JSON."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from belle import environment
from belle.cli.eval.folders import answers_by_model
from belle.durable import write_text
from belle.errors import KnownError
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.items.read import read_set
from belle.evaluation.judge.anchors import Anchors, read_anchors
from belle.evaluation.judge.scores import ModelScores, read_scores
from belle.evaluation.judge.verdicts import JudgedAnswer
from belle.evaluation.scores.examples import examples
from belle.evaluation.scores.markdown import csv_text, json_document, markdown
from belle.evaluation.scores.page import page
from belle.evaluation.scores.table import ScoreTable, score_table


def run(arguments: argparse.Namespace) -> int:
    """Print the table and write the files that were asked for. Raises KnownError."""
    environment.check_packages("belle eval", "jsonschema", "regex")
    items = read_set(arguments.set)
    scores = _all_scores(arguments.folders, arguments.set)
    table = score_table(items, list(scores.values()))
    print(markdown(table))
    if arguments.anchors:
        print(_anchors_line(read_anchors(arguments.anchors), arguments.anchors))
    for path in arguments.output:
        write_text(path, _document(path, table, items, scores, arguments))
        print(f"wrote {path}")
    return 0


def _anchors_line(anchors: Anchors, path: Path) -> str:
    """What people have decided, and what of the file could not be read."""
    line = f"{path}: {len(anchors.scores):,} scores and {len(anchors.pairs):,} pairs decided by people"
    return f"{line}, {anchors.unreadable:,} rows unreadable" if anchors.unreadable else line


def _all_scores(folders: Sequence[Path], set_name: str) -> dict[str, ModelScores]:
    """Of every model in the folders, by name. Raises KnownError."""
    scores: dict[str, ModelScores] = {}
    for folder in folders:
        for file in sorted((folder / "scores").glob("*.json")):
            model = read_scores(file)
            if model.model in scores:
                message = f"Two of the folders have a model named {model.model}."
                raise KnownError("usage", message, "Report the folders one by one.")
            scores[model.model] = model
    if not scores:
        message = f"{folders[0]} has no scores."
        advice = f"Judge first: belle eval judge {folders[0]} --set {set_name} --judge MODEL"
        raise KnownError("no_scores", message, advice)
    return scores


def _document(
    path: Path,
    table: ScoreTable,
    items: EvaluationItems,
    scores: Mapping[str, ModelScores],
    arguments: argparse.Namespace,
) -> str:
    """What a file is to have, by the end of its name. Raises KnownError."""
    match path.suffix.lower():
        case ".html":
            answers: dict[str, list[JudgedAnswer]] = {}
            for folder in arguments.folders:
                answers |= answers_by_model(folder, items)
            shown = {name: examples(answers.get(name, []), scores[name], arguments.examples) for name in scores}
            return page(table, shown)
        case ".md":
            return markdown(table)
        case ".csv":
            return csv_text(table)
        case ".json":
            return json_document(table)
    raise KnownError("usage", f"{path} is of no known kind.", "Such as report.html, .md, .csv or .json.")
