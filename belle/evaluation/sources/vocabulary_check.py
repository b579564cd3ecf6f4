"""Checks that two models mean the same by the same token ids: otherwise their predictions cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from belle.engine.llama.model import Vocabulary
from belle.errors import KnownError
from belle.texts import short_repr

_ADVICE = "Models with different tokenizers can be compared by --bits-per-byte."
_SAMPLE_CHARACTERS = 4000


class Texts(Protocol):
    """The entries of a vocabulary."""

    def text(self, token: int | None) -> str: ...


class NamedVocabulary(NamedTuple):
    """The vocabulary of a model: the model's name, the entries, and their number."""

    name: str
    texts: Texts
    size: int


def check_same(model: NamedVocabulary, other: NamedVocabulary) -> None:
    """Raise KnownError("other_vocabulary") that names the first difference."""
    if model.size != other.size:
        raise KnownError(
            "other_vocabulary",
            f"{other.name} has {other.size:,} tokens, {model.name} has {model.size:,}.",
            _ADVICE,
            sizes=[model.size, other.size],
        )
    for token in range(model.size):
        here, there = model.texts.text(token), other.texts.text(token)
        if here != there:
            raise KnownError(
                "other_vocabulary",
                f"Token {token} is {short_repr(there)} in {other.name}, but {short_repr(here)} in {model.name}.",
                _ADVICE,
                token=token,
            )


def check_same_tokens(name: str, vocabulary: Vocabulary, other_name: str, other: Vocabulary, text: str) -> None:
    """Raise KnownError("other_tokenizer") when two vocabularies of the same tokens cut the text differently."""
    sample = text[:_SAMPLE_CHARACTERS]
    here, there = vocabulary.tokenize(sample), other.tokenize(sample)
    bos = [v.bos if v.adds_bos else None for v in (vocabulary, other)]
    if here != there or bos[0] != bos[1]:
        at = _first_difference(here, there)
        what = f"from token {at} on" if at < max(len(here), len(there)) else "at its beginning (BOS)"
        raise KnownError(
            "other_tokenizer",
            f"{other_name} has the same tokens as {name}, but cuts the text differently, {what}.",
            "One of the files was converted with wrong tokenizer metadata. " + _ADVICE,
            token=at,
        )


def _first_difference(here: Sequence[int], there: Sequence[int]) -> int:
    return next(
        (i for i, pair in enumerate(zip(here, there, strict=False)) if pair[0] != pair[1]), min(len(here), len(there))
    )
