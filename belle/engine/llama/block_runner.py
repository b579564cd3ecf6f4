"""Evaluates one transformer block at a time in llama.cpp: for quantizers that follow what a quantized model computes.

llama.cpp evaluates whole models only. But it calls back before and after each node of the graph, which is enough: the
operations of earlier blocks are replaced by no-ops, the residual stream saved from the evaluation before is copied to
where the block reads it, and the evaluation is stopped at the end of the block. So a model is evaluated block by block,
over many windows of text, for little more than the price of one evaluation. `check` proves that this works for the
model at hand.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np
from numpy.typing import NDArray

from belle.engine.llama.activations import ActivationReader, Rows, is_layer_product, rows_of
from belle.engine.llama.tensor_exchange import LiveTensors, Tensor
from belle.errors import KnownError
from belle.gguf.reader import read_header

Hidden = NDArray[np.float32]
"""The residual stream of a window between two blocks, `[tokens, n_embd]`."""

Take = Callable[[str, Rows], None]

OUTPUT_INPUT = "result_norm"
"""llama.cpp's name for what the output matrix reads."""

_NO_OPERATION = 0  # GGML_OP_NONE
# The operations that blocks consist of. Nodes that prepare what all blocks share (masks, positions) are none of these.
_OF_BLOCKS = frozenset(
    b"MUL_MAT MUL_MAT_ID FLASH_ATTN_EXT SOFT_MAX RMS_NORM NORM ADD ADD_ID MUL SCALE GLU UNARY ROPE SET_ROWS".split()
)
_CHECKED_TOKENS = 48
_TOLERANCE = 1e-3


@dataclass
class _Task:
    """One evaluation: which block, its input, and the matrices whose inputs are wanted."""

    block: int
    hidden: Hidden | None
    wanted: set[str]
    to_end: bool
    skipping: bool
    out: Hidden | None = None
    disabled: list[tuple[Tensor, int]] = field(default_factory=list)


class BlockRunner(ActivationReader):
    """A model whose blocks are evaluated one at a time, with weights that can be exchanged.

    Args:
        path: a GGUF file.
        threads: as for `ActivationReader`.

    Attributes:
        n_blocks: of the model.
        weights: to be exchanged between two evaluations.

    Raises KnownError as `ActivationReader` and `LiveTensors`.
    """

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        super().__init__(path, _ignore, threads=threads)
        try:
            header = read_header(path)
            self.n_blocks = header.n_layers
            self.weights = LiveTensors(self._evaluator.model, header)
        except BaseException:
            self.close()
            raise
        self._path = path
        self._task = _Task(0, None, set(), to_end=False, skipping=False)
        self._products: list[tuple[str, int]] | None = None
        self._is_of_blocks: dict[int, bool] = {}

    def __enter__(self) -> BlockRunner:
        return self

    def run(
        self,
        window: Sequence[int],
        block: int,
        hidden: Hidden | None,
        *,
        take: Take | None = None,
        wanted: Collection[str] = (),
        to_end: bool = True,
    ) -> Hidden | None:
        """Evaluate `block` for one window.

        Args:
            window: token ids.
            block: 0 to `n_blocks`; the last stands for what comes after the blocks.
            hidden: the output of the block before, `[tokens, n_embd]`; None for the first block.
            take: called with the inputs of the matrices named in `wanted` (and `OUTPUT_INPUT`), in the order of use.
            to_end: return the output of the block; otherwise return None, and stop after the last one wanted.

        Raises KnownError when llama.cpp fails, and what `take` raises.
        """
        self._take = take or _ignore
        self._task = task = _Task(block, hidden, set(wanted), to_end, skipping=block > 0)
        try:
            self._evaluate(window)
        finally:
            # llama.cpp may reuse the graph for the next evaluation.
            for node, op in task.disabled:
                node.op = op
        if task.skipping or task.wanted or (to_end and task.out is None):
            raise _cannot_be_walked(self._path)
        return task.out

    def inputs(self, window: Sequence[int]) -> list[tuple[str, ...]]:
        """The matrices of the model in the order of use, grouped by the input that they share.

        Only matrices that are multiplied with all rows: no experts, no embeddings.
        """
        self._products = []
        try:
            self.run(window, 0, None, wanted=(OUTPUT_INPUT,), to_end=False)
            groups: dict[int, list[str]] = {}
            for name, address in self._products:
                groups.setdefault(address, []).append(name)
        finally:
            self._products = None
        return [tuple(dict.fromkeys(names)) for names in groups.values()]

    def check(self, window: Sequence[int]) -> None:
        """Evaluate a short window block by block, and as a whole. Raises KnownError when the results differ."""
        window = window[:_CHECKED_TOKENS]
        whole: list[Rows] = []
        walked: list[Rows] = []
        self.run(window, 0, None, take=lambda _, rows: whole.append(rows.copy()), wanted=(OUTPUT_INPUT,), to_end=False)
        hidden: Hidden | None = None
        for block in range(self.n_blocks):
            hidden = self.run(window, block, hidden)
        self.run(
            window,
            self.n_blocks,
            hidden,
            take=lambda _, rows: walked.append(rows.copy()),
            wanted=(OUTPUT_INPUT,),
            to_end=False,
        )
        (expected,), (actual,) = whole, walked
        limit = _TOLERANCE * np.linalg.norm(expected)
        if expected.shape != actual.shape or not np.linalg.norm(actual - expected) <= limit:
            raise _cannot_be_walked(self._path)

    def _n_outputs(self, window: Sequence[int]) -> int:
        # In the last block llama.cpp drops the rows without logits.
        whole = self._task.block >= self.n_blocks - 1 or OUTPUT_INPUT in self._task.wanted
        return len(window) if whole else 1

    def _visit(self, product: Tensor, ask: bool) -> bool:
        # `ask` is True before the node is computed: the answer says whether to be called again afterwards. Then it is
        # False, and the answer says whether the evaluation goes on.
        self._seen = 1
        task = self._task
        if task.skipping:
            return self._skip(product, ask)
        name = product.name
        if task.to_end and name == b"l_out-%d" % task.block:
            if not ask:
                task.out = rows_of(product).copy()
            return ask
        if OUTPUT_INPUT in task.wanted and name == OUTPUT_INPUT.encode():
            return ask or self._show(OUTPUT_INPUT, product)
        if product.src[0] and product.src[1]:
            return self._visit_product(product, ask)
        return not ask

    def _visit_product(self, product: Tensor, ask: bool) -> bool:
        weight, rows = product.src[0].contents, product.src[1].contents
        if not is_layer_product(product, weight, rows) or weight.ne[2] > 1:
            return not ask
        matrix = weight.name.decode("ascii", "replace")
        if self._products is not None and ask:
            self._products.append((matrix, ctypes.addressof(rows)))
        if matrix not in self._task.wanted:
            return not ask
        return ask or self._show(matrix, rows)

    def _show(self, name: str, rows: Tensor) -> bool:
        """Pass rows on; False when nothing more is wanted."""
        self._take(name, rows_of(rows))
        self._task.wanted.discard(name)
        return bool(self._task.wanted) or self._task.to_end

    def _skip(self, node: Tensor, ask: bool) -> bool:
        """Disable the nodes before the block; restore the residual stream at `l_out-N`, the output of block N."""
        task = self._task
        entrance: bool = node.name == b"l_out-%d" % (task.block - 1)
        if ask:
            if self._belongs_to_blocks(node.op):
                task.disabled.append((node, node.op))
                node.op = _NO_OPERATION
            return entrance
        stream = rows_of(node)
        if task.hidden is None or stream.shape != task.hidden.shape:
            raise _cannot_be_walked(self._path)
        stream[:] = task.hidden
        task.skipping = False
        return True

    def _belongs_to_blocks(self, op: int) -> bool:
        if op not in self._is_of_blocks:
            # The numbers of operations change between versions, their names do not.
            self._is_of_blocks[op] = _op_name(op) in _OF_BLOCKS
        return self._is_of_blocks[op]


def _ignore(name: str, rows: Rows) -> None:
    pass


def _op_name(op: int) -> bytes:
    # ggml is linked to llama.cpp's library, so its functions are found there too.
    function = llama._lib.ggml_op_name
    function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_int]
    name: bytes | None = function(op)
    return name or b""


def _cannot_be_walked(path: Path) -> KnownError:
    return KnownError(
        "unknown_graph",
        f"llama.cpp computes {path.name} in a way that cannot be followed block by block.",
        "Use --method imatrix.",
        path=str(path),
    )
