"""The protocol between a client and the engine's worker process: one JSON object per line, in both directions.

Commands go to the worker's stdin, events come from its stdout. Every command and event is a frozen dataclass here;
`encode` and `decode_command` / `decode_event` are the only places where JSON is made and read. Unknown fields are
ignored, unknown commands and events are an error, so that versions can differ by additions only.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from belle.documents import parse_json_row
from belle.prompts import Message, ToolCall
from belle.texts import utf8

PROTOCOL_VERSION = 2

MOST_PARALLEL = 16
"""Requests that one model may answer at once."""

StopReason = Literal["end", "stop_string", "length", "stopped", "context_full"]
"""Why an answer ended: the model's end token, a stop string, `max_tokens`, the user, no room in the context."""

Overflow = Literal["refuse", "drop_oldest", "cut_middle", "summarise"]
"""What to do when a conversation does not fit: fail (`prompt_too_long`), leave out its oldest turns, leave out the
turns after its first, or leave out the oldest and go on with a summary of them."""

KvType = Literal["f16", "q8_0", "q4_0"]
"""How the values of the KV cache are stored: 16 bits each, or blocks of 32 with 8 or 4 bits each and a scale."""

FlashAttention = Literal["auto", "on", "off"]
"""Attention without a matrix of scores: always, never, or where it helps (on a GPU, and for a quantized KV cache)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. `temperature` 0 takes the likeliest token; `seed` None draws a fresh seed."""

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.1
    repeat_last_n: int = 64
    seed: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0


# Commands


@dataclass(frozen=True, slots=True)
class Load:
    """Load a model; answered by `Loading`… then `Ready`, or by `Failed`.

    Args:
        path: a GGUF file.
        n_ctx: context length in tokens; 0 takes the model's own, at most 4096.
        template: id of a `belle.prompts` template; None takes the one inside the GGUF.
        n_gpu_layers: layers to offload, -1 for all (used where a GPU backend is compiled in).
        threads: fixed number of threads, None to adapt while running.
        check_memory: refuse before loading what cannot fit into free memory.
        state_folder: where the KV caches of conversations are saved (`Generate.conversation`); None saves none.
        state_budget: bytes that they may take together; those not used for longest make room.
        prompt_cache: bytes of memory for the KV states of conversations that others have displaced from the context.
        embeddings_only: for `Embed` alone, on the processor: the model need not be able to chat.
        parallel: requests that are answered at once, at most `MOST_PARALLEL`; they share the context. With more than
            one, no conversation is saved.
        kv_type: how keys and values are stored; a quantized cache needs flash attention.
        flash_attention: see `FlashAttention`.
        speculation: guess the next tokens where that is faster. The text is the same.
        draft: the GGUF of a smaller model with the same vocabulary, which guesses, too; None for none.

    Of what this model or machine cannot do, `ModelInfo.fallbacks` says what was taken instead.
    """

    op: ClassVar[str] = "load"
    path: str
    n_ctx: int = 4096
    template: str | None = None
    n_gpu_layers: int = -1
    threads: int | None = None
    check_memory: bool = True
    state_folder: str | None = None
    state_budget: int = 4 << 30
    prompt_cache: int = 0
    embeddings_only: bool = False
    kv_type: KvType = "f16"
    flash_attention: FlashAttention = "auto"
    parallel: int = 1
    speculation: bool = True
    draft: str | None = None


@dataclass(frozen=True, slots=True)
class SetTemplate:
    """Choose the prompt template of the loaded model; answered by `Ready`."""

    op: ClassVar[str] = "set_template"
    template: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer a conversation, or go on with a text; answered by `Prefill`…, `Text`…, then `Done` or `Failed`.

    Args:
        id: chosen by the client, distinct per request.
        messages: the conversation, oldest first, an optional system message at index 0.
        max_tokens: None for as many as fit into the context.
        stop: stop strings besides the template's own; no part of the text.
        continue_last: the last message is an assistant's and is to be continued, not answered.
        overflow: see `Overflow`; the system message and the last turn are always kept.
        pinned: indices of messages whose turns are never left out.
        summary: what an earlier `Summarised` told, of messages that came before these or are named in `summarised`.
        summarised: indices of messages in whose place `summary` is read, unless all messages fit.
        thinking: whether a model that can do both thinks before it answers; None for the template's default.
        conversation: a name under which what was read is saved and found again; empty for none. Letters, digits,
            hyphens and underscores.
        prompt: a text, or tokens, to go on with instead of `messages`, without any template. Control tokens written in
            the text are control tokens.
        tools: functions that the model may call, as the JSON text of a list in the form of OpenAI's API.
        grammar: GBNF that the answer has to follow, its thoughts aside.
        logprobs: send `Logprobs`, each token with so many alternatives.
        prompt_logprobs: send those of the prompt first. Nothing of the KV cache is used again.
    """

    op: ClassVar[str] = "generate"
    id: int
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    continue_last: bool = False
    overflow: Overflow = "refuse"
    pinned: tuple[int, ...] = ()
    summary: str = ""
    summarised: tuple[int, ...] = ()
    thinking: bool | None = None
    conversation: str = ""
    prompt: str | tuple[int, ...] | None = None
    tools: str = ""
    grammar: str = ""
    logprobs: int | None = None
    prompt_logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Embed:
    """Ask for the embedding of a text, or of tokens; answered by `Embedded` or `Failed`. `Stop` works as there.

    `truncate`: of a text that is longer than the model reads, the beginning is embedded, which is refused otherwise.
    """

    op: ClassVar[str] = "embed"
    id: int
    text: str | tuple[int, ...]
    truncate: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the generation `id`, also in the middle of prefill; its `Done` has the reason `stopped`."""

    op: ClassVar[str] = "stop"
    id: int


@dataclass(frozen=True, slots=True)
class AnswerNow:
    """End the thought of the generation `id` here, and go on with its answer. Does nothing where nothing is thought."""

    op: ClassVar[str] = "answer_now"
    id: int


@dataclass(frozen=True, slots=True)
class Count:
    """Ask how many tokens a conversation takes, with the generation prompt; answered by `Counted`.

    `summary` is what stands for messages before these.
    """

    op: ClassVar[str] = "count"
    id: int
    messages: tuple[Message, ...]
    summary: str = ""


@dataclass(frozen=True, slots=True)
class ListTemplates:
    """Ask for the prompt templates to choose from, each with `messages` as it would render them; answered by
    `TemplateList` at once, also while an answer is being generated."""

    op: ClassVar[str] = "list_templates"
    id: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class ReadAhead:
    """A conversation is about to be asked about: read what is there of it while nothing else is to be done; given up
    for any other command. `HasReadAhead` is the end of it, unless it was not begun.

    Args:
        conversation: as in `Generate`.
        messages: those that the next request will begin with.
        thinking, summary: as in `Generate`.
    """

    op: ClassVar[str] = "read_ahead"
    conversation: str
    messages: tuple[Message, ...]
    thinking: bool | None = None
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Forget:
    """A conversation was deleted: remove what was saved of it, and save no more. Not answered.

    An empty name stands for every conversation; one that goes on afterwards is saved again.
    """

    op: ClassVar[str] = "forget"
    conversation: str


@dataclass(frozen=True, slots=True)
class Quit:
    """End the worker. End of file on its stdin does the same."""

    op: ClassVar[str] = "quit"


Command = Load | SetTemplate | Generate | Embed | Stop | AnswerNow | Count | ListTemplates | ReadAhead | Forget | Quit


# Events


@dataclass(frozen=True, slots=True)
class Hello:
    """The first event of a worker."""

    event: ClassVar[str] = "hello"
    version: int
    pid: int


@dataclass(frozen=True, slots=True)
class Loading:
    """A part of the model has been read; `fraction` in 0…1."""

    event: ClassVar[str] = "loading"
    fraction: float


@dataclass(frozen=True, slots=True)
class Fallback:
    """A setting of `Load` that could not be taken as it was asked for.

    Args:
        setting: the field of `Load`.
        asked, taken: its value, and the one in use.
        reason: `head_size`, `no_cache`, `flash_attention_off`, `no_flash_attention`, `refused`, `no_gpu`, `few_cores`.
        message: one English sentence, with what llama.cpp said where it refused.
    """

    setting: str
    asked: str
    taken: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A loaded model. Sizes in bytes, context in tokens.

    `template` is the id of the template in use, `gguf` for the one inside the file. It is None when the file has none,
    or one that does not work, and none was chosen: the user has to choose before anything can be generated.
    `template_problem` says why the file's own template does not work. `can_switch_thinking`: the template knows
    `Generate.thinking`. `device` is `CPU` or the GPU's name. `tool_syntax` is how the model writes calls of functions
    (`belle.prompts.tool_calls`), "" when its template knows none. `kv_type` and `flash_attention` are those in use,
    `fallbacks` the settings that were asked for and could not be taken.
    """

    path: str
    name: str
    architecture: str
    quantization: str
    n_params: int
    size_bytes: int
    n_ctx: int
    n_ctx_train: int
    template: str | None
    device: str
    kv_bytes_per_token: int
    license: str = ""
    can_switch_thinking: bool = False
    template_problem: str = ""
    tool_syntax: str = ""
    kv_type: KvType = "f16"
    flash_attention: FlashAttention = "off"
    fallbacks: tuple[Fallback, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded."""

    event: ClassVar[str] = "ready"
    model: ModelInfo


@dataclass(frozen=True, slots=True)
class Prefill:
    """Progress of reading the prompt: `done` of `total` new tokens, `reused` were in the KV cache already."""

    event: ClassVar[str] = "prefill"
    id: int
    done: int
    total: int
    reused: int
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class HasReadAhead:
    """Of a conversation so many tokens, from its first on, are in the KV cache now."""

    event: ClassVar[str] = "has_read_ahead"
    conversation: str
    tokens: int


@dataclass(frozen=True, slots=True)
class ContextCut:
    """Messages were left out: `left_out` are their indices in the request's messages, ascending."""

    event: ClassVar[str] = "context_cut"
    id: int
    left_out: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summarised:
    """The messages left out, and what `Generate.summary` said before them, are now told by `text`; comes after
    their `ContextCut`."""

    event: ClassVar[str] = "summarised"
    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer: whole characters, stop strings already removed."""

    event: ClassVar[str] = "text"
    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """More of a thought, which is no part of the answer."""

    event: ClassVar[str] = "thinking"
    id: int
    text: str


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token as it was chosen, or read, and its log probability (natural, before any sampling setting).

    Args:
        token: its id.
        piece: the bytes that it stands for.
        logprob: None for the first token of a prompt, before which there is nothing.
        top: the likeliest tokens at its place, as (id, bytes, log probability).
    """

    token: int
    piece: tuple[int, ...]
    logprob: float | None
    top: tuple[tuple[int, tuple[int, ...], float], ...] = ()


@dataclass(frozen=True, slots=True)
class Logprobs:
    """Of the tokens whose text comes with the next `Text`, where `Generate.logprobs` asked for them; or `of_prompt`."""

    event: ClassVar[str] = "logprobs"
    id: int
    tokens: tuple[TokenLogprob, ...]
    of_prompt: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """The answer to `Embed`: a vector of length 1, and the number of tokens that were read for it."""

    event: ClassVar[str] = "embedded"
    id: int
    vector: tuple[float, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Figures of one generation. `ttft_s`: seconds from the command to the first token; None when there was none.
    `drafted_tokens` were guessed and evaluated ahead, `accepted_tokens` of them were right."""

    prompt_tokens: int = 0
    reused_tokens: int = 0
    completion_tokens: int = 0
    ttft_s: float | None = None
    tokens_per_s: float | None = None
    context_used: int = 0
    n_threads: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete; `text` is the whole of it (what `continue_last` added, when it continued).

    `thinking` is what the model thought before it, and `thinking_seconds` how long that took, None when not known. Both
    texts may differ from those sent as `Text` and `Thinking`: sometimes only the end shows which is which.
    """

    event: ClassVar[str] = "done"
    id: int
    reason: StopReason
    text: str
    stats: Stats
    thinking: str = ""
    thinking_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """The answer to `Count`. Of `tokens`, `system_tokens` come before the first message that a person or model wrote:
    the system message, with the summary, and what the template writes around it."""

    event: ClassVar[str] = "counted"
    id: int
    tokens: int
    n_ctx: int
    system_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TemplateOption:
    """One of the templates to choose from.

    Args:
        id: what `SetTemplate` takes; `gguf` is the one inside the file.
        title: for people.
        text: the conversation as the model would read it.
        problem: why it cannot be used; "" when it can.
        missing: control tokens of the template that the model's vocabulary lacks.
        suggested: fits this vocabulary, or this name, best.
    """

    id: str
    title: str
    text: str = ""
    problem: str = ""
    missing: tuple[str, ...] = ()
    suggested: bool = False


@dataclass(frozen=True, slots=True)
class TemplateList:
    """The answer to `ListTemplates`: the file's own first, if it has one."""

    event: ClassVar[str] = "template_list"
    id: int
    options: tuple[TemplateOption, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A command failed in a known way (see `belle.errors.KnownError`); the worker lives on. `id` None: a load."""

    event: ClassVar[str] = "failed"
    id: int | None
    kind: str
    message: str
    advice: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Died:
    """The worker ended unasked. Made by the client, never sent by a worker.

    `kind` is one of `faults.death` (`out_of_memory`, `killed`, `killed_low_memory`, `terminated`, `backend_crash`,
    `worker_bug`) or `unresponsive`: the client ended it. `log` are the last lines of its stderr.
    """

    event: ClassVar[str] = "died"
    kind: str
    message: str
    advice: str
    returncode: int | None
    log: str = ""


@dataclass(frozen=True, slots=True)
class SaferMode:
    """The worker died, probably because of llama.cpp's extra kernels, and is started again without them.

    Made by the client, never sent by a worker. The model is loaded again and open requests are repeated: events of
    loading follow, then those of the answer.
    """

    event: ClassVar[str] = "safer_mode"
    returncode: int | None
    log: str = ""


Event = (
    Hello
    | Loading
    | Ready
    | Prefill
    | HasReadAhead
    | ContextCut
    | Summarised
    | Thinking
    | Text
    | Logprobs
    | Done
    | Embedded
    | Counted
    | TemplateList
    | Failed
    | Died
    | SaferMode
)

_COMMANDS: dict[str, type[Any]] = {command.op: command for command in get_args(Command)}
_EVENTS: dict[str, type[Any]] = {event.event: event for event in get_args(Event)}
# Computed once: they are used for every line that arrives.
_FIELDS = {c: frozenset(f.name for f in dataclasses.fields(c)) for c in (*_COMMANDS.values(), *_EVENTS.values())}
_NESTED: dict[str, Any] = {"sampling": Sampling, "stats": Stats}


class ProtocolError(ValueError):
    """A line that is not a command or event of this protocol."""


def encode(item: Command | Event) -> bytes:
    """One line of UTF-8 JSON, newline included."""
    kind = {"op": item.op} if hasattr(item, "op") else {"event": item.event}
    line = json.dumps(kind | dataclasses.asdict(item), ensure_ascii=False, separators=(",", ":"))
    # A lone surrogate (half an emoji, or a byte of a file name that is not UTF-8) arrives as it is.
    return utf8(line) + b"\n"


def decode_command(line: bytes) -> Command:
    """Raises ProtocolError."""
    command: Command = _decode(line, "op", _COMMANDS)
    return command


def decode_event(line: bytes) -> Event:
    """Raises ProtocolError."""
    event: Event = _decode(line, "event", _EVENTS)
    return event


def _decode(line: bytes, tag: str, types: dict[str, type[Any]]) -> Any:
    try:
        fields = parse_json_row(line)
        cls = types[fields.pop(tag)]
        known = _FIELDS[cls]
        values = {k: _value(k, v) for k, v in fields.items() if k in known}
        return cls(**values)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"not a line of the engine protocol: {line[:200]!r}") from error


def _value(name: str, value: Any) -> Any:
    if name == "model":
        return _model_info(**value)
    if name in _NESTED:
        return _NESTED[name](**value)
    if name == "messages":
        return tuple(_message(**m) for m in value)
    if name == "options":
        return tuple(TemplateOption(**{**option, "missing": tuple(option["missing"])}) for option in value)
    if name == "tokens" and isinstance(value, list):
        return tuple(_token_logprob(**token) for token in value)
    # Every other list is one of texts or numbers.
    return tuple(value) if isinstance(value, list) else value


def _model_info(fallbacks: list[dict[str, str]] | tuple[()] = (), **fields: Any) -> ModelInfo:
    return ModelInfo(**fields, fallbacks=tuple(Fallback(**fallback) for fallback in fallbacks))


def _message(tool_calls: list[dict[str, str]] | tuple[()] = (), **fields: Any) -> Message:
    return Message(**fields, tool_calls=tuple(ToolCall(**call) for call in tool_calls))


def _token_logprob(piece: list[int], top: list[tuple[int, list[int], float]], **fields: Any) -> TokenLogprob:
    alternatives = tuple((token, tuple(other), logprob) for token, other, logprob in top)
    return TokenLogprob(**fields, piece=tuple(piece), top=alternatives)
