"""The parts of a recipe that are mappings of their own: a file of data, the adapters, the shape of a new model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from belle.training.recipe.fields import FieldError


@dataclass(frozen=True)
class DataFile:
    """One file of training data."""

    path: Path
    """Relative to the recipe; or hub:OWNER/NAME[/FILE][@REVISION]."""

    format: str = "auto"
    """A format of `belle.data`; `auto` recognises it by its keys."""

    weight: float = 1.0
    """How often its rows come up in an epoch: 2 is twice, 0.5 every other row."""

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise FieldError("weight", "must be above 0", "Leave the file out instead.")


@dataclass(frozen=True)
class LoraOptions:
    """Low-rank adapters (LoRA, Hu et al. 2021) instead of training every weight."""

    r: int = 16
    """Rank (BELLE: 16)."""

    alpha: float = 32.0
    """The adapter is scaled by alpha ÷ r (BELLE: 32)."""

    dropout: float = 0.05
    """Of the adapter's input."""

    targets: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Names of the adapted layers, such as [q_proj, v_proj]; `all-linear` is every linear layer but the head."""

    modules_to_save: tuple[str, ...] = ()
    """Layers trained in full and saved with the adapter: [embed_tokens, lm_head] after the vocabulary was extended."""

    rslora: bool = False
    """Scale by alpha ÷ √r (Kalajdzievski 2023)."""

    dora: bool = False
    """Train magnitude and direction apart (DoRA, Liu et al. 2024)."""

    def __post_init__(self) -> None:
        if self.r < 1:
            raise FieldError("r", "must be at least 1")
        if not 0 <= self.dropout < 1:
            raise FieldError("dropout", "must be from 0 to below 1")
        if self.targets == ():
            raise FieldError("targets", "is empty, so nothing would be trained", "Write all-linear.")


@dataclass(frozen=True)
class InitOptions:
    """The shape of a LLaMA with random weights; names as in its config.json."""

    tokenizer: Path
    """The folder of its tokenizer, relative to the recipe."""

    hidden_size: int = 256
    """Width; quantization likes multiples of 256."""

    intermediate_size: int = 768
    """Width inside the feed-forward layers."""

    num_hidden_layers: int = 4
    """Layers, each of attention and feed-forward."""

    num_attention_heads: int = 4
    """Heads; they share `hidden_size`."""

    num_key_value_heads: int | None = None
    """Heads of keys and values; null: as many as there are heads."""

    max_position_embeddings: int = 2048
    """The longest text it is made for."""

    rope_theta: float = 10000.0
    """Base of the rotary position embedding."""

    rms_norm_eps: float = 1e-6
    """Of its norms."""

    initializer_range: float = 0.02
    """Standard deviation of the random weights."""

    tie_word_embeddings: bool = False
    """Whether the head is the embedding."""

    def __post_init__(self) -> None:
        sizes = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        for name in (*sizes, "max_position_embeddings"):
            if getattr(self, name) < 1:
                raise FieldError(name, "must be at least 1")
        for name in ("rope_theta", "rms_norm_eps"):
            if getattr(self, name) <= 0:
                raise FieldError(name, "must be above 0")
        if not 0 < self.initializer_range <= 1:
            raise FieldError("initializer_range", "must be above 0, and at most 1")
        if self.hidden_size % (2 * self.num_attention_heads):
            raise FieldError("num_attention_heads", f"has to divide half of hidden_size, {self.hidden_size} / 2")
        shared = self.num_key_value_heads
        if shared is not None and (shared < 1 or self.num_attention_heads % shared):
            raise FieldError("num_key_value_heads", f"has to divide num_attention_heads, {self.num_attention_heads}")


# What a recipe says about extending a vocabulary (`stage: vocab`, key `vocab`).


@dataclass(frozen=True)
class VocabOptions:
    """The key `vocab` of a recipe."""

    size: int = 25_000
    """Pieces of the new SentencePiece model that is merged into the old one (BELLE: 25,000; its paper: 50,000)."""

    character_coverage: float = 0.9995
    """Share of the characters of the text that the new model covers; the rest stays bytes (BELLE: 0.9995)."""

    pieces: Literal["cjk", "all"] = "cjk"
    """Which of the new pieces are added: those of Chinese characters and punctuation alone, which change no id of text
    in other languages, or all."""

    sentences: int = 2_000_000
    """At most so many lines of text are given to SentencePiece."""

    checked_texts: int = 1000
    """On so many lines of text the ids of transformers, SentencePiece and llama.cpp are compared."""

    def __post_init__(self) -> None:
        if self.size < 300:
            raise FieldError("size", "must be at least 300: 256 pieces are the bytes")
        if not 0.9 <= self.character_coverage <= 1:
            raise FieldError("character_coverage", "must lie between 0.9 and 1")
        if self.sentences <= 100:
            raise FieldError("sentences", "must be above 100")
        if self.checked_texts < 1:
            raise FieldError("checked_texts", "must be above 0")
