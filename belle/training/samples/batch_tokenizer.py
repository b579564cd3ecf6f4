"""A tokenizer that is asked for many texts at once.

The renderer asks for one text at a time, and a call of the Rust tokenizer costs more than the few words in it. So rows
are rendered twice: the first pass only records the texts, one call then tokenizes all of them, and the second pass
finds the ids in a cache. A text that the first pass missed is tokenized when it is asked for, so the result cannot
differ from rendering once.
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
        # The texts of the first pass, in order; None outside it.
        self._recorded: dict[str, None] | None = None
        self._cache: dict[str, list[int]] = {}
        # An answer that `tokenize_after` takes apart without asking again.
        self._any_ids = [*self._line_feed, 0]
        # Both are cached properties; computed here, they are pickled with the object.
        self._ready = (self._backend, self._control)

    def __getstate__(self) -> dict[str, Any]:
        """With the Rust tokenizer, without transformers' own, whose import takes longer than encoding most data."""
        state = {**self.__dict__, "_cache": {}, "_recorded": None}
        if self._backend is not None:
            state["_tokenizer"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self._backend is not None:
            # tokenizers does not pickle this setting.
            self._backend.encode_special_tokens = True

    def encode_all(
        self, rows: Sequence[R], request: Callable[[HubVocabulary, R], object], encode: Callable[[HubVocabulary, R], T]
    ) -> Iterator[T]:
        """`encode(self, row)` for every row.

        Args:
            request: asks for the texts that `encode` will ask for; the ids it gets mean nothing.
        """
        if self._backend is not None:
            texts = self._requested_texts(rows, request)
            encoded = self._backend.encode_batch_fast(texts, add_special_tokens=False)
            self._cache = {text: entry.ids for text, entry in zip(texts, encoded, strict=True)}
        try:
            for row in rows:
                yield encode(self, row)
        finally:
            self._cache = {}

    def fingerprint(self) -> str:
        """A digest of everything that decides which ids a text gets."""
        tokenizer = self._tokenizer
        ids = self._backend.to_str() if self._backend is not None else [type(tokenizer).__name__, tokenizer.get_vocab()]
        special = sorted((text, token) for text, (token, *_) in self._control[1].items())
        facts = [self.bos, self.eos, self.adds_bos, special, ids]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _plain(self, text: str) -> list[int]:
        if self._recorded is not None:
            self._recorded[text] = None
            return self._any_ids
        ids = self._cache.get(text)
        return super()._plain(text) if ids is None else ids

    def _requested_texts(self, rows: Sequence[R], request: Callable[[HubVocabulary, R], object]) -> list[str]:
        """The distinct texts that `request` asks for."""
        recorded: dict[str, None] = {}
        self._recorded = recorded
        for row in rows:
            with contextlib.suppress(KnownError):  # `encode` raises it again
                request(self, row)
        self._recorded = None
        return list(recorded)
