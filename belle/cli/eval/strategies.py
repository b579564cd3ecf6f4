"""`belle eval run --strategy`: one model by several strategies, and what each of them costs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from belle.cli.arguments import input_file, path_or_name, whole
from belle.clients.chat.answer_file import read_answers
from belle.dialogue.conversation import Example, Resources
from belle.dialogue.recall import nearest
from belle.dialogue.strategies.table import STRATEGIES
from belle.dialogue.tools.calculator import CALCULATOR
from belle.dialogue.tools.calendar import calendar_tool
from belle.errors import KnownError
from belle.evaluation.answers.answerer import EngineAnswerer, ModelAnswerer
from belle.evaluation.answers.strategy import SteppingAnswerer
from belle.evaluation.answers.turn_costs import COST_TITLE, COST_WORDS, MEASURES, TurnCosts, turn_costs
from belle.evaluation.sources.model_files import sha256

PROMPT_CACHE = 512 << 20
"""Bytes: the prompts of conversations, and of both of DUMA's minds, take turns in one context."""
CONTEXT = 4096

_MOST_EXAMPLES = 5_000


def add_strategy_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group(
        "strategies", "A GGUF answers in steps, with a calculator and a calendar, one question at a time."
    )
    group.add_argument(
        "--strategy",
        type=_names,
        default=(),
        metavar="NAME,…",
        help=f"{', '.join(STRATEGIES)}: several are asked one after the other, each as a model of its own",
    )
    group.add_argument("--slow", type=path_or_name, metavar="MODEL", help="duma's slow mind (default: the same model)")
    group.add_argument("--steps", type=whole(1, 50), default=6, metavar="N", help="steps of a turn (default: 6)")
    group.add_argument(
        "--recall", type=input_file, metavar="FILE", help="conversations from which raise recalls examples"
    )


def stepping_answerers(
    model: ModelAnswerer, slow: EngineAnswerer | None, arguments: argparse.Namespace
) -> Iterator[ModelAnswerer]:
    """`model` by each of the strategies; itself where there are none. Raises KnownError."""
    if not arguments.strategy:
        yield model
        return
    if not isinstance(model, EngineAnswerer):
        message = f"{model.name} cannot answer by a strategy: only a GGUF on this computer can be held to its syntax."
        raise KnownError("unsupported", message, "Name a GGUF file, or leave --strategy out.")
    tools = (CALCULATOR, calendar_tool())
    examples = _examples(arguments.recall) if arguments.recall else []
    for name in arguments.strategy:
        is_raise, is_duma = name == "raise", name == "duma"
        resources = Resources(
            tools if name != "plain" else (),
            (lambda question: nearest(examples, question)) if is_raise else lambda _: [],
            arguments.steps,
        )
        digest = {"recall": sha256(arguments.recall)} if is_raise and arguments.recall else {}
        yield SteppingAnswerer(name, model, slow if is_duma else None, resources, digest)


def print_costs(answers: Mapping[str, Path], items: Sequence[str]) -> None:
    """A table: each strategy's turns, with what they have cost on average and the half of its 95 % interval.

    Args:
        answers: files by the name of the model with its strategy.
        items: ids.
    """
    costs = {name: turn_costs(read_answers(path), items) for name, path in answers.items()}
    costs = {name: cost for name, cost in costs.items() if cost.turns}
    if not costs:
        return
    print(f"{COST_TITLE.lower()}, {COST_WORDS}")
    names = list(costs)
    width = max(20, *map(len, names)) + 2
    print(f"  {'':<20}" + "".join(f"{name:>{width}}" for name in names))
    for title, cells in _lines(costs):
        print(f"  {title:<20}" + "".join(f"{cell:>{width}}" for cell in cells))


def _lines(costs: Mapping[str, TurnCosts]) -> Iterator[tuple[str, list[str]]]:
    of = list(costs.values())
    yield "conversations", [f"{cost.conversations:,}" for cost in of]
    yield "turns", [f"{cost.turns:,}" for cost in of]
    for name, title in MEASURES.items():
        yield title, [cost.means[name].words for cost in of]
    for stop in sorted({stop for cost in of for stop in cost.stops}):
        yield f"ended: {stop}", [f"{cost.stops.get(stop, 0):,}" for cost in of]


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    unknown = next((name for name in names if name not in STRATEGIES), None)
    if unknown is not None:
        raise argparse.ArgumentTypeError(f"“{unknown}” is not a strategy; there are {', '.join(STRATEGIES)}")
    return names


def _examples(path: Path) -> list[Example]:
    """Each first question and answer of the conversations in a file."""
    from belle.data.read import read_rows

    rows = islice(read_rows(path, "conversation"), _MOST_EXAMPLES)
    pairs = ([message for message in row.messages if message.role != "system"][:2] for row in rows)
    return [Example(pair[0].content, pair[1].content) for pair in pairs if len(pair) == 2]
