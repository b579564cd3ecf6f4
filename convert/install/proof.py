"""Proof that the GGUF is the model that was downloaded: what lies on the disk is read again and compared.

Every tensor must be there with its shape and type; of each, a sample of rows is turned back into floats and compared
with the checkpoint's, as closely as the type promises. Blocks that were moved must be the same, bit for bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from convert import ggml
from convert.gguf_file import GgufFile
from convert.install.steps import Reporter
from convert.options import ConvertOptions
from convert.pipeline import prepared
from convert.plan import TensorPlan
from convert.types import FLOAT_TYPES

_SAMPLED_WEIGHTS = 1 << 18
# Σ (stored − source)² / Σ source², at most, for weights as they occur; a wrong scale or row is far beyond.
_LARGEST_NOISE = {"F32": 0.0, "F16": 1e-6, "BF16": 2e-5, "Q8": 5e-4, "Q6": 3e-3, "Q5": 1e-2, "Q4": 4e-2, "IQ4": 4e-2}
_NOISE_OF_FEW_BITS = 0.5


def prove(made: Path, checkpoint: Path, options: ConvertOptions, reporter: Reporter) -> None:
    """Compare `made` with the checkpoint it was made from. Raises KnownError("not_the_same") naming the tensor."""
    stored = GgufFile(made)
    with prepared(checkpoint, made, options) as conversion:
        plans = conversion.outputs[0].plans
        if list(stored.tensors) != [plan.name for plan in plans]:
            raise _different(made, "the list of tensors", "other tensors are in the file")
        reporter.total = sum(plan.n_bytes for plan in plans)
        reporter.begin(made.name)
        chance = np.random.default_rng(0)
        for plan in plans:
            _compare(made, stored, plan, chance)
            plan.source.release()
            reporter.add(plan.n_bytes)


def _compare(made: Path, stored: GgufFile, plan: TensorPlan, chance: np.random.Generator) -> None:
    info = stored.tensors[plan.name]
    if (info.shape, info.type) != (plan.shape, plan.type):
        raise _different(made, plan.name, f"it is {info.type.name} {info.shape}")
    blocks = stored.data(plan.name).reshape(plan.source.n_rows, plan.row_bytes)
    width = plan.source.row_length
    noise = power = 0.0
    for start, stop in _sample(plan, chance):
        here = np.ascontiguousarray(blocks[start:stop])
        if plan.packed:
            meant = np.ascontiguousarray(plan.source.packed_rows(start, stop)).reshape(-1).view(np.uint8)
            if not np.array_equal(here.reshape(-1), meant):
                raise _different(made, plan.name, f"other blocks are in rows {start} to {stop}")
        values = plan.source.float_rows(start, stop).reshape(-1)
        found = _floats(plan, here, (stop - start) * width)
        noise += float(np.square(found - values, dtype=np.float64).sum())
        power += float(np.square(values, dtype=np.float64).sum())
    if not noise <= _allowed(plan) * power:
        raise _different(made, plan.name, f"its weights differ by {noise / max(power, 1e-300):.2%} in power")


def _sample(plan: TensorPlan, chance: np.random.Generator) -> list[tuple[int, int]]:
    """Runs of rows: the whole tensor when it is small, else the first, the last, and some between."""
    n_rows, run = plan.source.n_rows, max(1, _SAMPLED_WEIGHTS // 8 // plan.source.row_length)
    if n_rows <= 8 * run:
        return [(0, n_rows)]
    starts = {0, n_rows - run, *(int(start) for start in chance.integers(0, n_rows - run, 6))}
    return [(start, start + run) for start in sorted(starts)]


def _floats(plan: TensorPlan, blocks: NDArray[np.uint8], n: int) -> NDArray[np.float32]:
    if plan.type is FLOAT_TYPES["f32"]:
        return blocks.reshape(-1).view(np.float32)
    return ggml.dequantize(plan.type, blocks, n)


def _allowed(plan: TensorPlan) -> float:
    name = plan.type.name
    return next((limit for start, limit in _LARGEST_NOISE.items() if name.startswith(start)), _NOISE_OF_FEW_BITS)


def _different(made: Path, tensor: str, how: str) -> KnownError:
    return KnownError(
        "not_the_same",
        f"{made.name} is not what was downloaded: {tensor}: {how}.",
        "It was deleted. Run the same command again; if this repeats, the disk or the memory is faulty.",
        path=str(made),
        tensor=tensor,
    )
