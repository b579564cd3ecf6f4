"""The sensitivity of a model to each tensor: KL divergence per unit of the tensor's relative output error.

Restoring a tensor measures it where the candidate's tensor has a large error. A tensor with a small error or none (Q6_K
in a file of Q4_0) says nothing about types of few bits: such a tensor is probed, that is, tried in a type of four bits.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.durable import writing
from belle.errors import KnownError
from belle.evaluation.layers.exchange import ExchangeModel, MeanKl
from belle.evaluation.layers.layer_error import LayerErrors, quantized
from belle.evaluation.layers.sensitivity_table import SensitivityTable
from belle.evaluation.layers.weight_file import WeightFile, pieces

_TRIED = ("Q4_K", "Q4_0", "Q8_0")
_LARGE_ERROR = 0.3  # of the error in the type of the probe: from there on restoring the tensor is enough
_LEAST_SHARE = 0.1  # of its estimate: a tensor that seems to lose nothing was measured with too much noise

OnTensor = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Probe:
    """A tensor tried in another type: the increase of its relative output error and of the KL divergence, and its ±."""

    more_error: float
    more_kl: float
    kl_error: float

    @property
    def cost(self) -> float:
        """KL divergence per unit of error. A loss below the standard error counts as the standard error."""
        return max(self.more_kl, self.kl_error) / self.more_error


def to_probe(errors: LayerErrors, layers: SensitivityTable, most: int) -> list[str]:
    """The tensors to probe, because restoring says too little: those outside of blocks, then by error, largest first.

    Args:
        errors: with types.
        layers: of the same candidate.
        most: tensors at most.
    """
    restored = {tensor.name for tensor in layers.tensors if tensor.kl_back is not None or tensor.estimate is not None}
    names = [
        name
        for name, kinds in errors.types.items()
        if (kind := _tried(kinds))
        and not (name in restored and own_error(errors, name) >= _LARGE_ERROR * error_as(errors, name, kind))
        and error_as(errors, name, kind) > own_error(errors, name)
    ]
    names.sort(key=lambda name: (name.startswith("blk."), -error_as(errors, name, _tried(errors.types[name]) or "")))
    return names[:most]


def probe(
    model: ExchangeModel, reference: WeightFile, errors: LayerErrors, names: Sequence[str], on_tensor: OnTensor
) -> dict[str, Probe]:
    """Try each of these tensors in a type of four bits. Raises KnownError when the model cannot be evaluated."""
    probes = {}
    for name in names:
        kind = _tried(errors.types[name])
        if kind is not None and model.can_exchange(name):
            shape = reference.tensors[name].shape
            blocks = quantized(reference.rows(name, 0, math.prod(shape[:-1])), kind)
            recovered = model.recovered_with({name: (int(GGMLType[kind]), blocks)})
            if recovered is not None:
                more = error_as(errors, name, kind) - own_error(errors, name)
                probes[name] = Probe(more, -recovered.value, recovered.error)
        on_tensor()
    return probes


def costs(
    layers: SensitivityTable, errors: LayerErrors, probes: Mapping[str, Probe], names: Sequence[str]
) -> dict[str, float]:
    """Mean KL divergence (nats per token) that one unit of relative output error costs, by name.

    The KL divergence that a restored tensor gave back, k ± s, is shrunk towards its estimate e by block and role: the
    product of two normal distributions, N(k, s²) and N(e, e²), has the mean (k e² + e s²) / (e² + s²). All losses are
    then scaled so that their sum is the candidate's divergence. Probed tensors have the cost that the probe measured; a
    tensor that was neither restored nor probed has the mean cost of its role.

    Raises KnownError("nothing_lost") when there is nothing to learn the costs from.
    """
    losses = _losses(layers)
    total = sum(losses.values())
    scale = layers.kl / total if total > 0 and layers.kl > 0 else 0.0
    of_role, overall = _Mean(), _Mean()
    each: dict[str, float] = {name: one.cost for name, one in probes.items()}
    for name, one in probes.items():
        for mean, key in ((of_role, _role(name)), (overall, "")):
            mean.add(key, one.cost * one.more_error, one.more_error)
    for name, loss in losses.items():
        error = own_error(errors, name)
        if error and scale and name not in each:
            each[name] = scale * loss / error
            for mean, key in ((of_role, _role(name)), (overall, "")):
                mean.add(key, scale * loss, error)
    if not overall.value(""):
        raise KnownError(
            "nothing_lost",
            f"{layers.candidate} loses nothing against the reference, so nothing can be learned from it.",
            "Give --suggest a candidate in which every matrix is quantized, such as q4_0.",
        )
    return {name: each[name] if name in each else of_role.value(_role(name)) or overall.value("") for name in names}


def own_error(errors: LayerErrors, name: str) -> float:
    """The candidate's error, on the same rows as those of the types; 0 where it does not differ."""
    ratio = errors.same_rows.get(name)
    return (ratio.value if ratio else None) or 0.0


def error_as(errors: LayerErrors, name: str, kind: str) -> float:
    """The tensor's output error as this type."""
    ratio = errors.types.get(name, {}).get(kind)
    return (ratio.value if ratio else None) or 0.0


def _losses(layers: SensitivityTable) -> dict[str, float]:
    losses = {}
    for tensor in layers.tensors:
        expected = tensor.estimate or 0.0
        value = expected
        if tensor.kl_back is not None:
            variance = (tensor.kl_back_error or 0.0) ** 2
            both = expected**2 + variance
            value = (tensor.kl_back * expected**2 + expected * variance) / both if both else tensor.kl_back
        losses[tensor.name] = max(value, _LEAST_SHARE * expected)
    return losses


def _tried(kinds: Mapping[str, object]) -> str | None:
    return next((kind for kind in _TRIED if kind in kinds), None)


class _Mean:
    """Σ loss / Σ error by key."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, key: str, loss: float, error: float) -> None:
        before = self._sums.get(key, (0.0, 0.0))
        self._sums[key] = (before[0] + loss, before[1] + error)

    def value(self, key: str) -> float:
        loss, error = self._sums.get(key, (0.0, 0.0))
        return loss / error if error else 0.0


def _role(name: str) -> str:
    return re.sub(r"^blk\.\d+\.", "", name).removesuffix(".weight")


def recipe_kl(model: ExchangeModel, reference: WeightFile, types: Mapping[str, str], folder: Path) -> MeanKl | None:
    """Mean KL divergence, nats per token, of the reference with each matrix in the type given here.

    The tensors are quantized into a temporary file, as large as the model with these types. None when the model
    predicts NaN, or has tensors that cannot be exchanged. Raises KnownError ("disk_full", "folder_not_writable").
    """
    if not all(model.can_exchange(name) for name in types):
        return None
    start, spans = 0, {}  # by name: type, start and length in the file
    with writing(folder), tempfile.TemporaryFile(dir=folder) as file:
        for name, kind in types.items():
            start += file.write(bytes(-start % 32))  # aligned as in a GGUF
            shape, n_bytes = reference.tensors[name].shape, 0
            for first, last in pieces(math.prod(shape[:-1]), shape[-1]):
                n_bytes += file.write(quantized(reference.rows(name, first, last), kind).data)
            spans[name] = (int(GGMLType[kind]), start, n_bytes)
            start += n_bytes
        file.flush()
        contents: NDArray[np.uint8] = np.memmap(file, np.uint8, "r")
    exchange = {name: (kind, contents[start : start + n]) for name, (kind, start, n) in spans.items()}
    for name, stored in reference.tensors.items():
        if name not in types and model.can_exchange(name):
            exchange[name] = (stored.type, reference.blocks(name))
    return model.kl_with(exchange)
