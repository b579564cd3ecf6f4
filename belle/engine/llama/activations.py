"""What flows into the matrices of a model while it reads text, seen through llama.cpp without torch.

llama.cpp calls back for every node of its graph. Of a matrix product the second operand is the layer's input: its rows
are handed to whoever asks, as numpy arrays over llama.cpp's own memory. Importance matrices sum their squares.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.cores import FreeCores, usable_cores
from belle.engine.llama.model import Model, Vocabulary
from belle.engine.llama.native_log import NativeLog
from belle.engine.llama.tensor_exchange import Tensor
from belle.errors import KnownError

WINDOW = 512
"""Tokens that are read together, as llama.cpp's own tools do."""

_F32 = 0  # enum ggml_type
_FEWEST_ROWS = 16  # llama-imatrix ignores products of fewer rows

Rows = NDArray[np.float32]


@dataclass
class SquareSums:
    """Sums of squares of every input column of every matrix, by tensor name, and the number of rows in them."""

    sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, rows: Rows) -> None:
        """Take in rows `[n, columns]`."""
        squares = np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
        if name in self.sums:
            self.sums[name] += squares
        else:
            self.sums[name] = squares
        self.counts[name] = self.counts.get(name, 0) + len(rows)


class ActivationReader:
    """A model that reads windows of text and shows the inputs of its matrices.

    Args:
        path: a GGUF file.
        take: called with the tensor's name and its input rows `[n, columns]`; they are valid during the call only.
        threads: for evaluation; None for as many as find free cores at every window. The results are the same.
        output_too: show the input of the output matrix as well, under the name of the tensor that serves as one.

    Raises KnownError when the model cannot be loaded.
    """

    def __init__(
        self,
        path: Path,
        take: Callable[[str, Rows], None],
        *,
        threads: int | None = None,
        output_too: bool = False,
    ) -> None:
        self._log = NativeLog()
        self._model = Model(path, n_gpu_layers=0, log=self._log, on_progress=lambda _: True)
        self._take = take
        self._prefixes = (b"blk.", b"output.", b"token_embd.") if output_too else (b"blk.",)
        self._seen = 0
        self._failure: BaseException | None = None
        # Kept for the life of the context: llama.cpp holds the bare pointer.
        self._callback = llama.ggml_backend_sched_eval_callback(self._on_node)
        params = llama.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = WINDOW
        params.cb_eval = self._callback
        # On a processor its results depend on the number of threads.
        params.flash_attn_type = llama.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._threads = threads or usable_cores()[0]
        self._free_cores = None if threads else FreeCores()
        self._context = llama.llama_init_from_model(self._model.handle, params)
        if self._context is None:
            self._model.close()
            raise KnownError("out_of_memory", f"There is no memory to run {path.name}.", path=str(path))
        self._batch = llama.llama_batch_init(WINDOW, 0, 1)

    def __enter__(self) -> ActivationReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory."""
        if self._context is not None:
            llama.llama_batch_free(self._batch)
            llama.llama_free(self._context)
            self._model.close()
            self._context = None

    @property
    def vocabulary(self) -> Vocabulary:
        """Of the model."""
        return self._model.vocabulary

    def windows(self, text: str) -> list[list[int]]:
        """The tokens of `text` in whole windows, each beginning with BOS where the model wants one.

        The rest that does not fill a window is left out. Raises KnownError("text_too_short") when nothing is left.
        """
        vocabulary = self._model.vocabulary
        tokens = vocabulary.tokenize(text)
        begins_with_bos = vocabulary.adds_bos and vocabulary.bos is not None
        if begins_with_bos and vocabulary.bos is not None:
            tokens.insert(0, vocabulary.bos)
        whole = [tokens[i : i + WINDOW] for i in range(0, len(tokens) - WINDOW + 1, WINDOW)]
        if not whole:
            raise KnownError(
                "text_too_short",
                f"The text has {len(tokens)} tokens, fewer than one window of {WINDOW}.",
                "Give more text; a few hundred kilobytes are usual.",
                tokens=len(tokens),
            )
        if begins_with_bos and vocabulary.bos is not None:
            for window in whole:
                window[0] = vocabulary.bos
        return whole

    def read(self, windows: Sequence[Sequence[int]]) -> Iterator[int]:
        """Evaluate window after window; yields the number read so far. Raises KnownError."""
        for number, window in enumerate(windows, start=1):
            self._evaluate(window)
            yield number

    def _evaluate(self, window: Sequence[int]) -> None:
        # llama.cpp's threads wait for each other after every matrix: one without a core of its own holds up all.
        threads = (self._free_cores and self._free_cores()) or self._threads
        llama.llama_set_n_threads(self._context, threads, threads)
        llama.llama_memory_clear(llama.llama_get_memory(self._context), True)
        batch = self._batch
        batch.n_tokens = len(window)
        for i, token in enumerate(window):
            batch.token[i] = token
            batch.pos[i] = i
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = self._needs_logits(window, i)
        status = llama.llama_decode(self._context, batch)
        if self._failure is not None:
            raise self._failure
        if status:
            reason = " ".join(self._log.errors())
            raise KnownError("backend_error", f"llama.cpp could not evaluate a window ({status}). {reason}".strip())
        if not self._seen:
            raise KnownError(
                "unknown_llama_build",
                "This build of llama.cpp lays out its tensors in a way that is not known here.",
                "Install the version of llama-cpp-python named in constraints.txt.",
            )

    def _needs_logits(self, window: Sequence[int], position: int) -> bool:
        # Rows that nobody asks logits of are dropped before the last layer's feed-forward.
        del window, position
        return True

    def _on_node(self, node: int | None, ask: bool, _: object) -> bool:
        if node is None or self._failure is not None:
            return self._failure is None
        try:
            return self._visit(ctypes.cast(node, ctypes.POINTER(Tensor)).contents, ask)
        except BaseException as error:  # an exception must not cross llama.cpp's C frames
            self._failure = error
            return False

    def _visit(self, product: Tensor, ask: bool) -> bool:
        if not (product.src[0] and product.src[1]):
            return not ask
        weight, rows = product.src[0].contents, product.src[1].contents
        if not (weight.name.startswith(self._prefixes) and is_layer_product(product, weight, rows)):
            return not ask
        if not ask:
            self._seen += 1
            self._take(weight.name.decode("ascii"), rows_of(rows))
        return True


def is_layer_product(product: Tensor, weight: Tensor, rows: Tensor) -> bool:
    """A weight `[columns, out]` times rows `[columns, n]` gives `[out, n]`: also the proof that the mirror fits."""
    return bool(
        weight.name.endswith(b".weight")
        and rows.type == _F32
        and weight.ne[1] > 1
        and rows.ne[1] >= _FEWEST_ROWS
        and weight.ne[0] == rows.ne[0]
        and product.ne[0] == weight.ne[1]
        and product.ne[1] == rows.ne[1]
        and rows.nb[0] == ctypes.sizeof(ctypes.c_float)
    )


def rows_of(rows: Tensor) -> Rows:
    """A contiguous tensor of floats as `[rows, columns]`, over llama.cpp's own memory."""
    columns = rows.ne[0]
    count = rows.ne[1] * rows.ne[2] * rows.ne[3]
    flat = np.ctypeslib.as_array(ctypes.cast(rows.data, ctypes.POINTER(ctypes.c_float)), (count * columns,))
    return flat.reshape(count, columns)
