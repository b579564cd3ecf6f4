"""What a server answered: read with suspicion, since a reply may be cut, of another shape, or of another model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from belle.clients.chat.requests import RowRequest
from belle.clients.chat.schemas import schema_violation
from belle.documents import DocumentError, parse_json
from belle.texts import is_whole, short_repr

LARGEST_REPLY = 32 << 20
"""Bytes."""


class ReplyError(ValueError):
    """A reply that is none: a clause that follows “The server's answer ”."""


@dataclass(frozen=True, slots=True)
class ReplyChoice:
    """One of the answers to a request.

    Attributes:
        text: the answer; "" where the model only called functions.
        finish: why it ended, in the server's word: `stop`, `length`, …
        thinking: what a reasoning model wrote before it, where the server tells it apart.
        logprobs: of its tokens, as the server has them.
        value: the JSON value of `text`, where a schema was asked for and the answer follows it.
        problem: why it does not follow the schema, a clause that follows “The answer ”; "" where it does.
    """

    text: str
    finish: str
    thinking: str = ""
    logprobs: Any = None
    value: Any = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The answers to a request, and where they are from.

    Attributes:
        id: of the request.
        choices: `Decoding.n` of them.
        model: as the server names the one that answered.
        build: what the server says of itself (`system_fingerprint`), "" where it says nothing.
        endpoint: the address that answered.
        asked_model: the name under which the model was asked for.
        record: how the answer came about, as JSON values, where it took several steps.
    """

    id: str
    choices: tuple[ReplyChoice, ...]
    prompt_tokens: int
    completion_tokens: int
    model: str = ""
    build: str = ""
    endpoint: str = ""
    asked_model: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_of_another_model(self) -> bool:
        """Whether the server names a model that is not the one asked for; a version after the name is the same one."""
        ours, theirs = (name.casefold().rpartition("/")[2] for name in (self.asked_model, self.model))
        return bool(ours and theirs) and not theirs.startswith(ours) and not ours.startswith(theirs)

    @property
    def text(self) -> str:
        """Of the first choice."""
        return self.choices[0].text


def read_reply(data: bytes, request: RowRequest) -> ChatReply:
    """The reply in the body of a response. Raises ReplyError."""
    try:
        body = parse_json(data)
    except DocumentError as error:
        raise ReplyError(error.message) from None
    return reply_of(body, request)


def reply_of(body: object, request: RowRequest) -> ChatReply:
    """The reply in a decoded body. Raises ReplyError."""
    if not isinstance(body, dict):
        raise ReplyError("is not an object")
    if isinstance(body.get("error"), dict | str):  # some proxies say 200 all the same
        raise ReplyError(f"is an error: {error_text(body)}")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise ReplyError("has no choices")
    if len(choices) < request.decoding.n:
        raise ReplyError(f"has {len(choices)} choices instead of {request.decoding.n}")
    usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
    return ChatReply(
        request.id,
        tuple(_choice(choice, request.schema) for choice in choices[: request.decoding.n]),
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        model=_text(body, "model"),
        build=_text(body, "system_fingerprint"),
    )


def error_text(body: object) -> str:
    """What the body of an error says, on one line and short: OpenAI's form, FastAPI's, or any other."""
    found = body.get("error", body.get("detail", body.get("message"))) if isinstance(body, dict) else body
    if isinstance(found, dict):
        found = found.get("message", found)
    text = " ".join(found.split()) if isinstance(found, str) else short_repr(found)
    return text if len(text) <= 300 else f"{text[:300]}…"


def _choice(choice: object, schema: Mapping[str, Any] | None) -> ReplyChoice:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise ReplyError("has a choice without a message")
    content = message.get("content")
    text = "" if content is None else _joined(content)
    thinking = message.get("reasoning_content", message.get("reasoning"))
    value, problem = _checked(text, schema) if schema is not None else (None, "")
    return ReplyChoice(
        text,
        finish=_text(choice, "finish_reason"),
        thinking=thinking if isinstance(thinking, str) and is_whole(thinking) else "",
        logprobs=choice.get("logprobs"),
        value=value,
        problem=problem,
    )


def _joined(content: object) -> str:
    """The text of a message, which is a text or a list of parts."""
    if isinstance(content, list):
        content = "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if not isinstance(content, str):
        raise ReplyError(f"has the content {short_repr(content)}, which is not text")
    if not is_whole(content):
        raise ReplyError("has half a character in it")
    return content


def _checked(text: str, schema: Mapping[str, Any]) -> tuple[Any, str]:
    """(value, "") where `text` follows the schema, else (None, what is wrong)."""
    try:
        value = parse_json(text)
    except DocumentError as error:
        return None, error.message
    violation = schema_violation(value, schema)
    if violation is None:
        return value, ""
    return None, f"does not follow the schema at {_place(violation.absolute_path)}: {short_repr(violation.instance)}"


def _place(path: Sequence[Any]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".") or "its top"


def _count(usage: Any, name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return value[:300] if isinstance(value, str) and is_whole(value) else ""
