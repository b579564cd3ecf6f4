"""`belle eval page`: one case in a browser, for a judge and for a person."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import tempfile
import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from belle import environment
from belle.cli.eval.folders import answers_by_model
from belle.cli.eval.judges import judge_decoding, judge_prompts, open_judge
from belle.cli.eval.models import file_name
from belle.cli.messages import say
from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.evaluation.answers.answerer import ModelAnswerer, StoppableAnswerer
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.items.read import read_set
from belle.evaluation.judge.verdicts import JudgedAnswer


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C. Raises KnownError, KeyboardInterrupt."""
    environment.check_packages("belle eval page", "httpx2", "jsonschema", "regex", "starlette", "uvicorn")
    from belle.evaluation.page.cases import CaseFinder
    from belle.evaluation.page.decisions import Decisions
    from belle.evaluation.page.judging import PageJudge
    from belle.evaluation.page.program import serve_page

    terminal = Terminal()
    items = read_set(arguments.set)
    answers = _answers(arguments.folder, items)
    by = _person(arguments.by)
    decisions = Decisions(_anchor_file(arguments), items.digest, by)
    prompts = judge_prompts(arguments)

    def on_ready(address: str, address_for_once: str) -> None:
        terminal.clear()
        terminal.note(say("page_ready", set=items.name, address=address), style="")
        if arguments.browser and _has_window():
            webbrowser.open(address_for_once)

    with _judge(arguments, terminal) as answerer, _reply_folder(arguments.folder) as folder:
        judge = None
        if answerer:
            replies = folder / f"page-{file_name(answerer.name)}"
            judge = PageJudge(answerer, prompts, replies, judge_decoding(arguments))
        finder = CaseFinder(items, answers, by)
        serve_page(finder, decisions, prompts, judge, port=arguments.port, on_ready=on_ready)
    return 0


def _answers(folder: Path | None, items: EvaluationItems) -> Mapping[str, Sequence[JudgedAnswer]]:
    if folder is None:
        return {}
    answers = answers_by_model(folder, items)
    if not answers:
        message = f"{folder} has no answers to {items.name}."
        raise KnownError("no_answers", message, "Give the folder and the set of “belle eval run”.")
    return answers


def _anchor_file(arguments: argparse.Namespace) -> Path | None:
    path: Path | None = arguments.anchors
    if path is None and arguments.folder is not None:
        path = arguments.folder / "anchors.jsonl"
    return path


def _person(name: str | None) -> str:
    """Who decides. Raises KnownError."""
    if name is not None:
        if not name.strip():
            raise KnownError("usage", "--by is empty.", "Give a name, such as --by li.")
        return name.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "me"


@contextmanager
def _judge(arguments: argparse.Namespace, terminal: Terminal) -> Iterator[StoppableAnswerer | None]:
    """The judge of the command line; None where none is named. Raises KnownError."""
    if not (arguments.judge or arguments.url or arguments.endpoints or arguments.model):
        yield None
        return
    with open_judge(arguments, terminal) as judge:
        yield _stoppable(judge)


def _stoppable(judge: ModelAnswerer) -> StoppableAnswerer:
    if not isinstance(judge, StoppableAnswerer):
        message = f"{judge.name} cannot be the judge of a page: it cannot be stopped when the page is left."
        raise KnownError("usage", message, "Give a GGUF file, or a server.")
    return judge


@contextmanager
def _reply_folder(folder: Path | None) -> Iterator[Path]:
    """Where the judge's replies are kept: with the answers, or for the time of the page."""
    if folder is not None:
        yield folder / "verdicts"
        return
    with tempfile.TemporaryDirectory(prefix="belle-page-") as temporary:
        yield Path(temporary)


def _has_window() -> bool:
    """Whether a browser would have a window: in a bare terminal, one would take the terminal."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
