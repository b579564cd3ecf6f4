"""What a client asks the worker for: commands, as frozen dataclasses. `protocol` writes and reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from belle.prompts import Message

MOST_PARALLEL = 16
"""Requests that one model may answer at once."""

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
            one, no conversation is saved and nothing is guessed, also while there is a single request.
        kv_type: how keys and values are stored; a quantized cache needs flash attention.
        flash_attention: see `FlashAttention`.
        speculation: guess the next tokens where that is faster. The text is the same.
        draft: the GGUF of a smaller model with the same vocabulary, which guesses, too; None for none.
        mmproj: the GGUF with the vision encoder of this model; "" for none, None for one in the model's folder that
            fits it.

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
    mmproj: str | None = None


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
class DescribePicture:
    """Ask what a picture is and what it would cost, also while no model is loaded or an answer is being generated;
    answered by `PictureDescribed`, or by `Failed` where it cannot be read.

    Args:
        path: of the picture.
        preview: where a PNG of it is written that is safe to show: upright, and at most `preview_size` pixels wide and
            high; "" writes none.
    """

    op: ClassVar[str] = "describe_picture"
    id: int
    path: str
    preview: str = ""
    preview_size: int = 512


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


Command = (
    Load
    | SetTemplate
    | Generate
    | Embed
    | Stop
    | AnswerNow
    | Count
    | DescribePicture
    | ListTemplates
    | ReadAhead
    | Forget
    | Quit
)
