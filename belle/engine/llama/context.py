"""The context of a chat: its KV cache, reuse of a common prefix, evaluations that can be interrupted."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.attention import PLAIN, Attention
from belle.engine.llama.memory import N_UBATCH
from belle.engine.llama.model import Model, not_a_chat_model
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError

N_BATCH = 512
"""Most tokens that one call of `Context.evaluate` takes."""

N_OUTPUTS = 16
"""Most tokens of which one call of `Context.evaluate_rows` gives the logits."""

GGML_KV_TYPES = {"f16": llama.GGML_TYPE_F16, "q8_0": llama.GGML_TYPE_Q8_0, "q4_0": llama.GGML_TYPE_Q4_0}
"""ggml's numbers of the types of a KV cache."""

ABORTED = 2
"""What `llama_decode` returns when the abort callback asked for an end."""

_ROUNDED_TO = 256
_FLASH = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
_SEQUENCE = 0


class Interrupted(Exception):  # noqa: N818 - not an error, but what was asked for
    """An evaluation was stopped by its `StopFlag`; the KV cache is as it was before it."""


class StopFlag:
    """Stops an evaluation from another thread, also in the middle of it.

    llama.cpp calls an abort callback, `bool (void *)`, before each of a token's thousand graph nodes. A Python function
    would cost a tenth of the speed, and would need the interpreter's lock. The C library's `strlen` has the same
    signature: 0 (go on) for an empty string, 1 (stop) for one of a single byte. So setting that byte is all it takes.
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)  # b"\0\0"; the second byte stays 0 and ends the string
        strlen = ctypes.cast(ctypes.CDLL(None).strlen, llama.ggml_abort_callback)
        self.callback = strlen, ctypes.c_void_p(ctypes.addressof(self._text))

    def set(self) -> None:
        """Stop the evaluation in progress, and all that follow until `clear`."""
        self._text[0] = b"\x01"

    def clear(self) -> None:
        """Allow evaluations again."""
        self._text[0] = b"\x00"

    def __bool__(self) -> bool:
        return self._text[0] != b"\x00"


def shared_length(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """With how many equal tokens the two begin."""
    return next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))


class Context:
    """One sequence of tokens and their KV cache. Belongs to one thread. To be closed before the model.

    Args:
        model: outlives the context.
        n_ctx: size in tokens, which is rounded up; the attribute `n_ctx` is the rounded one.
        on_gpu: whether layers were offloaded.
        stop: interrupts evaluations.
        log: where llama.cpp writes its reasons.
        attention: as `choose_attention` has found it possible.

    Raises KnownError("out_of_memory") when there is no memory for the KV cache, KnownError("not_a_chat_model") when the
    model has none.
    """

    def __init__(
        self,
        model: Model,
        n_ctx: int,
        *,
        on_gpu: bool,
        stop: StopFlag,
        log: NativeLog,
        attention: Attention = PLAIN,
    ) -> None:
        params = llama.llama_context_default_params()
        # llama.cpp rounds up too, but then limits n_batch to the size before rounding.
        params.n_ctx = -(-n_ctx // _ROUNDED_TO) * _ROUNDED_TO
        params.n_batch = N_BATCH
        params.n_ubatch = N_BATCH if on_gpu else N_UBATCH
        # Few tokens' logits are needed: with a large vocabulary this saves hundreds of megabytes.
        params.n_outputs_max = N_OUTPUTS
        params.flash_attn_type = _FLASH[attention.flash]
        params.type_k = params.type_v = GGML_KV_TYPES[attention.kv_type]
        log.errors()
        self.handle = llama.llama_init_from_model(model.handle, params)
        if self.handle is None:
            message = f"There is no memory for a context of {n_ctx:,} tokens."
            raise KnownError("out_of_memory", message, "Choose a smaller context.", n_ctx=n_ctx, log=log.reason())
        self._memory = llama.llama_get_memory(self.handle)
        if self._memory is None:
            self.close()
            raise not_a_chat_model(model.path)
        self._on_gpu = on_gpu
        self.attention = attention
        self._stop = stop
        self._log = log
        llama.llama_set_abort_callback(self.handle, *stop.callback)
        self.n_ctx: int = llama.llama_n_ctx(self.handle)
        self.tokens: list[int] = []
        self._ids = (llama.llama_token * N_BATCH)()
        self._batch = llama.llama_batch_get_one(self._ids, N_BATCH)
        self._every_row = (ctypes.c_int8 * N_OUTPUTS)(*[1] * N_OUTPUTS)
        self._n_vocab = model.vocabulary.size

    def keep_prefix(self, tokens: Sequence[int]) -> int:
        """Keep the part of the cache that is a prefix of `tokens`; returns its length in tokens.

        Keys and values depend only on the tokens before them, so a common prefix need not be evaluated again. Models
        that cannot forget a part of what they read (recurrent ones) keep all or nothing.
        """
        self._cut(shared_length(self.tokens, tokens))
        return len(self.tokens)

    def evaluate(self, tokens: Sequence[int]) -> None:
        """Read at most `N_BATCH` tokens after those in the cache; the logits of the last can then be sampled from.

        Raises Interrupted when stopped, KnownError("backend_error") when llama.cpp fails; the cache is then as before.
        """
        self._batch.logits = None  # of the last token alone
        self._evaluate(tokens)

    def evaluate_rows(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The same for at most `N_OUTPUTS` tokens; the logits after each of them `[len(tokens), n_vocab]`.

        They are llama.cpp's own memory, valid until the next evaluation.
        """
        self._batch.logits = self._every_row
        self._evaluate(tokens)
        first = llama.llama_get_logits_ith(self.handle, 0)
        return np.ctypeslib.as_array(first, (len(tokens), self._n_vocab))

    def last_logits(self) -> NDArray[np.float32]:
        """The logits after the token evaluated last `[n_vocab]`: llama.cpp's own memory, as above."""
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self.handle, -1), (self._n_vocab,))

    def snapshot(self) -> NDArray[np.uint8]:
        """A copy in memory of the keys and values of all tokens in the cache."""
        copy = np.empty(llama.llama_state_seq_get_size(self.handle, _SEQUENCE), np.uint8)
        llama.llama_state_seq_get_data(self.handle, _bytes_of(copy), len(copy), _SEQUENCE)
        return copy

    def restore_snapshot(self, snapshot: NDArray[np.uint8], tokens: Sequence[int]) -> None:
        """Put a copy of `tokens` back into the cache, in place of what is there. Empties it when that fails."""
        self._cut(0, force=True)
        if llama.llama_state_seq_set_data(self.handle, _bytes_of(snapshot), len(snapshot), _SEQUENCE):
            self.tokens[:] = tokens
        else:
            self._cut(0, force=True)

    def _evaluate(self, tokens: Sequence[int]) -> None:
        count = len(tokens)
        self._ids[:count] = tokens
        self._batch.n_tokens = count
        status = llama.llama_decode(self.handle, self._batch)
        if self._on_gpu:
            # llama_decode only queues the work on a GPU; the caller measures the time.
            llama.llama_synchronize(self.handle)
        if status == 0:
            self.tokens += tokens
            return
        # A failed or aborted decode may have left some of the new tokens in the cache.
        self._cut(len(self.tokens), force=True)
        if status == ABORTED:
            raise Interrupted
        message = f"llama.cpp could not evaluate {count} tokens (llama_decode returned {status})."
        raise KnownError(
            "backend_error", message, "Try again, or load the model anew.", status=status, log=self._log.reason()
        )

    @property
    def state_bytes(self) -> int:
        """Size of the file that `save` would write."""
        size: int = llama.llama_state_seq_get_size(self.handle, _SEQUENCE)
        return size + len(self.tokens) * ctypes.sizeof(llama.llama_token)

    @property
    def layout(self) -> str:
        """How keys and values lie in the cache: a file of one kind cannot be read as the other."""
        return f"{self.attention} gpu={self._on_gpu}"

    def save(self, path: Path) -> bool:
        """Write tokens, keys and values to `path`, in llama.cpp's own format. False when that failed."""
        ids = (llama.llama_token * len(self.tokens))(*self.tokens)
        written = llama.llama_state_seq_save_file(self.handle, os.fsencode(path), _SEQUENCE, ids, len(self.tokens))
        return bool(written)

    def restore(self, path: Path) -> bool:
        """Replace the cache by what `save` wrote. False, with an empty cache, when it cannot be used."""
        self._cut(0, force=True)
        ids = (llama.llama_token * self.n_ctx)()
        count = ctypes.c_size_t()
        read = llama.llama_state_seq_load_file(
            self.handle, os.fsencode(path), _SEQUENCE, ids, self.n_ctx, ctypes.byref(count)
        )
        if not read:
            self._cut(0, force=True)
            return False
        self.tokens = list(ids[: count.value])
        return True

    def set_threads(self, decode: int, prefill: int) -> None:
        """Set the number of threads for single tokens, and for batches of more than one."""
        llama.llama_set_n_threads(self.handle, decode, prefill)

    def close(self) -> None:
        """Free the memory."""
        if self.handle is not None:
            llama.llama_free(self.handle)
            self.handle = None

    def _cut(self, length: int, *, force: bool = False) -> None:
        if length == len(self.tokens) and not force:
            return
        if length == 0 or not llama.llama_memory_seq_rm(self._memory, _SEQUENCE, length, -1):
            llama.llama_memory_clear(self._memory, False)
            length = 0
        del self.tokens[length:]


def _bytes_of(array: NDArray[np.uint8]) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(ctypes.c_uint8))
