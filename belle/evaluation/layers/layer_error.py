"""The errors of a layer's weights and of its outputs, in a candidate and in every type that the layer could have.

The error of the weights alone says little: errors in a column that is multiplied by zeros do not matter. So W - Q is
multiplied by the inputs X that W gets in the reference: ‖X (W - Q)ᵀ‖² / ‖X Wᵀ‖², which equals
tr((W - Q) H (W - Q)ᵀ) / tr(W H Wᵀ) with H = Xᵀ X. The products are computed while the reference reads, so no H is kept.
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
"""The types that a matrix may get; those whose blocks do not divide its rows are left out."""

EMBEDDINGS = "token_embd.weight"
_OUTPUT = "output.weight"

OnTensor = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A relative error: numerator and denominator, both sums of squares."""

    error: float = 0.0
    power: float = 0.0

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(self.error + other.error, self.power + other.power)

    @property
    def value(self) -> float | None:
        """error / power; None where power is 0, or one of them is not finite."""
        ratio = self.error / self.power if self.power else math.nan
        return ratio if math.isfinite(ratio) else None


@dataclass(slots=True)
class LayerErrors:
    """Errors by tensor name.

    Attributes:
        weights: of the candidate's weights.
        outputs: of the candidate's outputs for the reference's inputs on the whole sample; tensors whose inputs are not
            known (vectors, experts) are left out.
        types: by type, of the outputs if the reference's weights were rounded to that type, on the first window of the
            sample; of the weights themselves where the inputs are not known.
        same_rows: the candidate's error on the same inputs, or weights, as `types`.
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
    """Σ (W - Q)² / Σ W² by tensor, some rows at a time."""
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
    """Reads the sample with the reference and measures the errors of the outputs of its matrices.

    Args:
        reference, candidate: the files.
        pairs: the tensors that differ.
        types: the types to try, by tensor name; {} to try none.
        on_tensor: called after every matrix of every window.
        threads: for quantizing; 0 for one per physical core.
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
            self._without_inputs()
        return self.errors

    def _take(self, name: str, rows: Floats) -> None:
        stored = self._reference.tensors.get(name)
        if stored is None or len(stored.shape) != 2:
            return
        kinds = self._types.get(name, ()) if self._first else ()
        if name not in self._differ and not kinds:
            return
        inputs = np.ascontiguousarray(rows.T)  # [columns, n]
        out_features, columns = stored.shape
        for start, stop in pieces(out_features, columns):
            weights = self._reference.rows(name, start, stop)  # [stop - start, columns]
            power = _squares(weights @ inputs)  # of [stop - start, n]

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
        """An embedding is a lookup, not a product: its outputs are the rows of the tokens in the sample."""
        name = EMBEDDINGS
        if name in self.errors.outputs or name in self.errors.types or name not in self._reference.tensors:
            return  # it also serves as output matrix, where it was measured
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

    def _without_inputs(self) -> None:
        """Matrices whose inputs are not known (experts): the errors of their weights are used."""
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
    """`weights [rows, columns]` quantized to type `kind` and back."""
    number = GGMLType[kind]
    return to_floats(number, quantized(weights, kind), weights.size).reshape(weights.shape)


def quantized(weights: Floats, kind: str) -> NDArray[np.uint8]:
    """`weights [rows, columns]` quantized by ggml, without an importance matrix: its blocks as bytes."""
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
