"""`belle eval report`: the scores of models, with intervals, as HTML, Markdown, CSV or JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

from belle import environment
from belle.cli.eval.judged import JudgedFolders, read_judged
from belle.durable import write_text
from belle.errors import KnownError
from belle.evaluation.items.read import read_set
from belle.evaluation.judge.anchors import read_anchors
from belle.evaluation.measurement import read_measurement
from belle.evaluation.scores.report.contents import ReportOptions, ScoreReport, score_report
from belle.evaluation.scores.report.examples import examples, flips
from belle.evaluation.scores.report.labels import ModelLabels, read_labels
from belle.evaluation.scores.report.markdown import csv_text, json_document, markdown
from belle.evaluation.scores.report.page import page

_KINDS = (".html", ".md", ".csv", ".json")


def run(arguments: argparse.Namespace) -> int:
    """Print the tables and write the files that were asked for. Raises KnownError."""
    environment.check_packages("belle eval", "jsonschema", "regex")
    for path in arguments.output:
        if path.suffix.lower() not in _KINDS:
            raise KnownError("usage", f"{path} is of no known kind.", f"A report ends with {', '.join(_KINDS)}.")
    items = read_set(arguments.set)
    judged = read_judged(arguments.folders, items, arguments.set)
    if arguments.measure and not arguments.reference:
        message = "--measure belongs to --reference."
        raise KnownError("usage", message, "Name the model that the others are smaller files of.")
    options = ReportOptions(
        read_labels(arguments.labels, judged.scores) if arguments.labels else ModelLabels(),
        read_anchors(arguments.anchors) if arguments.anchors else None,
        arguments.reference,
        [read_measurement(path) for path in arguments.measure],
        arguments.published,
        judged.costs,
    )
    report = score_report(items, judged.scores, judged.pairs, options)
    print(markdown(report))
    for path in arguments.output:
        write_text(path, _document(path, report, judged, arguments.examples))
        print(f"wrote {path}")
    return 0


def _document(path: Path, report: ScoreReport, judged: JudgedFolders, n_examples: int) -> str:
    """What a file is to have, by the end of its name."""
    match path.suffix.lower():
        case ".html":
            return _page(report, judged, n_examples)
        case ".md":
            return markdown(report)
        case ".csv":
            return csv_text(report)
    return json_document(report)


def _page(report: ScoreReport, judged: JudgedFolders, n_examples: int) -> str:
    scores, answers = judged.scores, judged.answers
    shown = {name: examples(answers.get(name, []), scores[name], n_examples) for name in scores}
    lost = {}
    if report.quantization:
        reference = report.quantization.reference
        for model in report.quantization.models:
            both = answers.get(reference, []), answers.get(model.model, [])
            lost[model.model] = flips(scores[reference], scores[model.model], *both, n_examples)
    return page(report, shown, lost)
