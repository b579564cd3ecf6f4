"""`/v1/completions`: a text goes on, without any template; the older form of OpenAI's API, which benchmarks use."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from belle.engine.process.commands import Generate, Sampling
from belle.engine.process.events import Done, Event, Logprobs, Text, TokenLogprob
from belle.server.connection import client_of, read_fields
from belle.server.endpoints import responses
from belle.server.endpoints.chat import FINISH_REASONS
from belle.server.endpoints.chat_request import (
    MOST_TOP_LOGPROBS,
    includes_usage,
    most_tokens,
    sampling_of,
    stops,
    with_seed,
)
from belle.server.endpoints.logprob_rows import completion_row, text_of
from belle.server.endpoints.responses import Chunk
from belle.server.errors import bad_request
from belle.server.fields import Fields, token_ids
from belle.server.served_model import ServedModel, Usage
from belle.server.settings import ServerSettings
from belle.texts import is_whole

Prompt = str | tuple[int, ...]

_USUAL_TOKENS = 16
"""As in OpenAI's API."""
_MOST_PROMPTS = 256


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What a client wants.

    Args:
        prompts: texts, or tokens of the model, to go on with.
        echo: each answer begins with its prompt.
        logprobs: alternatives for each token; None for no log probabilities.

    The others are as in `ChatRequest`.
    """

    prompts: tuple[Prompt, ...]
    sampling: Sampling
    max_tokens: int
    stop: tuple[str, ...]
    n: int
    echo: bool
    logprobs: int | None
    stream: bool
    include_usage: bool


async def completions(request: Request) -> Response:
    """The endpoint. Raises ApiError, KnownError, ClientGoneError."""
    served: ServedModel = request.app.state.served
    fields = await read_fields(request, served.settings)
    served.check_model(fields)
    wanted = completion_request(fields, served.sampling, served.settings)
    answers = _Completions(served, client_of(request, fields), wanted)
    if wanted.stream:
        return await responses.streamed(request, answers.chunks(), served.settings.body_timeout_s)
    return await responses.whole(request, answers.whole())


def completion_request(fields: Fields, base: Sampling, settings: ServerSettings) -> CompletionRequest:
    """What the body asks for. Raises ApiError(400)."""
    for name in ("suffix", "logit_bias"):
        if fields.get(name):
            raise bad_request(f"{name} is not supported.", name)
    n = fields.whole("n", 1, settings.most_choices) or 1
    if (fields.whole("best_of", 1, settings.most_choices) or n) != n:
        raise bad_request("best_of is only taken where it equals n.", "best_of")
    most = most_tokens(fields, settings, least=0)
    return CompletionRequest(
        prompts=prompts_of(fields, "prompt", _MOST_PROMPTS),
        sampling=sampling_of(fields, base),
        max_tokens=_USUAL_TOKENS if most is None else most,
        stop=stops(fields),
        n=n,
        echo=fields.flag("echo") or False,
        logprobs=fields.whole("logprobs", 0, MOST_TOP_LOGPROBS),
        stream=fields.flag("stream") or False,
        include_usage=includes_usage(fields),
    )


def prompts_of(fields: Fields, name: str, most: int) -> tuple[Prompt, ...]:
    """A text, tokens, or a list of texts or of lists of tokens. Raises ApiError."""
    value = fields.get(name)
    if value is None:
        raise bad_request(f"{name} is missing.", name)
    if (ids := token_ids(value)) is not None:
        return (ids,)
    rows = [value] if isinstance(value, str) else fields.rows(name, most)
    prompts = [row if isinstance(row, str) and is_whole(row) else token_ids(row) for row in rows]
    valid = tuple(prompt for prompt in prompts if prompt is not None)
    if not rows or len(valid) < len(rows):
        raise fields.wrong(name, "a string, a list of tokens, or a list of those")
    return valid


class _Completions:
    """The answers to one request."""

    def __init__(self, served: ServedModel, client: str, wanted: CompletionRequest) -> None:
        self._served = served
        self._client = client
        self._wanted = wanted
        self._usage = Usage()
        self._id = responses.new_id("cmpl")
        self._created = int(time.time())

    async def whole(self) -> Chunk:
        """All of them, as one object."""
        choices = []
        with self._served.queue.admitted():
            for index in range(len(self._wanted.prompts) * self._wanted.n):
                texts: list[str] = []
                logprobs: list[TokenLogprob] = []
                reason = None
                async with aclosing(self._pieces(index)) as pieces:
                    async for text, tokens, finish_reason in pieces:
                        texts.append(text)
                        logprobs += tokens
                        reason = finish_reason
                choices.append(self._choice(index, "".join(texts), logprobs, 0, reason))
        return {**self._head(), "choices": choices, "usage": self._usage.row()}

    async def chunks(self) -> AsyncGenerator[Chunk]:
        """Piece by piece, one answer after the other."""
        usage = {"usage": None} if self._wanted.include_usage else {}
        with self._served.queue.admitted():
            for index in range(len(self._wanted.prompts) * self._wanted.n):
                offset = 0
                async with aclosing(self._pieces(index)) as pieces:
                    async for text, tokens, reason in pieces:
                        choice = self._choice(index, text, tokens, offset, reason)
                        offset += sum(len(text_of([token])) for token in tokens)
                        yield {**self._head(), "choices": [choice], **usage}
        if self._wanted.include_usage:
            yield {**self._head(), "choices": [], "usage": self._usage.row()}

    async def _pieces(self, index: int) -> AsyncGenerator[tuple[str, Sequence[TokenLogprob], str | None]]:
        """The text of an answer as it comes, with the log probabilities of its tokens, and the reason of its end."""
        prompt = self._wanted.prompts[index // self._wanted.n]
        if self._wanted.echo and isinstance(prompt, str):
            yield prompt, (), None
        logprobs: list[TokenLogprob] = []
        async with aclosing(self._events(index, prompt)) as events:
            async for event in events:
                match event:
                    case Logprobs(tokens=tokens, of_prompt=True):
                        # The token that stands before every text is none of the client's.
                        known = [token for token in tokens if token.piece or token.logprob is not None]
                        yield "" if isinstance(prompt, str) else text_of(known), known, None
                    case Logprobs(tokens=tokens):
                        logprobs += tokens
                    case Text(text=text):
                        yield text, logprobs, None
                        logprobs = []
                    case Done(reason=reason):
                        yield "", (), FINISH_REASONS[reason]

    async def _events(self, index: int, prompt: Prompt) -> AsyncGenerator[Event]:
        wanted = self._wanted
        request = Generate(
            self._served.host.new_id(),
            (),
            with_seed(wanted.sampling, index % wanted.n),
            max_tokens=wanted.max_tokens,
            stop=wanted.stop,
            prompt=prompt,
            logprobs=wanted.logprobs,
            # What tokens say is only known to the engine.
            prompt_logprobs=wanted.echo and (wanted.logprobs is not None or not isinstance(prompt, str)),
        )
        async with aclosing(self._served.answer(self._client, request)) as events:
            async for event in events:
                if isinstance(event, Done):
                    self._usage.add(event.stats, same_prompt=index % wanted.n > 0)
                yield event

    def _choice(
        self, index: int, text: str, tokens: Sequence[TokenLogprob], offset: int, reason: str | None
    ) -> dict[str, Any]:
        wants = self._wanted.logprobs is not None
        return {
            "index": index,
            "text": text,
            "logprobs": completion_row(tokens, offset) if wants and (tokens or not self._wanted.stream) else None,
            "finish_reason": reason,
        }

    def _head(self) -> dict[str, Any]:
        name = self._served.settings.model_name
        return {"id": self._id, "object": "text_completion", "created": self._created, "model": name}
