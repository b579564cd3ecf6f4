"""What a recipe says about extending a vocabulary (`stage: vocab`, key `vocab`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from belle.training.fields import FieldError


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
