"""What the worker answers: events, as frozen dataclasses. `protocol` writes and reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from belle.engine.process.commands import FlashAttention, KvType

StopReason = Literal["end", "stop_string", "length", "stopped", "context_full"]
"""Why an answer ended: the model's end token, a stop string, `max_tokens`, the user, no room in the context."""


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
        reason: `head_size`, `no_cache`, `flash_attention_off`, `no_flash_attention`, `refused`, `no_gpu`, `few_cores`;
            of a draft model `draft_off`, `draft_gpu`, `draft_attention`, `draft_shared`, `draft_recurrent`,
            `draft_inexact`.
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
    `fallbacks` the settings that were asked for and could not be taken. `sees`: messages may have pictures; `mmproj` is
    the file with the vision encoder, and `picture_tokens` what a picture of 1024 × 1024 pixels takes of the context.
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
    sees: bool = False
    mmproj: str = ""
    picture_tokens: int = 0


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
class PictureDescribed:
    """The answer to `DescribePicture`.

    Args:
        kind: `PNG`, `JPEG`, `WebP`, `GIF` or `BMP`.
        sha256: of the file.
        width, height: of the picture, upright, in pixels.
        read_width, read_height: to which it is scaled down before the model sees it; as above where it is not.
        tokens: what it takes of the context; None where no model is loaded that sees.
    """

    event: ClassVar[str] = "picture_described"
    id: int
    kind: str
    sha256: str
    width: int
    height: int
    read_width: int
    read_height: int
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class PictureRead:
    """The model has seen a picture of the prompt; sizes as in `PictureDescribed`. Not sent for one that is in the KV
    cache already."""

    event: ClassVar[str] = "picture_read"
    id: int
    path: str
    width: int
    height: int
    read_width: int
    read_height: int
    tokens: int
    seconds: float


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
    | PictureDescribed
    | PictureRead
    | TemplateList
    | Failed
    | Died
    | SaferMode
)
