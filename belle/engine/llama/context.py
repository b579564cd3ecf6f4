"""The context of a chat: its KV cache for one or several sequences, evaluations that can be interrupted."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.attention import PLAIN, Attention
from belle.engine.llama.kv_sequence import KvSequence
from belle.engine.llama.memory import N_UBATCH
from belle.engine.llama.model import Model, not_a_chat_model
from belle.engine.llama.native_log import NativeLog
from belle.engine.pictures.picture_runs import PictureRun, PictureRuns
from belle.engine.process.stop_flag import NativeStopFlag
from belle.errors import KnownError

N_BATCH = 512
"""Most tokens that one call of `Context.evaluate` takes."""

N_OUTPUTS = 16
"""Most tokens of which one part of a batch gives the logits, while every other part gives those of one."""

GGML_KV_TYPES = {"f16": llama.GGML_TYPE_F16, "q8_0": llama.GGML_TYPE_Q8_0, "q4_0": llama.GGML_TYPE_Q4_0}
"""ggml's numbers of the types of a KV cache."""

ABORTED = 2
"""What `llama_decode` returns when the abort callback asked for an end."""
_NO_ROOM = 1

_ROUNDED_TO = 256
_FLASH = {
    "auto": llama.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": llama.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": llama.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}


class Interrupted(Exception):  # noqa: N818 - not an error, but what was asked for
    """An evaluation was stopped by its `StopFlag`; the KV cache is as it was before it."""


class StopFlag(NativeStopFlag):
    """`callback` is the flag in the form that llama-cpp-python takes."""

    def __init__(self) -> None:
        super().__init__()
        self.callback = ctypes.cast(self.function, llama.ggml_abort_callback), self.data


class CacheFullError(Exception):
    """No room for a batch beside what the sequences hold; the KV cache is as it was before it."""


class BatchPart(NamedTuple):
    """What one sequence adds to a batch; of the last `n_outputs` tokens, llama.cpp gives the logits after them."""

    sequence: KvSequence
    tokens: Sequence[int]
    n_outputs: int = 1


class BatchPlace(NamedTuple):
    """Where embeddings go: the number of a sequence, the position in it, and how many may be evaluated at once."""

    sequence: int
    position: int
    n_batch: int


class _Batch:
    """llama.cpp's `llama_batch` of at most `N_BATCH` tokens of any sequences, filled anew for every evaluation."""

    def __init__(self, n_sequences: int) -> None:
        self._tokens = np.zeros(N_BATCH, np.int32)
        self._positions = np.zeros(N_BATCH, np.int32)
        self._counts = np.ones(N_BATCH, np.int32)  # sequences that a token belongs to
        self._numbers = np.arange(n_sequences, dtype=np.int32)
        self._owners = np.zeros(N_BATCH, np.uintp)  # of each token, the address of its number in `_numbers`
        self._outputs = np.zeros(N_BATCH, np.int8)
        self.native = llama.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._counts, ctypes.c_int32),
            seq_id=_pointer(self._owners, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )

    def clear(self) -> None:
        """Begin another batch."""
        self._outputs[: self.native.n_tokens] = 0
        self.native.n_tokens = 0

    def add(self, part: BatchPart) -> None:
        """Add tokens that come after those of their sequence."""
        sequence, start = part.sequence, self.native.n_tokens
        end, position = start + len(part.tokens), sequence.position(len(sequence.tokens))
        self._tokens[start:end] = part.tokens
        self._positions[start:end] = np.arange(position, position + end - start)
        self._owners[start:end] = self._numbers.ctypes.data + sequence.number * self._numbers.itemsize
        self._outputs[end - part.n_outputs : end] = 1
        sequence.rows = range(end - part.n_outputs, end)
        self.native.n_tokens = end


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))


class Context:
    """The KV cache of a model, for one sequence of tokens or several. Belongs to one thread. To be closed before the
    model.

    The sequences share its cells: each may take all of them that the others leave.

    Args:
        model: outlives the context.
        n_ctx: size in tokens, which is rounded up; the attribute `n_ctx` is the rounded one.
        on_gpu: whether layers were offloaded.
        stop: interrupts evaluations.
        log: where llama.cpp writes its reasons.
        attention: as `choose_attention` has found it possible.
        n_sequences: that it may hold.
        whole_tokens: of a picture that has to be evaluated in one piece (`VisionEncoder.whole_tokens`).

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
        n_sequences: int = 1,
        whole_tokens: int = 0,
    ) -> None:
        params = llama.llama_context_default_params()
        # llama.cpp rounds up too, but then limits n_batch to the size before rounding.
        params.n_ctx = -(-n_ctx // _ROUNDED_TO) * _ROUNDED_TO
        params.n_batch = max(N_BATCH, whole_tokens)
        params.n_ubatch = max(N_BATCH if on_gpu else N_UBATCH, whole_tokens)
        params.n_seq_max, params.kv_unified = n_sequences, n_sequences > 1
        # Few tokens' logits are needed: with a large vocabulary this saves hundreds of megabytes.
        params.n_outputs_max = N_OUTPUTS + n_sequences - 1
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
        self.stop = stop  # llama.cpp reads its byte as long as there is a context
        self._log = log
        llama.llama_set_abort_callback(self.handle, *stop.callback)
        self.n_ctx: int = llama.llama_n_ctx(self.handle)
        self.n_ubatch: int = params.n_ubatch
        self._n_batch: int = params.n_batch
        self.runs = PictureRuns()
        can_cut = not (llama.llama_model_is_recurrent(model.handle) or llama.llama_model_is_hybrid(model.handle))
        self.sequences = tuple(
            KvSequence(self.handle, number, can_cut=can_cut, runs=self.runs) for number in range(n_sequences)
        )
        self._is_interleaved = False  # cells of several sequences lie among each other, or did
        self._batch = _Batch(n_sequences)
        self._n_vocab = model.vocabulary.size

    def evaluate(self, *parts: BatchPart) -> None:
        """Read at most `N_BATCH` tokens, of each sequence those after what it has; `KvSequence.rows` tells the logits.

        Raises Interrupted when stopped, CacheFullError when there is no room, KnownError("backend_error") when
        llama.cpp fails; the cache is then as before.
        """
        self._batch.clear()
        for part in parts:
            self._batch.add(part)
        self._finish(llama.llama_decode(self.handle, self._batch.native), parts)

    def evaluate_run(self, sequence: KvSequence, run: PictureRun, decode: Callable[[BatchPlace], int]) -> None:
        """Bring a picture into the cache, after what its sequence has.

        Args:
            decode: evaluates it; returns the status of `llama_decode`.

        Raises as `evaluate`.
        """
        place = BatchPlace(sequence.number, sequence.position(len(sequence.tokens)), self._n_batch)
        self._finish(decode(place), [BatchPart(sequence, run.ids)])

    def _finish(self, status: int, parts: Sequence[BatchPart]) -> None:
        """What follows from the status of an evaluation."""
        if self._on_gpu:
            # llama_decode only queues the work on a GPU; the caller measures the time.
            llama.llama_synchronize(self.handle)
        if status == 0:
            for part in parts:
                part.sequence.tokens += part.tokens
            if len(self.sequences) > 1 and not self._is_interleaved:
                self._is_interleaved = sum(bool(sequence.tokens) for sequence in self.sequences) > 1
            return
        # A failed or aborted decode may have left some of the new tokens in the cache.
        for part in parts:
            part.sequence.cut(len(part.sequence.tokens), force=True)
        if status == ABORTED:
            raise Interrupted
        if status == _NO_ROOM:
            raise CacheFullError
        n_tokens = sum(len(part.tokens) for part in parts)
        message = f"llama.cpp could not evaluate {n_tokens} tokens (llama_decode returned {status})."
        raise KnownError(
            "backend_error", message, "Try again, or load the model anew.", status=status, log=self._log.reason()
        )

    def warm_up(self) -> None:
        """Evaluate a token, and forget it: the first evaluation reads all weights and starts threads, which takes
        several times as long as any other. No answer is to wait for that."""
        sequence = self.sequences[0]
        with suppress(Interrupted, CacheFullError, KnownError):
            self.evaluate(BatchPart(sequence, (0,)))
        sequence.cut(0)

    def logits(self, row: int) -> NDArray[np.float32]:
        """The logits after a token of the last batch `[n_vocab]`: llama.cpp's own memory, valid until the next one."""
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self.handle, row), (self._n_vocab,))

    def straighten(self, sequence: KvSequence) -> None:
        """Where no other sequence has tokens, lay this one out as if there had never been another.

        Its tokens then come first and in one piece. So less of the cache is looked through, and an answer is the same
        bit by bit whatever was answered before.
        """
        if not self._is_interleaved or any(other.tokens for other in self.sequences if other is not sequence):
            return
        copy, tokens = sequence.snapshot(), list(sequence.tokens)
        sequence.cut(0)
        llama.llama_memory_clear(self._memory, False)
        if tokens:
            sequence.restore_snapshot(copy, tokens)
        self._is_interleaved = False

    @property
    def layout(self) -> str:
        """How keys and values lie in the cache: a file of one kind cannot be read as the other."""
        return f"{self.attention} gpu={self._on_gpu}"

    def set_threads(self, decode: int, prefill: int) -> None:
        """Set the number of threads for single tokens, and for batches of more than one."""
        llama.llama_set_n_threads(self.handle, decode, prefill)

    def close(self) -> None:
        """Free the memory."""
        if self.handle is not None:
            llama.llama_free(self.handle)
            self.handle = None
