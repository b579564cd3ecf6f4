"""What answers: a GGUF in the engine, or servers. Both take the same requests and give the same replies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from belle.clients.chat.batch_file import outcome_of
from belle.clients.chat.bulk import SpendingLimit, Take, Tally, answer_all
from belle.clients.chat.client import ChatClient, RequestError
from belle.clients.chat.endpoints import Endpoint
from belle.clients.chat.replies import ChatReply, ReplyChoice
from belle.clients.chat.requests import RowRequest, seed_of
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done
from belle.engine.schemas.json_schema import grammar_of
from belle.evaluation.sources.model_files import files_digest, model_files
from belle.interrupts import cancelling
from belle.prompts import Message


class ModelAnswerer(Protocol):
    """Answers requests.

    Attributes:
        name: of the model, for tables and files.
        identity: what its answers depend on, besides the request.
    """

    name: str
    identity: Mapping[str, Any]

    def answer(self, requests: Iterable[RowRequest], take: Take) -> None:
        """Answer all of `requests`; each outcome is handed to `take`. Raises KnownError."""


@runtime_checkable
class StoppableAnswerer(ModelAnswerer, Protocol):
    """One that can be told, from another thread, that nobody waits for its answers any more."""

    def stop(self) -> None:
        """Have the `answer` that runs now return soon; what has no answer by then gets none."""


class ServerAnswerer:
    """A model on one server or several.

    Args:
        endpoints: that offer this model.
        limit: what all the answers together may cost.
        say: told what a person should know.
        tally: what has been spent, also by other models; None for nothing yet.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        limit: SpendingLimit,
        say: Callable[[str], None] = lambda _: None,
        *,
        tally: Tally | None = None,
    ) -> None:
        self.name = endpoints[0].model
        self.identity: Mapping[str, Any] = {"model": self.name}
        self._tally = tally or Tally()
        self._other_models: set[tuple[str, str]] = set()
        self._endpoints = endpoints
        self._limit = limit
        self._say = say
        self._cancel: Callable[[], object] = lambda: None

    def answer(self, requests: Iterable[RowRequest], take: Take) -> None:
        """As `ModelAnswerer.answer`. An answer of another model is taken, and its name said once."""
        spent_before = self._tally.spent

        def take_and_say(request: RowRequest, outcome: ChatReply | RequestError) -> None:
            if isinstance(outcome, ChatReply) and outcome.is_of_another_model:
                self._say_other_model(outcome)
            take(request, outcome)

        async def work() -> None:
            task, loop = asyncio.current_task(), asyncio.get_running_loop()
            assert task is not None
            self._cancel = partial(loop.call_soon_threadsafe, task.cancel)
            async with ChatClient(self._endpoints, say=self._say) as client:
                await answer_all(
                    client, requests, take_and_say, tally=self._tally, limit=self._limit, prices=self._endpoints
                )

        # Cancelled by `stop`, or by Ctrl-C.
        with cancelling(self.stop), suppress(asyncio.CancelledError):
            asyncio.run(work())
        if self._tally.spent and not spent_before:
            self._say(f"The limit is reached: {self._tally.tokens:,} tokens are spent, and no more is asked.")

    def stop(self) -> None:
        """As `StoppableAnswerer.stop`."""
        with suppress(RuntimeError):  # the loop has ended, and all answers with it
            self._cancel()

    def _say_other_model(self, reply: ChatReply) -> None:
        if (reply.endpoint, reply.model) not in self._other_models:
            self._other_models.add((reply.endpoint, reply.model))
            self._say(f"{reply.endpoint} was asked for {reply.asked_model} and answers as {reply.model}.")


class BatchWriter:
    """Answers nothing: it collects what is to be asked, for a cluster without a network path.

    Args:
        model: its name there.
    """

    def __init__(self, model: str) -> None:
        self.name = model
        self.identity: Mapping[str, Any] = {"model": model}
        self.requests: list[RowRequest] = []

    def answer(self, requests: Iterable[RowRequest], take: Take) -> None:  # noqa: ARG002 – there is nothing to take
        """As `ModelAnswerer.answer`."""
        self.requests += requests


class BatchReader:
    """Answers what a file of answers has; the rest stays unanswered.

    Args:
        model: its name.
        rows: of the file, by id.

    Attributes:
        unused: ids that nobody has asked for.
    """

    def __init__(self, model: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self.name = model
        self.identity: Mapping[str, Any] = {"model": model}
        self.unused = set(rows)
        self._rows = rows

    def answer(self, requests: Iterable[RowRequest], take: Take) -> None:
        """As `ModelAnswerer.answer`."""
        for request in requests:
            if request.id in self._rows:
                self.unused.discard(request.id)
                take(request, outcome_of(self._rows[request.id], request))


class EngineAnswerer:
    """A GGUF in the engine. Use `engine_answerer`.

    Args:
        engine: with the model loaded.
        name, identity: as of `ModelAnswerer`.
    """

    def __init__(self, engine: BlockingEngine, name: str, identity: Mapping[str, Any]) -> None:
        self.name = name
        self.identity = identity
        self.engine = engine
        self._requests = 0
        self._under_way: dict[int, RowRequest] = {}

    def answer(self, requests: Iterable[RowRequest], take: Take) -> None:
        """As `ModelAnswerer.answer`."""
        asked = self._under_way = {}

        def numbered() -> Iterator[Generate]:
            for request in requests:
                self._requests += 1
                asked[self._requests] = request
                yield generate_of(request, self._requests)

        for generate, end in self.engine.generate_all(numbered()):
            request = asked.pop(generate.id)
            if isinstance(end, Done) and end.reason == "stopped":
                take(request, RequestError("stopped", "the answer was stopped"))
            elif isinstance(end, Done):
                take(request, self._reply(request, end))
            else:
                take(request, RequestError(end.kind, end.message, end.advice))

    def stop(self) -> None:
        """As `StoppableAnswerer.stop`."""
        for number in list(self._under_way):
            self.engine.client.stop(number)

    def _reply(self, request: RowRequest, done: Done) -> ChatReply:
        finish = "length" if done.reason in ("length", "context_full") else "stop"
        choice = ReplyChoice(done.text, finish, thinking=done.thinking)
        stats = done.stats
        return ChatReply(
            request.id, (choice,), stats.prompt_tokens, stats.completion_tokens, model=self.name, asked_model=self.name
        )


@contextmanager
def engine_answerer(
    path: Path,
    *,
    name: str = "",
    template: str | None = None,
    n_ctx: int = 0,
    threads: int | None = None,
    parallel: int = 1,
    prompt_cache: int = 0,
    on_loading: Callable[[float], object] | None = None,
    on_safer_mode: Callable[[], object] | None = None,
) -> Iterator[EngineAnswerer]:
    """The model of a GGUF file, known by the content of its files.

    Args:
        path: of the file.
        name: "" takes that of the file.
        parallel: questions that are answered at once. With several, batches of other sizes round otherwise: a text may
            differ from one run to the next, also where the likeliest token is chosen.
        template, n_ctx, threads, prompt_cache, on_loading, on_safer_mode: as of `Load` and `open_engine`.

    Raises KnownError when it cannot be loaded.
    """
    digest = files_digest(model_files(path).hashes())
    load = Load(
        str(path), n_ctx=n_ctx, template=template, threads=threads, parallel=parallel, prompt_cache=prompt_cache
    )
    with open_engine(load, on_loading, on_safer_mode=on_safer_mode) as engine:
        identity = {"model": digest, "template": engine.model.template}
        yield EngineAnswerer(engine, name or path.stem, identity)


def generate_of(request: RowRequest, number: int) -> Generate:
    """What asks the engine for an answer to `request`."""
    decoding = request.decoding
    sampling = Sampling(
        temperature=decoding.temperature if decoding.temperature is not None else 0.0,
        top_k=0,
        top_p=decoding.top_p if decoding.top_p is not None else 1.0,
        min_p=0.0,
        repeat_penalty=1.0,
        seed=seed_of(decoding.seed or 0, request.id),
    )
    messages = tuple(Message(message["role"], message["content"]) for message in request.messages)
    grammar = grammar_of(request.schema) if request.schema is not None else ""
    return Generate(number, messages, sampling, max_tokens=decoding.max_tokens, stop=decoding.stop, grammar=grammar)
