"""One sequence of tokens in the KV cache of a context, which may hold several.

Sequences that begin alike share the cells of their common beginning: llama.cpp marks a cell with every sequence that it
belongs to. To copy a prefix therefore costs no memory and no evaluation.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from belle.engine.pictures.picture_runs import PictureRuns


def shared_length(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """With how many equal tokens the two begin."""
    return next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))


class KvSequence:
    """The tokens of one sequence, whose keys and values are in the cache. Belongs to the context that makes it.

    Args:
        context: llama.cpp's.
        number: of the sequence in it.
        can_cut: whether the model can forget the end of what it has read; recurrent ones cannot.
        runs: the pictures that may be among the tokens.

    Attributes:
        tokens: what is in the cache, oldest first.
        rows: the places in the last batch after which it has logits; the last one is after its last token.
    """

    def __init__(self, context: llama.llama_context_p, number: int, *, can_cut: bool, runs: PictureRuns) -> None:
        self.number = number
        self.tokens: list[int] = []
        self.rows = range(0)
        self._context = context
        self._memory = llama.llama_get_memory(context)
        self._n_ctx: int = llama.llama_n_ctx(context)
        self._can_cut = can_cut
        self._runs = runs
        self._counted = (0, 0)  # how many tokens have been counted, and their positions

    def keep_prefix(self, tokens: Sequence[int]) -> int:
        """Keep the part of the sequence that is a prefix of `tokens`; returns its length in tokens.

        Keys and values depend only on the tokens before them, so a common prefix need not be evaluated again. Models
        that cannot forget a part of what they read (recurrent ones) keep all or nothing.
        """
        self.cut(shared_length(self.tokens, tokens))
        return len(self.tokens)

    def lends(self, tokens: Sequence[int]) -> int:
        """How many of `tokens`, from the first on, another sequence could take over from this one."""
        shared = shared_length(self.tokens, tokens)
        return shared if self._can_cut or shared == len(self.tokens) else 0

    def take_prefix(self, other: KvSequence, length: int) -> None:
        """Replace all tokens by the first `length` of another sequence (as many as it `lends`)."""
        self.cut(0)
        llama.llama_memory_seq_cp(self._memory, other.number, self.number, -1, -1)
        self.tokens[:] = other.tokens
        self.cut(length)

    def position(self, length: int) -> int:
        """The position of what comes after the first `length` tokens, which cut through no picture."""
        counted, positions = self._counted if self._counted[0] <= length else (0, 0)
        self._counted = length, positions + self._runs.n_positions(self.tokens, counted, length)
        return self._counted[1]

    def cut(self, length: int, *, force: bool = False) -> None:
        """Forget what comes after the first `length` tokens, or everything where the model cannot do that.

        `force` tells that the cache may hold more than `tokens` says.
        """
        if length == len(self.tokens) and not force:
            return
        position = self.position(length)
        if length == 0 or not llama.llama_memory_seq_rm(self._memory, self.number, position, -1):
            llama.llama_memory_seq_rm(self._memory, self.number, -1, -1)
            length = 0
        del self.tokens[length:]
        self._counted = min(self._counted, (length, position)) if length else (0, 0)

    def snapshot(self) -> NDArray[np.uint8]:
        """A copy in memory of the keys and values of all tokens."""
        copy = np.empty(llama.llama_state_seq_get_size(self._context, self.number), np.uint8)
        llama.llama_state_seq_get_data(self._context, _bytes_of(copy), len(copy), self.number)
        return copy

    def restore_snapshot(self, snapshot: NDArray[np.uint8], tokens: Sequence[int]) -> None:
        """Put a copy of `tokens` back into the cache, in place of what is there. Empty when that fails."""
        self.cut(0, force=True)
        if llama.llama_state_seq_set_data(self._context, _bytes_of(snapshot), len(snapshot), self.number):
            self.tokens[:] = tokens
        else:
            self.cut(0, force=True)

    @property
    def state_bytes(self) -> int:
        """Size of the file that `save` would write."""
        size: int = llama.llama_state_seq_get_size(self._context, self.number)
        return size + len(self.tokens) * ctypes.sizeof(llama.llama_token)

    def save(self, path: Path) -> bool:
        """Write tokens, keys and values to `path`, in llama.cpp's own format. False when that failed."""
        ids = (llama.llama_token * len(self.tokens))(*self.tokens)
        written = llama.llama_state_seq_save_file(self._context, os.fsencode(path), self.number, ids, len(self.tokens))
        return bool(written)

    def restore(self, path: Path) -> bool:
        """Replace the sequence by what `save` wrote. False, with an empty sequence, when it cannot be used."""
        self.cut(0, force=True)
        ids = (llama.llama_token * self._n_ctx)()
        count = ctypes.c_size_t()
        read = llama.llama_state_seq_load_file(
            self._context, os.fsencode(path), self.number, ids, self._n_ctx, ctypes.byref(count)
        )
        if not read:
            self.cut(0, force=True)
            return False
        self.tokens[:] = ids[: count.value]
        return True


def _bytes_of(array: NDArray[np.uint8]) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
