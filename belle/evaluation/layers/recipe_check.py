"""A recipe of types, tried before anybody converts by it: what would a model of these types lose on the sample?"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.durable import worded
from belle.evaluation.layers.layer_error import quantized
from belle.evaluation.layers.restored import Back, RestoredModel
from belle.evaluation.layers.weight_file import WeightFile, pieces


def recipe_kl(model: RestoredModel, reference: WeightFile, types: Mapping[str, str], folder: Path) -> Back | None:
    """Mean KL divergence, nats per token, of the reference with each matrix as the type given here.

    The tensors are quantized into a temporary file of the size of the model that the recipe makes. None when the model
    predicts NaN, or has tensors that cannot be exchanged. Raises KnownError ("disk_full", "folder_not_writable").
    """
    if not all(model.can_exchange(name) for name in types):
        return None
    start, places = 0, {}
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for name, kind in types.items():
                start += file.write(bytes(-start % 32))
                shape, n_bytes = reference.tensors[name].shape, 0
                for first, last in pieces(math.prod(shape[:-1]), shape[-1]):
                    n_bytes += file.write(quantized(reference.rows(name, first, last), kind).data)
                places[name] = (int(GGMLType[kind]), start, n_bytes)
                start += n_bytes
            file.flush()
            kept: NDArray[np.uint8] = np.memmap(file, np.uint8, "r")
    except OSError as error:
        raise worded(folder, error) from error
    exchange = {name: (kind, kept[start : start + n]) for name, (kind, start, n) in places.items()}
    for name, stored in reference.tensors.items():
        if name not in types and model.can_exchange(name):
            exchange[name] = (stored.type, reference.blocks(name))
    return model.kl_with(exchange)
