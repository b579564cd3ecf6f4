"""What every endpoint needs: the engine, whose turn it is, and what the server allows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from belle.engine.process.commands import Embed, Generate, Sampling
from belle.engine.process.events import Embedded, Event, ModelInfo, Stats
from belle.errors import KnownError
from belle.server.engine_host import EngineHost
from belle.server.errors import ApiError, bad_request
from belle.server.fair_queue import FairQueue
from belle.server.fields import Fields
from belle.server.settings import ServerSettings


@dataclass(frozen=True)
class ServedModel:
    """One served model.

    Args:
        host: its engine.
        settings: of the server.
        sampling: of the model, for what a request does not say.
        created: when it was started, in seconds of Unix time.
    """

    host: EngineHost
    settings: ServerSettings
    sampling: Sampling
    queue: FairQueue
    created: int = field(default_factory=lambda: int(time.time()))

    @property
    def model(self) -> ModelInfo:
        """What is known of the model. Raises KnownError("no_model") before it was loaded once."""
        if self.host.model is None:
            raise KnownError("no_model", "The model is not loaded yet.", "Ask again in a moment.")
        return self.host.model

    def check_model(self, fields: Fields) -> None:
        """That the request asks for the model that is served. Raises ApiError(404)."""
        name = fields.text("model")
        if name is None:
            raise bad_request("model is missing.", "model")
        if name != self.settings.model_name:
            raise no_such_model(name, self.settings.model_name)

    async def answer(self, client: str, request: Generate) -> AsyncGenerator[Event]:
        """The events of an answer, when the turn of `client` has come. Raises KnownError.

        The turn ends with the answer, not with its reader: one that reads slowly keeps nobody waiting.
        """
        events: asyncio.Queue[Event | None] = asyncio.Queue()

        async def answer() -> None:
            async with self.queue.turn(client), aclosing(self.host.generate(request)) as generated:
                async for event in generated:
                    events.put_nowait(event)

        task = asyncio.create_task(answer())
        task.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def embedding(self, client: str, request: Embed) -> Embedded:
        """The embedding of a text, likewise."""
        async with self.queue.turn(client):
            return await self.host.embed(request)


def no_such_model(name: str, served: str) -> ApiError:
    """The error for another model."""
    message = f"There is no model “{name}” here; this server has “{served}”."
    return ApiError(404, message, param="model", code="model_not_found")


class Usage:
    """The tokens of a request, over all of its answers."""

    def __init__(self) -> None:
        self._prompt = self._cached = self._completion = 0

    def add(self, stats: Stats, *, same_prompt: bool) -> None:
        """Another answer; `same_prompt` as the one before."""
        if not same_prompt:
            self._prompt += stats.prompt_tokens
            self._cached += stats.reused_tokens
        self._completion += stats.completion_tokens

    def row(self) -> dict[str, object]:
        """As OpenAI's API shows it."""
        return {
            "prompt_tokens": self._prompt,
            "completion_tokens": self._completion,
            "total_tokens": self._prompt + self._completion,
            "prompt_tokens_details": {"cached_tokens": self._cached},
        }
