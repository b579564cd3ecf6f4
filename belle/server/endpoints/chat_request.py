"""The body of `/v1/chat/completions`, looked at field by field: what is asked of the engine, and how to answer.

What changes nothing about an answer of a local model (`store`, `metadata`, `service_tier`, …) is taken and not looked
at; what would change it and cannot be done is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from belle.documents import DocumentError, parse_json
from belle.engine.process.commands import Sampling
from belle.engine.process.events import ModelInfo
from belle.engine.schemas.json_schema import SchemaError, any_object, grammar_of, grammar_of_parts
from belle.prompts import Message, ToolCall
from belle.prompts.tool_calls import ToolSyntax, forced_call, get_syntax
from belle.server.errors import bad_request
from belle.server.fields import Fields
from belle.server.settings import ServerSettings
from belle.texts import json_text

MOST_STOPS = 16
MOST_TOP_LOGPROBS = 20
_MOST_TOOLS = 128
_MOST_PARTS = 1024
_FUNCTION_NAME = re.compile(r"[\w.-]{1,128}")
_QUIET_EFFORTS = ("none", "minimal")
_REFUSED = {
    "functions": "Use tools.",
    "function_call": "Use tool_choice.",
    "logit_bias": "It is not supported.",
    "audio": "Models here answer in text.",
}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a client wants.

    Args:
        messages: the conversation.
        sampling: how tokens are chosen.
        max_tokens: None for as many as there is room for.
        stop: strings that end an answer.
        n: answers.
        stream, include_usage: how to send them.
        logprobs: alternatives for each token; None for no log probabilities.
        thinking: whether the model is to think first; None leaves it to its template.
        grammar: GBNF of the answer; "" for any.
        tools: the JSON text of the functions that may be called; "" for none.
        tool_names: their names.
        tool_syntax: how the model writes calls; None where there are no tools.
        parallel_calls: whether several calls in one answer are wanted.
    """

    messages: tuple[Message, ...]
    sampling: Sampling
    max_tokens: int | None
    stop: tuple[str, ...]
    n: int
    stream: bool
    include_usage: bool
    logprobs: int | None
    thinking: bool | None
    grammar: str = ""
    tools: str = ""
    tool_names: tuple[str, ...] = ()
    tool_syntax: ToolSyntax | None = None
    parallel_calls: bool = True


def chat_request(fields: Fields, model: ModelInfo, base: Sampling, settings: ServerSettings) -> ChatRequest:
    """What the body asks for. Raises ApiError(400).

    Args:
        fields: the body.
        model: that is to answer.
        base: its own sampling settings, for those that are not given.
        settings: of the server.
    """
    for name, advice in _REFUSED.items():
        if fields.get(name):
            raise bad_request(f"{name} is not taken. {advice}", name)
    request = ChatRequest(
        messages=_messages(fields, settings),
        sampling=sampling_of(fields, base),
        max_tokens=most_tokens(fields, settings),
        stop=stops(fields),
        n=fields.whole("n", 1, settings.most_choices) or 1,
        stream=fields.flag("stream") or False,
        include_usage=includes_usage(fields),
        logprobs=_logprobs(fields),
        thinking=_thinking(fields),
    )
    grammar = _response_grammar(fields)
    return _with_tools(fields, replace(request, grammar=grammar), model)


def sampling_of(fields: Fields, base: Sampling) -> Sampling:
    """The sampling settings of a request. Raises ApiError."""
    settings: dict[str, Any] = {
        "temperature": fields.number("temperature", 0, 100),
        "top_p": fields.number("top_p", 0, 1),
        "top_k": fields.whole("top_k", 0, 1 << 30),
        "min_p": fields.number("min_p", 0, 1),
        "presence_penalty": fields.number("presence_penalty", -2, 2),
        "frequency_penalty": fields.number("frequency_penalty", -2, 2),
        "repeat_penalty": fields.number("repeat_penalty", 0.01, 100) or fields.number("repetition_penalty", 0.01, 100),
        "seed": fields.whole("seed", -(1 << 63), (1 << 63) - 1),
    }
    return replace(base, **{name: value for name, value in settings.items() if value is not None})


def most_tokens(fields: Fields, settings: ServerSettings, *, least: int = 1) -> int | None:
    """How long an answer may be, in tokens. Raises ApiError."""
    requested = [fields.whole(name, least, 1 << 31) for name in ("max_completion_tokens", "max_tokens")]
    limits = [limit for limit in (*requested, settings.most_tokens) if limit is not None]
    return min(limits, default=None)


def stops(fields: Fields) -> tuple[str, ...]:
    """The strings that end an answer. Raises ApiError."""
    strings = fields.texts("stop", MOST_STOPS)
    if not all(strings):
        raise bad_request("stop has an empty string, before which every answer would end.", "stop")
    return strings


def includes_usage(fields: Fields) -> bool:
    """Whether a stream ends with its usage. Raises ApiError."""
    options = fields.inner("stream_options")
    return bool(options and options.flag("include_usage"))


def with_seed(sampling: Sampling, index: int) -> Sampling:
    """The settings for one of several answers: each has a seed of its own, the same whenever it is asked for."""
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + index)


def _logprobs(fields: Fields) -> int | None:
    top = fields.whole("top_logprobs", 0, MOST_TOP_LOGPROBS)
    if not fields.flag("logprobs"):
        if top:
            raise bad_request("top_logprobs is only taken where logprobs is true.", "top_logprobs")
        return None
    return top or 0


def _thinking(fields: Fields) -> bool | None:
    template = fields.inner("chat_template_kwargs")
    switch = template.flag("enable_thinking") if template else None
    effort = fields.text("reasoning_effort")
    if switch is not None or effort is None:
        return switch
    return effort not in _QUIET_EFFORTS


def _messages(fields: Fields, settings: ServerSettings) -> tuple[Message, ...]:
    rows = fields.rows("messages", settings.most_messages)
    if not rows:
        raise bad_request("messages is missing or empty.", "messages")
    messages: list[Message] = []
    for number, row in enumerate(rows):
        messages.append(_message(Fields(row, f"messages[{number}]"), messages))
    if not any(message.content.strip() or message.is_about_tools for message in messages):
        raise bad_request("messages hold no text.", "messages")
    return tuple(messages)


def _message(row: Fields, before: Sequence[Message]) -> Message:
    role = row.required_text("role")
    match role:
        case "system" | "developer":
            return Message("system", _content(row))
        case "user":
            return Message("user", _content(row))
        case "assistant":
            calls = tuple(
                _tool_call(Fields(call, f"{row.path('tool_calls')}[{number}]"))
                for number, call in enumerate(row.rows("tool_calls", _MOST_TOOLS))
            )
            return Message("assistant", _content(row, required=not calls), tool_calls=calls)
        case "tool":
            call_id = row.required_text("tool_call_id")
            names = (call.name for message in reversed(before) for call in message.tool_calls if call.id == call_id)
            return Message("tool", _content(row), tool_call_id=call_id, name=next(names, row.text("name") or ""))
    raise row.wrong("role", "system, developer, user, assistant or tool")


def _content(row: Fields, *, required: bool = True) -> str:
    """The text of a message: a string, or parts that are texts."""
    if not isinstance(row.get("content"), list):
        return row.required_text("content") if required else row.text("content") or ""
    texts = []
    for number, value in enumerate(row.rows("content", _MOST_PARTS)):
        part = Fields(value, f"{row.path('content')}[{number}]")
        kind = part.required_text("type")
        if kind not in ("text", "refusal"):
            raise bad_request(f"{part.path('type')} is {kind}: this server takes text only.", part.path("type"))
        texts.append(part.required_text(kind))
    return "\n".join(texts)


def _tool_call(row: Fields) -> ToolCall:
    function = row.inner("function")
    if function is None:
        raise bad_request(f"{row.path('function')} is missing.", row.path("function"))
    arguments = function.text("arguments") or "{}"
    try:
        is_object = isinstance(parse_json(arguments), dict)
    except DocumentError:
        is_object = False
    if not is_object:
        raise function.wrong("arguments", "the JSON text of an object")
    return ToolCall(function.required_text("name"), arguments, row.text("id") or "")


def _response_grammar(fields: Fields) -> str:
    wanted = fields.inner("response_format")
    kind = wanted.required_text("type") if wanted else "text"
    if wanted is None or kind == "text":
        return ""
    if kind == "json_object":
        return any_object()
    inner = wanted.inner("json_schema") if kind == "json_schema" else None
    if inner is None:
        raise wanted.wrong("type", "text, json_object, or json_schema with a json_schema")
    schema = inner.get("schema")
    return any_object() if schema is None else _grammar(schema, inner.path("schema"))


def _grammar(schema: Any, path: str) -> str:
    try:
        return grammar_of(schema)
    except SchemaError as error:
        raise bad_request(f"{path} cannot be followed: {error}.", path, code="invalid_json_schema") from None


def _with_tools(fields: Fields, request: ChatRequest, model: ModelInfo) -> ChatRequest:
    rows = fields.rows("tools", _MOST_TOOLS)
    choice = fields.get("tool_choice")
    functions = [_function(Fields(row, f"tools[{number}]")) for number, row in enumerate(rows)]
    names = tuple(function.required_text("name") for function in functions)
    forced = _forced(fields, names)
    if not rows or choice == "none":
        return request
    if not model.tool_syntax:
        message = "The prompt template of this model does not know tools. Use a model that was trained to call them."
        raise bad_request(message, "tools", code="tools_unsupported")
    syntax = get_syntax(model.tool_syntax)
    grammar = request.grammar
    if forced:
        if grammar:
            raise bad_request("A forced call and a response_format exclude each other.", "tool_choice")
        grammar = _call_grammar(syntax, [function for function in functions if function.text("name") in forced])
    parallel = fields.flag("parallel_tool_calls")
    return replace(
        request,
        grammar=grammar,
        tools=json_text(rows),
        tool_names=names,
        tool_syntax=syntax,
        parallel_calls=parallel is not False,
    )


def _function(row: Fields) -> Fields:
    if row.required_text("type") != "function":
        raise row.wrong("type", "function")
    function = row.inner("function")
    if function is None:
        raise bad_request(f"{row.path('function')} is missing.", row.path("function"))
    if not _FUNCTION_NAME.fullmatch(function.required_text("name")):
        raise function.wrong("name", "up to 128 letters, digits, dots, dashes and underlines")
    if function.get("parameters") is not None:
        function.inner("parameters")
    return function


def _forced(fields: Fields, names: Sequence[str]) -> Sequence[str]:
    """The functions of which one has to be called; none where the model may choose."""
    choice = fields.get("tool_choice")
    if choice in (None, "auto", "none"):
        return ()
    if not names:
        raise bad_request("tool_choice is only taken where there are tools.", "tool_choice")
    if choice == "required":
        return names
    inner = Fields(choice, "tool_choice").inner("function") if isinstance(choice, dict) else None
    if inner is None:
        raise fields.wrong("tool_choice", "none, auto, required, or a function")
    name = inner.required_text("name")
    if name not in names:
        raise bad_request(f"tool_choice names {name}, which is not among the tools.", "tool_choice")
    return (name,)


def _call_grammar(syntax: ToolSyntax, functions: Sequence[Fields]) -> str:
    """GBNF of an answer that is a call of one of `functions`."""
    parts = []
    for function in functions:
        before, behind = forced_call(syntax, function.required_text("name"))
        parts.append((before, function.get("parameters") or {"type": "object"}, behind))
    try:
        return grammar_of_parts(parts)
    except SchemaError as error:
        raise bad_request(f"The parameters of a tool cannot be followed: {error}.", "tools") from None
