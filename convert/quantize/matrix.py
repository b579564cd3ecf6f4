"""Rounds one matrix to blocks: by ggml, by ggml with importances, and with error feedback; each row gets the best.

Rows are independent of each other, so they are rounded in runs that fit into a processor's cache, on several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.gguf import ggml
from convert.quantize.coordinate_descent import descend
from convert.quantize.error_feedback import round_with_feedback
from convert.quantize.formats import FORMATS, Bytes, Floats, pack
from convert.quantize.grid import Grid
from convert.quantize.hessian import Hessian
from convert.quantize.scales import first_blocks, quantized
from convert.rows.source import RowSource

_SWEEPS = 3
_RUN_WEIGHTS = 1 << 20
_FEWEST_ROWS = 64


@dataclass(frozen=True)
class OutputErrors:
    """Square errors of a layer's output on the calibration text, relative to the output's own squares.

    Attributes:
        rtn: of ggml's rounding.
        imatrix: of ggml's rounding with the importance matrix of the same text.
        gptq: of what is written.
        kept: rows for which one of the first two was the best and is written.
    """

    rtn: float
    imatrix: float
    gptq: float
    kept: int


def round_matrix(
    kind: GGMLType,
    source: RowSource,
    metric: Hessian,
    *,
    pool: Executor,
    n_threads: int,
    write: Callable[[int, Bytes], None],
) -> OutputErrors:
    """Round all rows of `source` to blocks of `kind`.

    Args:
        kind: one of `FORMATS`.
        source: the matrix.
        metric: of its input.
        pool: its threads, of which `n_threads` are used at a time.
        write: called with the first row and the bytes of each run of rows, in order.

    Raises KnownError(`not_finite`).
    """
    step = max(_FEWEST_ROWS, _RUN_WEIGHTS // source.row_length)
    starts = range(0, source.n_rows, step)

    def work(start: int) -> tuple[Bytes, NDArray[np.float64]]:
        rows = source.float_rows(start, min(start + step, source.n_rows))
        _check_finite(source, rows, start)
        return _round_rows(kind, rows, metric)

    totals = np.zeros(5)  # the sums of `_round_rows`
    for start, (rows, sums) in zip(starts, _in_order(pool, n_threads, work, starts), strict=True):
        write(start, rows)
        totals += sums
    power, rtn, imatrix, gptq, kept = totals.tolist()
    power = power or 1.0
    return OutputErrors(rtn / power, imatrix / power, gptq / power, int(kept))


def _check_finite(source: RowSource, rows: Floats, start: int) -> None:
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = np.argwhere(~finite)[0].tolist()
        raise KnownError(
            "not_finite",
            f"{source.name} has a weight that is infinite or not a number: row {start + row}, column {column}.",
            "The model is damaged or its training diverged.",
            tensor=source.name,
            row=start + row,
            column=column,
        )


def _in_order(
    pool: Executor, n_threads: int, work: Callable[[int], tuple[Bytes, NDArray[np.float64]]], starts: range
) -> Iterator[tuple[Bytes, NDArray[np.float64]]]:
    """Results in order; no more of them are computed at a time than there are threads."""
    remaining = iter(starts)
    waiting = [pool.submit(work, start) for start in islice(remaining, n_threads)]
    while waiting:
        result = waiting.pop(0).result()
        waiting += [pool.submit(work, start) for start in islice(remaining, 1)]
        yield result


def _round_rows(kind: GGMLType, rows: Floats, metric: Hessian) -> tuple[Bytes, NDArray[np.float64]]:
    """The best blocks of every row; sums of the output's squares and of three errors, and how many rows ggml won."""
    form = FORMATS[kind]
    weights = metric.corrected(np.ascontiguousarray(rows.T))  # [columns, rows]
    rows = np.ascontiguousarray(weights.T)
    plain = [quantized(kind, rows, importance) for importance in (None, metric.importance())]
    grid = Grid(form, first_blocks(form, rows, metric))
    round_with_feedback(weights, grid, metric)
    descend(weights, grid, metric, _SWEEPS)
    errors = [metric.output_error(weights - _values(kind, blocks, rows.shape)) for blocks in plain]
    best, smallest = pack(form, grid.blocks()), metric.output_error(weights - grid.values())
    feedback = smallest.copy()
    for blocks, error in zip(plain, errors, strict=True):
        better = error < smallest
        best[better], smallest[better] = blocks[better], error[better]
    kept = int((smallest < feedback).sum())
    power = metric.output_error(weights)
    sums = [float(values.sum(dtype=np.float64)) for values in (power, *errors, smallest)]
    return best, np.array([*sums, kept])


def _values(kind: GGMLType, blocks: Bytes, shape: tuple[int, ...]) -> Floats:
    """The values of blocks, transposed to `[columns, rows]`."""
    return ggml.dequantize(kind, blocks.reshape(-1), blocks.shape[0] * shape[1]).reshape(shape).T
