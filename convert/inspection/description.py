"""The parts of a description: only plain values, so that it can be printed as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from belle.errors import KnownError
from belle.prompts import TEMPLATES, Message, PromptTemplate, as_text, template_from_gguf

Kind = Literal[
    "GGUF",
    "GGUF adapter",
    "GGUF vision encoder",
    "Whisper file",
    "Whisper checkpoint",
    "checkpoint",
    "LoRA adapter",
]


@dataclass(frozen=True)
class TensorRow:
    """One tensor: shape in numpy's order, type as the file calls it, and size in bytes."""

    name: str
    shape: tuple[int, ...]
    type: str
    n_bytes: int

    @property
    def n_weights(self) -> int:
        """Number of values."""
        n = 1
        for length in self.shape:
            n *= length
        return n


@dataclass(frozen=True)
class TypeShare:
    """All tensors of one type."""

    type: str
    n_tensors: int
    n_weights: int
    n_bytes: int


@dataclass(frozen=True)
class TokenizerFacts:
    """The tokenizer.

    Attributes:
        model: the algorithm, in GGUF's words (`llama` is SentencePiece, `gpt2` byte-level BPE) or by file.
        pre: llama.cpp's name of the pre-tokenizer; "" for none.
        n_tokens: size of the vocabulary.
        special: id and text of the special tokens, by kind.
        adds_bos: whether it puts a beginning-of-sequence token in front of every text; None if not stated.
    """

    model: str
    pre: str
    n_tokens: int
    special: dict[str, tuple[int, str]]
    adds_bos: bool | None = None


@dataclass(frozen=True)
class TemplateFacts:
    """The chat template: its source, and the id of the built-in template with the same output ("" for none)."""

    source: str
    recognised: str
    problem: str = ""


@dataclass(frozen=True)
class MemoryAt:
    """Bytes needed with a context of `n_ctx` tokens, and whether that fits into the memory that is free now."""

    n_ctx: int
    weights: int
    kv: int
    compute: int
    total: int
    verdict: str


@dataclass(frozen=True)
class Description:
    """The description of a file or folder. Sizes in bytes, contexts in tokens, 0 or "" if not known.

    Attributes:
        path: as given.
        kind: of file or folder.
        architecture: its name in GGUF.
        title: the model's own name.
        quantization: the file type of a GGUF or Whisper file; the kinds of layers of a quantized checkpoint.
        n_weights: number of weights.
        n_bytes: of all its files.
        n_files: of weights.
        sizes: the model's shape by name.
        context_length: of the training.
        types: by bytes, the largest first.
        license, source, base: licence, address and base model.
        sha256: of the files that a GGUF was made from, by name.
        adapters: name and scale of those merged into a GGUF.
        memory: at several context lengths (GGUF).
        facts: more values of this kind of file, by name.
        notes: sentences, such as why it cannot be converted.
        tensors: all tensors.
    """

    path: str
    kind: Kind
    architecture: str
    title: str
    quantization: str
    n_weights: int
    n_bytes: int
    n_files: int
    tensors: tuple[TensorRow, ...]
    types: tuple[TypeShare, ...]
    sizes: dict[str, int] = field(default_factory=dict)
    context_length: int = 0
    tokenizer: TokenizerFacts | None = None
    template: TemplateFacts | None = None
    license: str = ""
    source: str = ""
    base: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    adapters: tuple[tuple[str, float], ...] = ()
    memory: tuple[MemoryAt, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def bits_per_weight(self) -> float:
        """Average over all tensors; 0 for none."""
        return 8 * sum(share.n_bytes for share in self.types) / self.n_weights if self.n_weights else 0.0


def shares(tensors: Iterable[TensorRow]) -> tuple[TypeShare, ...]:
    """The histogram of types, by bytes, the largest first."""
    by_type: dict[str, list[TensorRow]] = {}
    for tensor in tensors:
        by_type.setdefault(tensor.type, []).append(tensor)
    all_shares = [
        TypeShare(kind, len(rows), sum(row.n_weights for row in rows), sum(row.n_bytes for row in rows))
        for kind, rows in by_type.items()
    ]
    return tuple(sorted(all_shares, key=lambda share: -share.n_bytes))


_QUESTION, _ANSWER = Message("user", "first question"), Message("assistant", "an answer")

_CONVERSATIONS = ([_QUESTION], [_QUESTION, _ANSWER, Message("user", "second question")])

# Some templates do not accept a system text, so it only decides between templates that are otherwise the same.
_WITH_SYSTEM = ([Message("system", "a system text"), _QUESTION],)


def template_facts(source: str, *, bos: str, eos: str) -> TemplateFacts | None:
    """The facts about a chat template; None for an empty one.

    The built-in template is recognized by its output, not by its source: the same template is written in many ways.

    Args:
        source: Jinja.
        bos, eos: texts of the tokens that it may write.
    """
    if not source:
        return None

    def written(template: PromptTemplate, conversations: Iterable[list[Message]]) -> list[str]:
        """The output as text, without a leading bos token, which tokenizers may add as well."""
        texts = [as_text(template.segments(messages), bos=bos, eos=eos) for messages in conversations]
        return [text.removeprefix(bos) if bos else text for text in texts]

    try:
        template = template_from_gguf(source, bos_token=bos, eos_token=eos)
        own = written(template, _CONVERSATIONS)
        same = [known for known in TEMPLATES.values() if written(known, _CONVERSATIONS) == own]
    except KnownError as error:
        return TemplateFacts(source, "", error.message)
    with suppress(KnownError):
        own = written(template, _WITH_SYSTEM)
        same.sort(key=lambda known: written(known, _WITH_SYSTEM) != own)
    return TemplateFacts(source, same[0].id if same else "")
