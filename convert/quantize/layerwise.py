"""All matrices of a model, in its own order: each is rounded for the inputs that it will really get.

In the finished file the errors of earlier blocks are part of a block's input, so they have to be part of it here. For
each block: its inputs are computed with the earlier blocks rounded, and their moments are taken. Where there is enough
text to compensate for it, so is the distance from the original model's inputs. Then the block's matrices are rounded,
and the text goes through the rounded block.

In memory are: the model as llama.cpp holds it, the residual streams of all windows (up to twice tokens × width × 4
bytes), two square matrices of float32 for every input of a block, five of float64 for one of them, and the block in
float32.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType

from belle.engine.llama.activations import Rows
from belle.engine.llama.block_runner import OUTPUT_INPUT, BlockRunner, Hidden
from belle.gguf import ggml
from convert.quantize.embeddings import RESIDUAL_READERS, embedding_moments
from convert.quantize.formats import Bytes
from convert.quantize.hessian import Hessian, Moments, prepare, to_be_corrected
from convert.quantize.matrix import OutputErrors, round_matrix
from convert.quantize.rows import RoundedRows

EMBEDDINGS, _OUTPUT = "token_embd.weight", "output.weight"

Step = Callable[[int, int], None]
"""Called with the number of steps done and of all steps."""


def round_model(
    runner: BlockRunner,
    windows: Sequence[Sequence[int]],
    matrices: Mapping[str, RoundedRows],
    *,
    threads: int,
    on_step: Step,
) -> dict[str, OutputErrors]:
    """Round those of `matrices` whose inputs the model shows, into their own storage.

    Args:
        runner: the model.
        windows: calibration text as token ids.
        matrices: by name.
        threads: that compute.
        on_step: called after every window and every matrix.

    Returns the errors, by name of those that were rounded. Raises KnownError as `BlockRunner`.
    """
    with ThreadPoolExecutor(threads) as pool:
        return _Walk(runner, windows, matrices, on_step, pool=pool, threads=threads).run()


class _Walk:
    """The way through the model: residual streams of every window, with rounded and with original blocks before."""

    def __init__(
        self,
        runner: BlockRunner,
        windows: Sequence[Sequence[int]],
        matrices: Mapping[str, RoundedRows],
        on_step: Step,
        *,
        pool: ThreadPoolExecutor,
        threads: int,
    ) -> None:
        self._runner, self._windows, self._matrices = runner, windows, matrices
        self._pool, self._threads, self._on_step = pool, threads, on_step
        self._errors: dict[str, OutputErrors] = {}
        self._hidden: list[Hidden | None] = [None] * len(windows)
        self._original: list[Hidden | None] = [None] * len(windows)
        n_tokens = sum(map(len, windows))
        # The residual streams of the original model cost memory and time: only if a matrix has text enough to use them.
        self._follows_original = any(to_be_corrected(n_tokens, rows.row_length) for rows in matrices.values())
        self._embeddings: Bytes | None = None
        self._blocks = self._groups()
        self._done = 0
        self._last = max(self._blocks, default=-1)
        # Every window is run twice through each block but the last (for its moments, and on to the next block).
        n_matrices = sum(len(names) for groups in self._blocks.values() for names in groups.values())
        self._total = (2 * self._last + 1) * len(windows) + n_matrices
        if EMBEDDINGS in matrices:
            self._total += len(windows) + 1

    def run(self) -> dict[str, OutputErrors]:
        if EMBEDDINGS in self._matrices:
            self._round_embeddings()
        for block in range(self._last + 1):
            groups = self._blocks.get(block, {})
            for shown, moments in self._moments(block, list(groups)).items():
                self._round(groups[shown], moments, exchange=block < self._last)
            if block < self._last:
                self._advance(block)
        return self._errors

    def _groups(self) -> dict[int, dict[str, list[str]]]:
        """For every block its matrices to round, grouped by input; a group has the name of the first matrix in it."""
        blocks: dict[int, dict[str, list[str]]] = {}
        for names in self._runner.inputs(self._windows[0]):
            to_round = [name for name in names if name in self._matrices]
            match = re.match(r"blk\.(\d+)\.", names[0])
            if to_round and match:
                blocks.setdefault(int(match[1]), {})[names[0]] = to_round
        if _OUTPUT in self._matrices:
            blocks[self._runner.n_blocks] = {OUTPUT_INPUT: [_OUTPUT]}
        return blocks

    def _round_embeddings(self) -> None:
        groups = self._blocks.get(0, {})
        readers = {shown: [n for n in names if n.split(".")[2] in RESIDUAL_READERS] for shown, names in groups.items()}
        readers = {shown: names for shown, names in readers.items() if names}
        moments = self._moments(0, list(readers))
        tokens = [token for window in self._windows for token in window]
        rows = {name: self._matrices[name] for names in readers.values() for name in names}
        inputs = {name: moments[shown] for shown, names in readers.items() for name in names}
        embeddings = self._matrices[EMBEDDINGS]
        self._round_one(EMBEDDINGS, prepare(embedding_moments(embeddings, tokens, rows, inputs)))
        self._original = [None] * len(self._windows)
        self._embeddings = np.ascontiguousarray(embeddings.packed_rows(0, embeddings.n_rows)).reshape(-1)

    def _moments(self, block: int, shown: list[str]) -> dict[str, Moments]:
        """The moments of the inputs `shown` of a block, by name.

        Where the original model is followed, its residual stream moves on by a block.
        """
        moments: dict[str, Moments] = {}
        originals: dict[str, Rows] = {}

        def keep_original(name: str, rows: Rows) -> None:
            originals[name] = rows.copy()  # llama.cpp reuses the buffer

        def add(name: str, rows: Rows) -> None:
            if name not in moments:
                moments[name] = Moments(rows.shape[1])
            original = originals.get(name)
            moments[name].add(rows, None if original is rows else original)

        for index, window in enumerate(self._windows):
            if self._follows_original:
                self._original[index] = self._runner.run(
                    window, block, self._original[index], take=keep_original, wanted=shown, to_end=block < self._last
                )
            if self._follows_original and self._same_as_original(block):
                for name, rows in originals.items():
                    add(name, rows)
            else:
                self._use_rounded_embeddings(block)
                self._runner.run(window, block, self._hidden[index], take=add, wanted=shown, to_end=False)
                self._runner.weights.undo()
            self._step()
        self._use_rounded_embeddings(block)
        return moments

    def _same_as_original(self, block: int) -> bool:
        return block == 0 and self._embeddings is None

    def _use_rounded_embeddings(self, block: int) -> None:
        if block == 0 and self._embeddings is not None:
            self._runner.weights.exchange(EMBEDDINGS, int(self._matrices[EMBEDDINGS].kind), self._embeddings)

    def _round(self, names: list[str], moments: Moments, *, exchange: bool) -> None:
        metric = prepare(moments)
        for name in names:
            self._round_one(name, metric)
            if exchange:
                self._runner.weights.exchange(name, int(GGMLType.F32), _floats(self._matrices[name]))

    def _round_one(self, name: str, metric: Hessian) -> None:
        rows = self._matrices[name]
        self._errors[name] = round_matrix(
            rows.kind, rows, metric, pool=self._pool, n_threads=self._threads, write=rows.write
        )
        self._step()

    def _advance(self, block: int) -> None:
        """Run every window through the rounded block."""
        for index, window in enumerate(self._windows):
            self._hidden[index] = self._runner.run(window, block, self._hidden[index])
            self._step()
        # The next block reads the residual stream, not this block's weights.
        self._runner.weights.undo()

    def _step(self) -> None:
        self._done += 1
        self._on_step(self._done, self._total)


def _floats(rows: RoundedRows) -> Bytes:
    """The values of the rounded blocks, as bytes of float32."""
    blocks = np.ascontiguousarray(rows.packed_rows(0, rows.n_rows)).reshape(-1)
    return ggml.dequantize(rows.kind, blocks, rows.n_rows * rows.row_length).view(np.uint8)
