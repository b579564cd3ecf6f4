"""`belle eval mme`: yes-or-no questions about pictures, asked and scored as MME's authors do."""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from belle import environment
from belle.cli.eval.models import file_name, is_checkpoint, model_name
from belle.cli.terminal import Terminal, bar
from belle.durable import write_text
from belle.errors import KnownError
from belle.evaluation.mme.answers import AnswerPair, read_answers
from belle.evaluation.mme.ask import MOST_TOKENS, PictureAnswerer, ask_all
from belle.evaluation.mme.engine_answerer import seeing_engine
from belle.evaluation.mme.questions import OWN, MmePicture, own_folder, read_pictures
from belle.evaluation.mme.report import json_document, markdown, page
from belle.evaluation.mme.scoring import score_models
from belle.models.catalog import resolve


def run(arguments: argparse.Namespace) -> int:
    """Ask the models, print the tables and write the report. Returns the exit status; raises KnownError."""
    names = [_name(given) for given in arguments.models]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise KnownError("usage", f"Two models have the name {twice}.", "Rename one of the folders or files.")
    asked = [given for given in arguments.models if not _has_answers(given)]
    if asked and arguments.output is None:
        raise KnownError("usage", f"{asked[0]} has to be asked.", "Say with -o DIR where its answers are kept.")
    pictures = _pictures(arguments.pictures) if asked else []
    answers: dict[str, dict[str, list[AnswerPair]]] = {}
    for given, name in zip(arguments.models, names, strict=True):
        if given in asked:
            answers[name] = _ask(given, name, pictures, arguments)
        else:
            answers[name] = read_answers(Path(given))
    results = score_models(answers)
    print(markdown(results), end="")
    if arguments.output is not None:
        for file, document in (("mme.md", markdown), ("mme.json", json_document), ("mme.html", page)):
            write_text(arguments.output / file, document(results))
    return 0


def _has_answers(given: str) -> bool:
    """Whether it is a folder with answers, and not a model."""
    return Path(given).expanduser().is_dir() and not is_checkpoint(given)


def _name(given: str) -> str:
    return Path(given).expanduser().resolve().name if _has_answers(given) else model_name(given)


def _pictures(given: str) -> list[MmePicture]:
    return read_pictures(own_folder() if given == OWN and not Path(given).exists() else Path(given))


def _ask(
    given: str, name: str, pictures: list[MmePicture], arguments: argparse.Namespace
) -> dict[str, list[AnswerPair]]:
    terminal = Terminal()

    def show(done: int, total: int) -> None:
        terminal.progress(f"{name}: {done:,} of {total:,} answers")

    try:
        with _answerer(given, name, arguments, terminal) as answerer:
            return ask_all(pictures, answerer, arguments.output / "answers" / file_name(name), show)
    finally:
        terminal.clear_line()


def _answerer(
    given: str, name: str, arguments: argparse.Namespace, terminal: Terminal
) -> AbstractContextManager[PictureAnswerer]:
    """A checkpoint in transformers, or a GGUF in the engine. Raises KnownError."""
    if not is_checkpoint(given):
        return seeing_engine(
            resolve(given).path,
            name,
            mmproj=arguments.mmproj,
            template=arguments.template,
            threads=arguments.threads,
            on_loading=lambda fraction: terminal.progress(f"loading {bar(fraction)}"),
        )
    environment.check_packages("Asking a checkpoint", "torch", "transformers")
    from belle.training.export.picture_answerer import SeeingCheckpoint

    terminal.progress(f"loading {name}")
    checkpoint = SeeingCheckpoint(
        given, name=name, max_tokens=MOST_TOKENS, template=arguments.template, say=terminal.note
    )
    return nullcontext(checkpoint)
