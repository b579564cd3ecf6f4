"""A PEFT adapter folder, read and checked: which layers it changes, by how much, and what it replaces outright.

Format: `adapter_config.json` beside `adapter_model.safetensors` (or `.bin`), tensors named
`base_model.model.<layer>.lora_A.weight` `[rank, in]`, `.lora_B.weight` `[out, rank]`; embeddings have
`lora_embedding_A` `[rank, vocabulary]` and `lora_embedding_B` `[width, rank]`; DoRA adds `lora_magnitude_vector`.
Layers trained whole (`modules_to_save`) come under their plain name.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.checkpoint import open_checkpoint
from convert.source import RowSource

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_PREFIX = "base_model.model."
_PARTS = re.compile(
    r"(?P<layer>.+)\.(?P<part>lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector)"
    r"(?:\.default)?(?:\.weight)?"
)
# What PEFT puts into the name of a layer that is trained whole, or of an embedding that was resized before training.
_SAVED = re.compile(r"\.(?:modules_to_save\.\w+|base_layer)\.")


@dataclass(frozen=True, slots=True)
class Delta:
    """The change of one layer: `scale * B @ A`, added to `W [out_features, in_features]`.

    a `[rank, in_features]`, b `[out_features, rank]`, both float32; `magnitude` `[out_features]` makes it DoRA.
    """

    layer: str
    a: NDArray[np.float32]
    b: NDArray[np.float32]
    scale: float
    magnitude: NDArray[np.float32] | None = None

    @property
    def rank(self) -> int:
        """Inner dimension of the product."""
        return int(self.a.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Of the weight it belongs to."""
        return int(self.b.shape[0]), int(self.a.shape[1])


@dataclass(frozen=True, slots=True)
class Adapter:
    """Everything an adapter says.

    Attributes:
        folder: where it was read from.
        deltas: by layer name, without `base_model.model.` and `.weight`.
        replaced: tensors that take the place of the base's, by full name.
        base: the model it was trained on, as PEFT noted it.
        alpha: `lora_alpha`.
    """

    folder: Path
    deltas: dict[str, Delta]
    replaced: dict[str, RowSource]
    base: str
    alpha: float
    notes: list[str] = field(default_factory=list)


def read_adapter(folder: Path, scale: float = 1.0) -> Adapter:
    """Read the adapter in `folder`; `scale` multiplies its own scaling.

    Raises KnownError: `not_an_adapter`, `unsupported_adapter`, `empty_adapter`, `damaged_adapter`, and what reading a
    checkpoint raises.
    """
    config = _config(folder)
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise KnownError(
            "not_an_adapter",
            f"{folder} holds an {CONFIG} but none of {', '.join(WEIGHTS)}.",
            "Copy the adapter's weights beside its configuration.",
            path=str(folder),
        )
    with open_checkpoint(weights) as checkpoint:
        parts: dict[str, dict[str, NDArray[np.float32]]] = {}
        replaced: dict[str, RowSource] = {}
        for name, tensor in checkpoint.tensors.items():
            plain = name.removeprefix(_PREFIX)
            match = _PARTS.fullmatch(plain)
            if match:
                parts.setdefault(match["layer"], {})[match["part"]] = _values(tensor)
            elif ".original_module." not in plain:
                whole = _SAVED.sub(".", plain)
                replaced[whole] = _Held(whole, _values(tensor))
    deltas = {layer: _delta(layer, found, config, scale, weights) for layer, found in parts.items()}
    _refuse_empty(deltas, replaced, weights)
    return Adapter(
        folder, deltas, replaced, str(config.get("base_model_name_or_path") or ""), float(config.get("lora_alpha", 8))
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KnownError(
            "not_an_adapter", f"{folder} holds no {CONFIG}.", "Give the folder that PEFT saved.", path=str(folder)
        ) from None
    except (OSError, ValueError) as error:
        raise KnownError("damaged_adapter", f"{path} cannot be read: {error}.", path=str(path)) from None
    if not isinstance(config, dict) or config.get("peft_type", "LORA") != "LORA":
        kind = config.get("peft_type") if isinstance(config, dict) else "no object"
        raise KnownError(
            "unsupported_adapter",
            f"{path} describes {kind}; only LoRA and DoRA adapters can be merged.",
            "Merge it with PEFT first and convert the merged checkpoint.",
            path=str(path),
        )
    return config


def _delta(
    layer: str, found: Mapping[str, NDArray[np.float32]], config: Mapping[str, Any], scale: float, file: Path
) -> Delta:
    if "lora_embedding_A" in found or "lora_embedding_B" in found:
        names = ("lora_embedding_A", "lora_embedding_B")
    else:
        names = ("lora_A", "lora_B")
    if any(name not in found for name in names):
        lacking = next(name for name in names if name not in found)
        raise KnownError(
            "damaged_adapter", f"{file.name}: {layer} lacks its {lacking}.", path=str(file), tensor=f"{layer}.{lacking}"
        )
    a, b = (found[name] for name in names)
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1]:
        raise KnownError(
            "damaged_adapter",
            f"{file.name}: {layer} has a product of {list(b.shape)} and {list(a.shape)}, which do not fit together.",
            path=str(file),
            tensor=layer,
        )
    if names[0] == "lora_embedding_A" or config.get("fan_in_fan_out"):
        # Both store the transposed weight's factors: W^T + B A = (W + A^T B^T)^T.
        a, b = np.ascontiguousarray(b.T), np.ascontiguousarray(a.T)
    rank = a.shape[0]
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise KnownError("not_finite", f"{file.name}: {layer} holds NaN or infinity.", path=str(file), tensor=layer)
    magnitude = found.get("lora_magnitude_vector")
    if magnitude is not None:
        magnitude = magnitude.reshape(-1)
    return Delta(layer, a, b, scale * scaling(layer, rank, config), magnitude)


def scaling(layer: str, rank: int, config: Mapping[str, Any]) -> float:
    """PEFT's factor for a layer: `alpha / rank`, `alpha / sqrt(rank)` for rsLoRA, alpha by pattern.

    Source: peft.tuners.lora.layer.LoraLayer.update_layer; patterns match whole trailing names.
    """
    alpha = float(_by_pattern(config.get("alpha_pattern"), layer, config.get("lora_alpha", 8)))
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _by_pattern(patterns: object, layer: str, default: Any) -> Any:
    if isinstance(patterns, dict):
        for pattern, value in patterns.items():
            if re.fullmatch(rf"(.*\.)?({pattern})", layer):
                return value
    return default


def _refuse_empty(deltas: Mapping[str, Delta], replaced: Mapping[str, RowSource], file: Path) -> None:
    if not deltas and not replaced:
        raise KnownError(
            "empty_adapter",
            f"{file} ({file.stat().st_size} bytes) holds no LoRA tensors.",
            "Some training scripts save an empty file at the end; take the adapter of the last checkpoint folder.",
            path=str(file),
        )
    if deltas and not replaced and not any(delta.b.any() and delta.a.any() for delta in deltas.values()):
        raise KnownError(
            "empty_adapter",
            f"Every matrix product in {file} is zero: the adapter changes nothing.",
            "It was saved before training, or the training did not reach it.",
            path=str(file),
        )


def _values(tensor: RowSource) -> NDArray[np.float32]:
    return np.array(tensor.float_rows(0, tensor.n_rows), np.float32).reshape(tensor.shape)


class _Held(RowSource):
    """A tensor of the adapter, kept in memory: adapters are small, and their file is closed after reading."""

    dtype = "f32"

    def __init__(self, name: str, values: NDArray[np.float32]) -> None:
        self.name = name
        self.shape = values.shape
        self._rows = values.reshape(-1, values.shape[-1])

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._rows[start:stop]
