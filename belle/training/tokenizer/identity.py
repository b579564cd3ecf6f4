"""Whether a tokenizer is one and the same in transformers, SentencePiece and llama.cpp, and how long texts become.

A model that is trained on other ids than it is run with answers badly, and nothing says why. So the extended tokenizer
is tried in all three programs before anything is trained. llama.cpp reads tokenizers from GGUF files only, which the
training code cannot write: the caller of the stage passes a function that asks llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from belle.errors import KnownError

LlamaIds = Callable[[Path, Sequence[str]], list[list[int]]]
"""llama.cpp's ids of each text, without any at the beginning or end, with the tokenizer of the checkpoint in a folder.
Raises KnownError for a tokenizer that it cannot read."""

_TOLERATED = 0.005
"""Share of texts; LLaMA's own tokenizer differs between the programs on one of a thousand (white space)."""

_OTHER_LANGUAGES = (
    "The quick brown fox jumps over the lazy dog, twice.",
    "def mean(values):\n    return sum(values) / len(values)",
    "Größe, naïve café, año, 42 + 58 = 100.",
    "Привет, мир! Καλημέρα 🙂",
)


@dataclass(frozen=True)
class Identity:
    """How the ids of three programs compare on some texts.

    Args:
        texts: how many were compared.
        differ_transformers, differ_llama_cpp: texts with other ids than SentencePiece's.
        differ_base: texts on which already the old tokenizer's ids differ between transformers and SentencePiece.
        tokens_per_character, tokens_per_character_before: of the extended and of the old tokenizer.
        other_languages_changed: how many of some texts without Chinese have other ids than before.
    """

    texts: int
    differ_transformers: int
    differ_llama_cpp: int
    differ_base: int
    tokens_per_character: float
    tokens_per_character_before: float
    other_languages_changed: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def in_words(self, new_pieces: int) -> str:
        """Two lines."""
        before, after = self.tokens_per_character_before, self.tokens_per_character
        return (
            f"vocabulary: {new_pieces:,} new pieces; {before:.3f} → {after:.3f} tokens per character "
            f"({1 - after / before:.0%} fewer)\n"
            f"the same ids as in SentencePiece: transformers {self.texts - self.differ_transformers} of {self.texts} "
            f"texts, llama.cpp {self.texts - self.differ_llama_cpp} (the old tokenizer in transformers: "
            f"{self.texts - self.differ_base})"
        )

    def check(self) -> None:
        """Raises KnownError("ids_differ")."""
        limit = self.differ_base + _TOLERATED * self.texts
        for program, differing in (("transformers", self.differ_transformers), ("llama.cpp", self.differ_llama_cpp)):
            if differing > limit:
                raise KnownError(
                    "ids_differ",
                    f"{program} gives {differing} of {self.texts} texts other ids than SentencePiece.",
                    "Trained so, the model would read other tokens than it learned. Set vocab.pieces to cjk.",
                    program=program,
                    texts=differing,
                )


def compare(old: Path, new: Path, texts: Sequence[str], llama_ids: LlamaIds) -> Identity:
    """Compare the tokenizers of two checkpoints on `texts`. Raises KnownError."""
    ours, before = _sentencepiece(new, texts), _sentencepiece(old, texts)
    characters = max(1, sum(map(len, texts)))
    others = [_sentencepiece(folder, _OTHER_LANGUAGES) for folder in (old, new)]
    return Identity(
        texts=len(texts),
        differ_transformers=_differences(ours, _transformers(new, texts)),
        differ_llama_cpp=_differences(ours, _llama_cpp(new, texts, llama_ids)),
        differ_base=_differences(before, _transformers(old, texts)),
        tokens_per_character=sum(map(len, ours)) / characters,
        tokens_per_character_before=sum(map(len, before)) / characters,
        other_languages_changed=_differences(*others),
    )


def _differences(one: Sequence[Sequence[int]], other: Sequence[Sequence[int]]) -> int:
    return sum(list(a) != list(b) for a, b in zip(one, other, strict=True))


def _sentencepiece(folder: Path, texts: Sequence[str]) -> list[list[int]]:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    ids: list[list[int]] = processor.encode(list(texts))
    return ids


def _transformers(folder: Path, texts: Sequence[str]) -> list[list[int]]:
    from belle.training.tokenizer.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(folder, notice=lambda _: None)
    ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return ids


def _llama_cpp(folder: Path, texts: Sequence[str], llama_ids: LlamaIds) -> list[list[int]]:
    try:
        return llama_ids(folder, texts)
    except KnownError as error:
        message = f"llama.cpp cannot read the tokenizer of {folder}: {error.message}"
        raise KnownError("ids_unknown", message, error.advice) from None
