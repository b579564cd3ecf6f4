"""The parts of a description. Plain values throughout, so that it can be printed as JSON as it is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from belle.errors import KnownError
from belle.prompts import TEMPLATES, Message, PromptTemplate, as_text, template_from_gguf

Kind = Literal["GGUF", "GGUF adapter", "checkpoint", "LoRA adapter"]


@dataclass(frozen=True)
class TensorRow:
    """One tensor: shape in numpy's order, type as the file calls it, and the bytes it takes."""

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
        pre: llama.cpp's name of the pre-tokenizer; "" when there is none.
        n_tokens: size of the vocabulary.
        special: id and text of the special tokens there are, by kind.
        adds_bos: puts a beginning-of-sequence token in front of every text; None when it does not say.
    """

    model: str
    pre: str
    n_tokens: int
    special: dict[str, tuple[int, str]]
    adds_bos: bool | None = None


@dataclass(frozen=True)
class TemplateFacts:
    """The chat template: its text, and the id of the built-in template that says the same ("" for none)."""

    source: str
    recognised: str
    problem: str = ""


@dataclass(frozen=True)
class MemoryAt:
    """Bytes needed with a context of `n_ctx` tokens, and whether that fits into what is free now."""

    n_ctx: int
    weights: int
    kv: int
    compute: int
    total: int
    verdict: str


@dataclass(frozen=True)
class Description:
    """Everything that is told about a file or folder. Sizes in bytes, contexts in tokens, 0 or "" for not known.

    Attributes:
        path: as given.
        kind: what it is.
        architecture: GGUF's name of it.
        title: what the model calls itself.
        quantization: the file type of a GGUF; what a GPTQ or AWQ checkpoint is made of.
        n_weights: numbers in it.
        n_bytes: of all its files.
        n_files: of weights.
        sizes: the model's shape by name.
        context_length: as trained.
        types: by bytes, the largest first.
        license, source, base: where it comes from.
        sha256: of the files it was made from, by name, as recorded in a GGUF.
        adapters: that were merged into a GGUF: name and scale.
        memory: at several context lengths (GGUF).
        facts: what else there is to say of this kind, by name.
        notes: sentences, such as why it could not be converted.
        tensors: all of them.
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
    found: dict[str, list[TensorRow]] = {}
    for tensor in tensors:
        found.setdefault(tensor.type, []).append(tensor)
    all_shares = [
        TypeShare(kind, len(rows), sum(row.n_weights for row in rows), sum(row.n_bytes for row in rows))
        for kind, rows in found.items()
    ]
    return tuple(sorted(all_shares, key=lambda share: -share.n_bytes))


# Which of the built-in prompt templates a chat template is: by what it writes, not by how it is written.


_QUESTION, _ANSWER = Message("user", "first question"), Message("assistant", "an answer")

_CONVERSATIONS = ([_QUESTION], [_QUESTION, _ANSWER, Message("user", "second question")])

# Not every template takes a system text, so it only tells apart what is otherwise the same.
_WITH_SYSTEM = ([Message("system", "a system text"), _QUESTION],)


def template_facts(source: str, *, bos: str, eos: str) -> TemplateFacts | None:
    """What can be said of the Jinja program `source`; None when there is none.

    Args:
        source: of the template.
        bos, eos: texts of the tokens that it may write.
    """
    if not source:
        return None

    def written(template: PromptTemplate, conversations: Iterable[list[Message]]) -> list[str]:
        """As text, without the token in front of everything, which tokenizers add too."""
        texts = [as_text(template.segments(messages), bos=bos, eos=eos) for messages in conversations]
        return [text.removeprefix(bos) if bos else text for text in texts]

    try:
        template = template_from_gguf(source, bos_token=bos, eos_token=eos)
        own = written(template, _CONVERSATIONS)
        same = [known for known in TEMPLATES.values() if written(known, _CONVERSATIONS) == own]
    except KnownError as error:
        return TemplateFacts(source, "", error.message)
    with suppress(KnownError):
        found = written(template, _WITH_SYSTEM)
        same.sort(key=lambda known: written(known, _WITH_SYSTEM) != found)
    return TemplateFacts(source, same[0].id if same else "")
