"""A model for tools: token ids in, logits out. The only place that makes a llama.cpp context for them.

The chat has a context of its own (`belle.engine.llama.context`), which can be interrupted and holds one conversation.
Tools need what it lacks: rows of logits for many tokens at once, several sequences, a callback for every node of the
graph. Everything is computed on the CPU.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.context import ABORTED, GGML_KV_TYPES, Interrupted, StopFlag
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.engine.process.commands import KvType
from belle.errors import KnownError

Logits = NDArray[np.float32]

NodeCallback = Callable[[int, bool], bool]
"""Called with the address of a node of the graph (`tensor_exchange.Tensor`) and a flag: with True before the node is
computed, and returns whether to be called afterwards; then with False, and returns whether the evaluation goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextOptions:
    """How the context is made.

    Attributes:
        n_ctx: tokens that the KV cache has room for.
        n_batch: most tokens of one `decode`.
        n_ubatch: tokens that llama.cpp computes at once; 0 for `n_batch`.
        n_outputs: most rows of logits of one `decode`, for which memory is set aside; 0 for `n_batch`.
        n_sequences: sequences that share the cache.
        threads: for evaluation.
        flash_attention: "auto" leaves the choice to llama.cpp, as its own tools do; on a processor the results then
            depend on the number of rows and threads.
        float32_cache: keys and values as they were computed, not rounded to float16.
        kv_type: how keys and values are stored otherwise; a quantized type needs flash attention.
        on_node: called for each node of the graph.
        embeddings: compute the last hidden state of each token (`embeddings`) in place of logits.
        stop: interrupts evaluations.
    """

    n_ctx: int
    n_batch: int
    n_ubatch: int = 0
    n_outputs: int = 0
    n_sequences: int = 1
    threads: int = 1
    flash_attention: Literal["auto", "off"] = "off"
    float32_cache: bool = False
    kv_type: KvType = "f16"
    on_node: NodeCallback | None = None
    embeddings: bool = False
    stop: StopFlag | None = None


class Entry(NamedTuple):
    """A token to evaluate, its position in its sequence, and the number of the sequence."""

    token: int
    position: int
    sequence: int


class Evaluator:
    """A model and a context of it. Belongs to one thread. To be closed.

    Args:
        model: outlives it.

    Attributes:
        model: as given.
        n_ctx: size of the context, 0 before `open`.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.n_ctx = 0
        self._owns_model = False
        self._context: Any = None
        self._on_node: NodeCallback | None = None
        self._failure: BaseException | None = None
        # Referenced here for the life of the context: llama.cpp stores the bare pointer.
        self._callback = llama.ggml_backend_sched_eval_callback(self._visit)

    @classmethod
    def load(cls, path: Path, *, as_on_disk: bool = False) -> Evaluator:
        """Load the GGUF at `path`, whose header has been checked, on the processor; `close` frees it too.

        Raises KnownError as `Model` does; `as_on_disk` is explained there.
        """
        model = Model(path, n_gpu_layers=0, log=NativeLog(), on_progress=lambda _: True, as_on_disk=as_on_disk)
        evaluator = cls(model)
        evaluator._owns_model = True
        return evaluator

    def open(self, options: ContextOptions) -> None:
        """Make the context, replacing the one before. Raises KnownError("out_of_memory"), after closing this object."""
        self._free_context()
        self._on_node = options.on_node
        self._make_batch(options.n_batch)
        self.model.log.errors()
        self._context = llama.llama_init_from_model(self.model.handle, self._parameters(options))
        if self._context is None:
            reason = self.model.log.reason()
            self.close()
            raise KnownError(
                "out_of_memory",
                f"There is no memory to run {self.model.path.name} with a context of {options.n_ctx:,} tokens.",
                "Close other programs, or take a smaller model.",
                path=str(self.model.path),
                n_ctx=options.n_ctx,
                log=reason,
            )
        self._memory = llama.llama_get_memory(self._context)
        if options.stop is not None:
            llama.llama_set_abort_callback(self._context, *options.stop.callback)
        self.n_ctx = options.n_ctx

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory."""
        self._free_context()
        if self._owns_model:
            self.model.close()

    @property
    def threads(self) -> int:
        """The number of threads that evaluate."""
        count: int = llama.llama_n_threads(self._context)
        return count

    def set_threads(self, threads: int) -> None:
        """Evaluate with this many threads from now on."""
        llama.llama_set_n_threads(self._context, threads, threads)

    def decode(self, ids: Sequence[int], position: int, *, outputs: int) -> None:
        """Evaluate `ids` from `position` of sequence 0 on, and compute the logits after the last `outputs` of them.

        Raises KnownError("backend_error") and Interrupted; the cache is then empty. Raises what `on_node` raises.
        """
        n = len(ids)
        self._tokens[:n] = ids
        self._positions[:n] = np.arange(position, position + n)
        self._sequences[:n] = 0
        self._decode(n, outputs)

    def decode_entries(self, entries: Sequence[Entry], *, outputs: int) -> None:
        """Evaluate tokens of several sequences, with logits after the last `outputs` of them. Raises as `decode`."""
        n = len(entries)
        self._tokens[:n], self._positions[:n], self._sequences[:n] = zip(*entries, strict=True)
        self._decode(n, outputs)

    def logits(self) -> Logits:
        """The logits of the last decode, `[outputs, n_vocab]`: llama.cpp's own memory, valid until the next one.

        Waits for them to be computed.
        """
        pointer = ctypes.cast(llama.llama_get_logits(self._context), ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(pointer, (self._n_outputs, self.model.vocabulary.size))

    def embeddings(self) -> NDArray[np.float32]:
        """The last hidden states of the last decode, `[outputs, n_embd]`: llama.cpp's own memory, as with `logits`."""
        pointer = ctypes.cast(llama.llama_get_embeddings(self._context), ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(pointer, (self._n_outputs, llama.llama_model_n_embd(self.model.handle)))

    def clear(self) -> None:
        """Empty the KV cache."""
        llama.llama_memory_clear(self._memory, True)

    def cut(self, length: int) -> int:
        """Remove what follows the first `length` tokens of sequence 0; returns the number of tokens that are left.

        Recurrent models cannot forget a part of what they read, and forget everything.
        """
        if llama.llama_memory_seq_rm(self._memory, 0, length, -1):
            return length
        llama.llama_memory_clear(self._memory, False)
        return 0

    def copy_sequence(self, source: int, target: int) -> None:
        """Begin sequence `target` with all of `source`; both share the same cells of the cache."""
        llama.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def drop_sequence(self, sequence: int) -> None:
        """Remove a sequence from the cache."""
        llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def _make_batch(self, size: int) -> None:
        """Make a `llama_batch` over numpy arrays, which are quickly filled."""
        self._tokens, self._positions, self._sequences = np.zeros((3, size), np.int32)  # each [size]
        self._wanted = np.zeros(size, np.int8)  # [size], 1 where logits are computed
        self._n_outputs = 0
        ones = np.ones(size, np.int32)
        # A token may belong to several sequences, so llama.cpp takes a pointer to a list of them for each token: here
        # to its entry in `_sequences`, four bytes after the one before.
        first = self._sequences.ctypes.data
        pointers = np.arange(first, first + 4 * size, 4, dtype=np.uintp)
        self._batch_arrays = ones, pointers  # the batch has only bare pointers: without this they would be freed
        types = dict(llama.llama_batch._fields_)

        def field(name: str, array: NDArray[Any]) -> Any:
            return ctypes.cast(array.ctypes.data, types[name])

        self._batch = llama.llama_batch(
            n_tokens=0,
            token=field("token", self._tokens),
            pos=field("pos", self._positions),
            n_seq_id=field("n_seq_id", ones),
            seq_id=field("seq_id", pointers),
            logits=field("logits", self._wanted),
        )

    def _parameters(self, options: ContextOptions) -> Any:
        params = llama.llama_context_default_params()
        params.n_ctx = options.n_ctx
        params.n_batch = options.n_batch
        params.n_ubatch = options.n_ubatch or options.n_batch
        params.n_outputs_max = options.n_outputs
        params.n_seq_max = options.n_sequences
        params.kv_unified = options.n_sequences > 1
        params.n_threads = params.n_threads_batch = options.threads
        if options.flash_attention == "off":
            params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        cache_type = llama.GGML_TYPE_F32 if options.float32_cache else GGML_KV_TYPES[options.kv_type]
        params.type_k = params.type_v = cache_type
        if options.embeddings:
            params.embeddings, params.pooling_type = True, llama.LLAMA_POOLING_TYPE_NONE
        if options.on_node is not None:
            params.cb_eval = self._callback
        return params

    def _free_context(self) -> None:
        if self._context is not None:
            llama.llama_free(self._context)
        self._context, self.n_ctx = None, 0

    def _decode(self, n: int, outputs: int) -> None:
        self._wanted[: n - outputs] = 0
        self._wanted[n - outputs : n] = 1
        self._batch.n_tokens = n
        self._n_outputs = outputs
        status = llama.llama_decode(self._context, self._batch)
        # An exception of the callback ended the evaluation; it is raised here, on the Python side of llama.cpp.
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if status:
            llama.llama_memory_clear(self._memory, False)
            if status == ABORTED:
                raise Interrupted
            message = f"llama.cpp could not evaluate {n} tokens with {self.model.path.name} (llama_decode: {status})."
            raise KnownError(
                "backend_error",
                f"{message} {self.model.log.reason()}".strip(),
                path=str(self.model.path),
                status=status,
            )

    def _visit(self, node: int | None, ask: bool, _: object) -> bool:
        if node is None or self._failure is not None or self._on_node is None:
            return self._failure is None
        try:
            return self._on_node(node, ask)
        except BaseException as error:  # an exception must not cross llama.cpp's C frames
            self._failure = error
            return False
