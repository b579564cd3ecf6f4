"""The inputs of a model's matrices while it reads text, taken from llama.cpp without torch.

llama.cpp calls back for every node of its graph. The second operand of a matrix product is the layer's input: its rows
are passed to a callback as numpy arrays over llama.cpp's own memory. Importance matrices sum their squares.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.cores import FreeCores, usable_cores
from belle.engine.llama.evaluator import ContextOptions, Evaluator
from belle.engine.llama.model import Vocabulary
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
        """Add rows `[n, columns]`."""
        squares = np.einsum("ij,ij->j", rows, rows, dtype=np.float64)  # [columns], without a copy of `rows`
        if name in self.sums:
            self.sums[name] += squares
        else:
            self.sums[name] = squares
        self.counts[name] = self.counts.get(name, 0) + len(rows)


class ActivationReader:
    """A model that reads windows of text and passes on the inputs of its matrices.

    Args:
        path: a GGUF file.
        take: called with the tensor's name and its input rows `[n, columns]`; they are valid during the call only.
        threads: for evaluation; None for as many as there are free cores at each window. The results are the same.
        output_too: include the input of the output matrix, under the name of the tensor that serves as one.

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
        self._take = take
        self._prefixes = (b"blk.", b"output.", b"token_embd.") if output_too else (b"blk.",)
        self._seen = 0
        self._threads = threads or usable_cores()[0]
        self._free_cores = None if threads else FreeCores()
        self._evaluator = Evaluator.load(path)
        # On a processor the results of flash attention depend on the number of threads.
        self._evaluator.open(ContextOptions(n_ctx=WINDOW, n_batch=WINDOW, threads=self._threads, on_node=self._on_node))

    def __enter__(self) -> ActivationReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory."""
        self._evaluator.close()

    @property
    def vocabulary(self) -> Vocabulary:
        """Of the model."""
        return self._evaluator.model.vocabulary

    def windows(self, text: str) -> list[list[int]]:
        """The tokens of `text` in whole windows, each beginning with BOS where the model wants one.

        A rest that does not fill a window is left out. Raises KnownError("text_too_short") when nothing is left.
        """
        vocabulary = self.vocabulary
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
        # llama.cpp's threads wait for each other after every matrix: one thread without a free core delays all.
        threads = (self._free_cores and self._free_cores()) or self._threads
        self._evaluator.set_threads(threads)
        self._evaluator.clear()
        self._evaluator.decode(window, 0, outputs=self._n_outputs(window))
        if not self._seen:
            raise KnownError(
                "unknown_llama_build",
                "This build of llama.cpp lays out its tensors in a way that is not known here.",
                "Install the version of llama-cpp-python named in constraints.txt.",
            )

    def _n_outputs(self, window: Sequence[int]) -> int:
        # For rows without logits llama.cpp skips the last layer's feed-forward, so all rows ask for them.
        return len(window)

    def _on_node(self, node: int, ask: bool) -> bool:
        return self._visit(ctypes.cast(node, ctypes.POINTER(Tensor)).contents, ask)

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
    """Whether `product` is a weight `[columns, out]` times rows `[columns, n]`, which gives `[out, n]`.

    Shapes are ggml's: `ne[0]` is the contiguous dimension, which numpy writes last. That they fit together is also the
    proof that `Tensor` has the layout of this build of llama.cpp.
    """
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
    # ggml's [columns, rows] in memory is numpy's [rows, columns].
    flat = np.ctypeslib.as_array(ctypes.cast(rows.data, ctypes.POINTER(ctypes.c_float)), (count * columns,))
    return flat.reshape(count, columns)
