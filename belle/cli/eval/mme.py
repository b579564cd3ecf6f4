"""`belle eval mme`: answers to yes-or-no questions about pictures, scored as MME's authors do."""

from __future__ import annotations

import argparse
from pathlib import Path

from belle.durable import write_text
from belle.errors import KnownError
from belle.evaluation.mme.answers import AnswerPair, read_answers
from belle.evaluation.mme.report import json_document, markdown, page
from belle.evaluation.mme.scoring import score_models


def run(arguments: argparse.Namespace) -> int:
    """Print the tables and write the report. Returns the exit status; raises KnownError."""
    answers: dict[str, dict[str, list[AnswerPair]]] = {}
    for given in arguments.models:
        name = Path(given).resolve().name
        if name in answers:
            raise KnownError("usage", f"Two models have the name {name}.", "Rename one of the folders.")
        answers[name] = read_answers(Path(given))
    results = score_models(answers)
    print(markdown(results), end="")
    if arguments.output is not None:
        for name, document in (("mme.md", markdown), ("mme.json", json_document), ("mme.html", page)):
            write_text(arguments.output / name, document(results))
    return 0
