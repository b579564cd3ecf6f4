"""Who writes and who judges in `belle data generate`: GGUFs in the engine, or models on servers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from belle.cli.eval.models import open_models
from belle.cli.terminal import Terminal
from belle.clients.chat.endpoints import read_endpoints
from belle.clients.chat.replies import ChatReply
from belle.errors import KnownError
from belle.evaluation.answers.answerer import ModelAnswerer

ITSELF = "itself"
"""The judge that is the generator."""

_CTX_ABOUT_PASSAGES = 4096
"""Tokens for a request with a passage and its reply."""


@dataclass(frozen=True, slots=True)
class GenerationModels:
    """Who writes rows, and who scores them."""

    generator: ModelAnswerer
    judge: ModelAnswerer | None


@contextmanager
def open_generator_and_judge(arguments: argparse.Namespace, terminal: Terminal) -> Iterator[GenerationModels]:
    """The models of the command line, opened. Raises KnownError."""
    on_servers = {endpoint.model for endpoint in read_endpoints(arguments.endpoints)} if arguments.endpoints else set()
    on_servers |= {arguments.model} if arguments.model else set()
    if arguments.passages and not arguments.ctx:
        arguments = argparse.Namespace(**{**vars(arguments), "ctx": _CTX_ABOUT_PASSAGES * arguments.parallel})
    judge = arguments.judge
    local_judge = judge if judge not in (None, ITSELF, *on_servers) else None
    files = [name for name in (arguments.writer, local_judge) if name]
    with ExitStack() as stack:
        opened = [stack.enter_context(model) for model in open_models(files, arguments, terminal)]
        by_name = {answerer.name: answerer for answerer in opened[len(files) :]}
        judging = by_name.pop(judge) if judge in by_name else opened[len(files) - 1] if local_judge else None
        writing = [*(opened[:1] if arguments.writer else ()), *by_name.values()]
        if len(writing) != 1:
            named = ", ".join(answerer.name for answerer in writing) or "none"
            message = f"There has to be one model that writes, and here are: {named}."
            raise KnownError("usage", message, "Give --writer, or one model on servers; a second one only as --judge.")
        terminal.clear_line()
        yield GenerationModels(writing[0], writing[0] if judge == ITSELF else judging)


def reply_price(arguments: argparse.Namespace) -> Callable[[ChatReply], float]:
    """The cost of a reply, by the prices of the endpoint that it came from; 0 without a price. Raises KnownError."""
    endpoints = read_endpoints(arguments.endpoints) if arguments.endpoints else []
    by_model = {(endpoint.url, endpoint.model): endpoint for endpoint in endpoints}

    def price(reply: ChatReply) -> float:
        endpoint = by_model.get((reply.endpoint, reply.asked_model))
        return endpoint.cost(reply.prompt_tokens, reply.completion_tokens) if endpoint is not None else 0.0

    return price
