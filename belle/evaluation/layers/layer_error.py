"""How wrong a layer's weights are, and how wrong what it puts out is, in a candidate and in every type it could have.

The error of the weights alone says little: a column that is multiplied by zeros may be as wrong as it likes. So the
inputs X that the reference feeds a matrix W are put through W - Q as well: ‖X (W - Q)ᵀ‖² / ‖X Wᵀ‖², which is
tr((W - Q) H (W - Q)ᵀ) / tr(W H Wᵀ) with H = Xᵀ X. The products are formed while the reference reads, so no H is kept.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.engine.llama.activations import WINDOW, ActivationReader
from belle.engine.llama.cores import usable_cores
from belle.evaluation.layers.weight_file import Floats, Pair, WeightFile, pieces, to_floats
from belle.evaluation.windows import Window
from belle.gguf import ggml
from belle.gguf.types import block_size, may_quantize, row_bytes

TYPES = ("Q2_K", "Q3_K", "IQ4_NL", "Q4_0", "Q4_K", "Q4_1", "Q5_0", "Q5_K", "Q5_1", "Q6_K", "Q8_0", "F16")
"""What a matrix may become; those whose blocks do not divide its rows are left out."""

EMBEDDINGS = "token_embd.weight"
_OUTPUT = "output.weight"

OnTensor = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ratio:
    """An error and what it is compared with, both sums of squares."""

    error: float = 0.0
    power: float = 0.0

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(self.error + other.error, self.power + other.power)

    @property
    def value(self) -> float | None:
        """error / power; None where there is nothing to compare with, or one of them is no number."""
        ratio = self.error / self.power if self.power else math.nan
        return ratio if math.isfinite(ratio) else None


@dataclass(slots=True)
class LayerErrors:
    """Errors by tensor name.

    Attributes:
        weights: of the candidate's weights.
        outputs: of what the candidate's matrix puts out, for the reference's inputs on the whole sample; tensors whose
            inputs are not seen (vectors, experts) are left out.
        types: by type's name, of what the matrix would put out if the reference's weights were rounded to that type,
            on the first window of the sample; of the weights themselves where the inputs are not seen.
        same_rows: the candidate's error on just those inputs, or weights.
    """

    weights: dict[str, Ratio] = field(default_factory=dict)
    outputs: dict[str, Ratio] = field(default_factory=dict)
    types: dict[str, dict[str, Ratio]] = field(default_factory=dict)
    same_rows: dict[str, Ratio] = field(default_factory=dict)


def possible_types(name: str, shape: Sequence[int]) -> list[str]:
    """The types of `TYPES` that `belle convert` would give this tensor; none for one that is always F32."""
    if not may_quantize(name, shape):
        return []
    return [kind for kind in TYPES if shape[-1] % block_size(GGMLType[kind]) == 0]


def weight_errors(
    reference: WeightFile, candidate: WeightFile, pairs: Sequence[Pair], on_tensor: OnTensor
) -> dict[str, Ratio]:
    """Σ (W - Q)² over Σ W² by tensor, streamed."""
    errors = {}
    for pair in pairs:
        total = Ratio()
        for start, stop in pieces(pair.n_rows, pair.shape[-1]):
            weights = reference.rows(pair.name, start, stop)
            total += Ratio(
                _squares(weights - candidate.rows(pair.name, start, stop)),
                _squares(weights),
            )
        errors[pair.name] = total
        on_tensor(pair.name)
    return errors


class LayerOutputErrors:
    """Reads the sample with the reference and measures what its matrices put out.

    Args:
        reference, candidate: the files.
        pairs: what differs.
        types: the types to try, by tensor name; {} to try none.
        on_tensor: called after every matrix of every window.
        threads: that quantize; 0 for one per physical core.
    """

    def __init__(
        self,
        reference: WeightFile,
        candidate: WeightFile,
        pairs: Sequence[Pair],
        types: Mapping[str, Sequence[str]],
        *,
        on_tensor: OnTensor,
        threads: int = 0,
    ) -> None:
        self._reference, self._candidate = reference, candidate
        self._differ = {pair.name for pair in pairs}
        self._types = types
        self._on_tensor = on_tensor
        self._threads = threads
        self._first = True
        self.errors = LayerErrors()

    def read(self, windows: Sequence[Window]) -> LayerErrors:
        """Measure everything on these windows. Raises KnownError when the reference cannot be run."""
        with ThreadPoolExecutor(self._threads or usable_cores()[0]) as self._pool:
            reader = ActivationReader(self._reference.path, self._take, threads=self._threads or None, output_too=True)
            with reader:
                for _ in reader.read([window.ids[:WINDOW] for window in windows]):
                    self._first = False
            self._embeddings(windows)
            self._unseen()
        return self.errors

    def _take(self, name: str, rows: Floats) -> None:
        stored = self._reference.tensors.get(name)
        if stored is None or len(stored.shape) != 2:
            return
        kinds = self._types.get(name, ()) if self._first else ()
        if name not in self._differ and not kinds:
            return
        inputs = np.ascontiguousarray(rows.T)
        out_features, columns = stored.shape
        for start, stop in pieces(out_features, columns):
            weights = self._reference.rows(name, start, stop)
            power = _squares(weights @ inputs)

            def error(other: Floats, weights: Floats = weights, power: float = power) -> Ratio:
                return Ratio(_squares((weights - other) @ inputs), power)

            if name in self._differ:
                own = error(self._candidate.rows(name, start, stop))
                _add(self.errors.outputs, name, own)
                if self._first:
                    _add(self.errors.same_rows, name, own)
            self._try_types(name, weights, kinds, error)
        self._on_tensor(name)

    def _try_types(self, name: str, weights: Floats, kinds: Sequence[str], error: Callable[[Floats], Ratio]) -> None:
        table = self.errors.types.setdefault(name, {}) if kinds else {}
        for kind, ratio in zip(kinds, self._pool.map(lambda kind: error(rounded(weights, kind)), kinds), strict=True):
            _add(table, kind, ratio)

    def _embeddings(self, windows: Sequence[Window]) -> None:
        """Embeddings are looked up: their output is the rows of the tokens that are read."""
        name = EMBEDDINGS
        if name in self.errors.outputs or name in self.errors.types or name not in self._reference.tensors:
            return  # they serve as output matrix too, which counts for more
        counts = Counter(token for window in windows for token in window.ids)
        for token, count in counts.items():
            weights = self._reference.rows(name, token, token + 1)
            scale = float(count)
            power = scale * _squares(weights)

            def error(other: Floats, weights: Floats = weights, scale: float = scale, power: float = power) -> Ratio:
                return Ratio(scale * _squares(weights - other), power)

            if name in self._differ:
                own = error(self._candidate.rows(name, token, token + 1))
                _add(self.errors.outputs, name, own)
                _add(self.errors.same_rows, name, own)
            self._try_types(name, weights, self._types.get(name, ()), error)
        self._on_tensor(name)

    def _unseen(self) -> None:
        """Matrices whose inputs no product shows: their weights have to do."""
        for name, kinds in self._types.items():
            if name in self.errors.types:
                continue
            shape = self._reference.tensors[name].shape
            for start, stop in pieces(math.prod(shape[:-1]), shape[-1]):
                weights = self._reference.rows(name, start, stop)
                power = _squares(weights)

                def error(other: Floats, weights: Floats = weights, power: float = power) -> Ratio:
                    return Ratio(_squares(weights - other), power)

                if name in self._differ:
                    _add(self.errors.same_rows, name, error(self._candidate.rows(name, start, stop)))
                self._try_types(name, weights, kinds, error)
            self._on_tensor(name)


def rounded(weights: Floats, kind: str) -> Floats:
    """What `weights [rows, columns]` are after a stay in a GGUF as type `kind`."""
    number = GGMLType[kind]
    return to_floats(number, quantized(weights, kind), weights.size).reshape(weights.shape)


def quantized(weights: Floats, kind: str) -> NDArray[np.uint8]:
    """`weights [rows, columns]` as ggml's blocks, by its own function and without an importance matrix."""
    number = GGMLType[kind]
    values = np.ascontiguousarray(weights)
    if number is GGMLType.F32:
        return values.reshape(-1).view(np.uint8)
    if number is GGMLType.F16:
        return values.astype(np.float16).reshape(-1).view(np.uint8)
    out = np.empty(len(values) * row_bytes(number, values.shape[1]), np.uint8)
    ggml.prepare(number)
    ggml.quantize(number, values, out, None)
    return out


def _add(table: dict[str, Ratio], key: str, ratio: Ratio) -> None:
    table[key] = table.get(key, Ratio()) + ratio


def _squares(values: NDArray[np.floating[Any]]) -> float:
    flat = values.reshape(-1)
    return float(np.dot(flat, flat))
