"""`/v1/chat/completions`: answers to a conversation, whole or as they are made."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from belle.engine.process.commands import Generate
from belle.engine.process.events import Done, Event, Logprobs, Text, Thinking, TokenLogprob
from belle.prompts import ToolCall
from belle.prompts.tool_calls import ToolCallStream
from belle.server.connection import client_of, read_fields
from belle.server.endpoints import responses
from belle.server.endpoints.chat_request import ChatRequest, chat_request, with_seed
from belle.server.endpoints.logprob_rows import chat_rows
from belle.server.endpoints.responses import Chunk
from belle.server.served_model import ServedModel, Usage

FINISH_REASONS = {"end": "stop", "stop_string": "stop", "length": "length", "context_full": "length", "stopped": "stop"}


async def chat_completions(request: Request) -> Response:
    """The endpoint. Raises ApiError, KnownError, ClientGoneError."""
    served: ServedModel = request.app.state.served
    fields = await read_fields(request, served.settings)
    served.check_model(fields)
    wanted = chat_request(fields, served.model, served.sampling, served.settings)
    answers = _ChatAnswers(served, client_of(request, fields), wanted)
    if wanted.stream:
        return await responses.streamed(request, answers.chunks(), served.settings.body_timeout_s)
    return await responses.whole(request, answers.whole())


class _ChatAnswers:
    """The answers to one request."""

    def __init__(self, served: ServedModel, client: str, wanted: ChatRequest) -> None:
        self._served = served
        self._client = client
        self._wanted = wanted
        self._usage = Usage()
        self._id = responses.new_id("chatcmpl")
        self._created = int(time.time())

    async def whole(self) -> Chunk:
        """All of them, as one object."""
        with self._served.queue.admitted():
            choices = [await self._choice(index) for index in range(self._wanted.n)]
        return {**self._head("chat.completion"), "choices": choices, "usage": self._usage.row()}

    async def chunks(self) -> AsyncGenerator[Chunk]:
        """Piece by piece, one answer after the other."""
        with self._served.queue.admitted():
            for index in range(self._wanted.n):
                async with aclosing(self._deltas(index)) as deltas:
                    async for delta, logprobs, finish_reason in deltas:
                        yield self._chunk(index, delta, logprobs, finish_reason)
        if self._wanted.include_usage:
            yield {**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage.row()}

    async def _choice(self, index: int) -> dict[str, Any]:
        logprobs: list[TokenLogprob] = []
        async with aclosing(self._events(index)) as events:
            async for event in events:
                if isinstance(event, Logprobs):
                    logprobs += event.tokens
                elif isinstance(event, Done):
                    done = event
        text, calls = self._told_apart(done.text)
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
        if done.thinking:
            message["reasoning_content"] = done.thinking
        if calls:
            message["tool_calls"] = _call_rows(calls)
        return {
            "index": index,
            "message": message,
            "logprobs": None if self._wanted.logprobs is None else {"content": chat_rows(logprobs), "refusal": None},
            "finish_reason": _finish_reason(done, calls),
        }

    async def _deltas(self, index: int) -> AsyncGenerator[tuple[dict[str, Any], Sequence[TokenLogprob], str | None]]:
        """What is added to an answer, with the log probabilities of it, and at the end the reason of that."""
        calls = self._call_stream()
        logprobs: list[TokenLogprob] = []
        async with aclosing(self._events(index)) as events:
            started = False
            async for event in events:
                if not started:
                    # The engine has taken the request. From here on the client knows that it is being answered.
                    started = True
                    yield {"role": "assistant", "content": ""}, (), None
                match event:
                    case Thinking(text=text):
                        yield {"reasoning_content": text}, (), None
                    case Logprobs(tokens=tokens):
                        logprobs += tokens
                    case Text(text=text):
                        if visible := calls.feed(text) if calls else text:
                            yield {"content": visible}, logprobs, None
                            logprobs = []
                    case Done():
                        rest, tool_calls = calls.finish() if calls else ("", [])
                        tool_calls = tool_calls if self._wanted.parallel_calls else tool_calls[:1]
                        if rest:
                            yield {"content": rest}, logprobs, None
                        if tool_calls:
                            yield {"tool_calls": _call_rows(tool_calls, streamed=True)}, (), None
                        yield {}, (), _finish_reason(event, tool_calls)

    async def _events(self, index: int) -> AsyncGenerator[Event]:
        """Of one answer; the tokens of all are counted."""
        wanted = self._wanted
        request = Generate(
            self._served.host.new_id(),
            wanted.messages,
            with_seed(wanted.sampling, index),
            max_tokens=wanted.max_tokens,
            stop=wanted.stop,
            # What has to follow a grammar begins with it.
            thinking=False if wanted.grammar and wanted.thinking is None else wanted.thinking,
            tools=wanted.tools,
            grammar=wanted.grammar,
            logprobs=wanted.logprobs,
        )
        async with aclosing(self._served.answer(self._client, request)) as events:
            async for event in events:
                if isinstance(event, Done):
                    self._usage.add(event.stats, same_prompt=index > 0)
                yield event

    def _call_stream(self) -> ToolCallStream | None:
        wanted = self._wanted
        return ToolCallStream(wanted.tool_syntax, wanted.tool_names) if wanted.tool_syntax else None

    def _told_apart(self, text: str) -> tuple[str, list[ToolCall]]:
        """The text of a whole answer, and the calls in it."""
        stream = self._call_stream()
        if stream is None:
            return text, []
        content = stream.feed(text)
        rest, calls = stream.finish()
        return content + rest, calls if self._wanted.parallel_calls else calls[:1]

    def _chunk(
        self, index: int, delta: Chunk, logprobs: Sequence[TokenLogprob], finish_reason: str | None
    ) -> dict[str, Any]:
        rows = {"content": chat_rows(logprobs), "refusal": None} if logprobs else None
        choice = {"index": index, "delta": delta, "logprobs": rows, "finish_reason": finish_reason}
        usage = {"usage": None} if self._wanted.include_usage else {}
        return {**self._head("chat.completion.chunk"), "choices": [choice], **usage}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": kind,
            "created": self._created,
            "model": self._served.settings.model_name,
            "system_fingerprint": None,
        }


def _finish_reason(done: Done, calls: Sequence[ToolCall]) -> str:
    return "tool_calls" if calls else FINISH_REASONS[done.reason]


def _call_rows(calls: Sequence[ToolCall], *, streamed: bool = False) -> list[dict[str, Any]]:
    return [
        {
            **({"index": number} if streamed else {}),
            "id": call.id or f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for number, call in enumerate(calls)
    ]
