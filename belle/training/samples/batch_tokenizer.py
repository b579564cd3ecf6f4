"""A tokenizer that is asked for many texts at once.

The renderer asks for one text after the other, and one call of the Rust tokenizer costs more than the few words it is
asked for. So rows are rendered twice: the first time the texts are only written down, then all of them are tokenized
in one call, and the second time the answers are at hand. What was not foreseen is tokenized when it is asked for, so
the result cannot differ from rendering once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from belle.errors import KnownError
from belle.training.tokenizer.tokenizer import HubVocabulary

R = TypeVar("R")
T = TypeVar("T")


class BatchVocabulary(HubVocabulary):
    """The same ids as `vocabulary` gives, faster when used through `encode_all`. It can be sent to another process."""

    def __init__(self, vocabulary: HubVocabulary) -> None:
        self.__dict__.update(vocabulary.__dict__)
        # Texts that are being written down; None while they are not.
        self._wanted: dict[str, None] | None = None
        self._known: dict[str, list[int]] = {}
        # An answer that `tokenize_after` takes apart without asking again.
        self._any_ids = [*self._line_feed, 0]
        # Made here, so that they are sent along.
        self._ready = (self._backend, self._control)

    def __getstate__(self) -> dict[str, Any]:
        """With the Rust tokenizer, without transformers' own, whose import takes longer than most data."""
        state = {**self.__dict__, "_known": {}, "_wanted": None}
        if self._backend is not None:
            state["_tokenizer"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._backend is not None:
            # Not part of what tokenizers saves of itself.
            self._backend.encode_special_tokens = True

    def encode_all(
        self, rows: Sequence[R], foresee: Callable[[HubVocabulary, R], object], encode: Callable[[HubVocabulary, R], T]
    ) -> Iterator[T]:
        """`encode(self, row)` for every row.

        Args:
            foresee: asks for the texts that `encode` will ask for; the ids it gets mean nothing.
        """
        if self._backend is not None:
            texts = self._foreseen(rows, foresee)
            encoded = self._backend.encode_batch_fast(texts, add_special_tokens=False)
            self._known = {text: entry.ids for text, entry in zip(texts, encoded, strict=True)}
        try:
            for row in rows:
                yield encode(self, row)
        finally:
            self._known = {}

    def fingerprint(self) -> str:
        """A digest of everything that decides which ids a text gets."""
        tokenizer = self._tokenizer
        ids = self._backend.to_str() if self._backend is not None else [type(tokenizer).__name__, tokenizer.get_vocab()]
        special = sorted((text, token) for text, (token, *_) in self._control[1].items())
        facts = [self.bos, self.eos, self.adds_bos, special, ids]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _plain(self, text: str) -> list[int]:
        if self._wanted is not None:
            self._wanted[text] = None
            return self._any_ids
        ids = self._known.get(text)
        return super()._plain(text) if ids is None else ids

    def _foreseen(self, rows: Sequence[R], foresee: Callable[[HubVocabulary, R], object]) -> list[str]:
        wanted: dict[str, None] = {}
        self._wanted = wanted
        for row in rows:
            with contextlib.suppress(KnownError):  # `encode` raises it again
                foresee(self, row)
        self._wanted = None
        return list(wanted)
