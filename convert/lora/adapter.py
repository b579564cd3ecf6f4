"""Reads and checks a PEFT adapter folder: which layers it changes, by how much, and which tensors it replaces.

Format: `adapter_config.json` beside `adapter_model.safetensors` (or `.bin`), tensors named
`base_model.model.<layer>.lora_A.weight` `[rank, in]`, `.lora_B.weight` `[out, rank]`; embeddings have
`lora_embedding_A` `[rank, vocabulary]` and `lora_embedding_B` `[width, rank]`; DoRA adds `lora_magnitude_vector`.
Layers that are trained whole (`modules_to_save`) have their plain name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.checkpoint import Checkpoint, open_checkpoint
from convert.lora.config import NAME, AdapterConfig, read_config
from convert.rows.source import RowSource

WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_PREFIX = "base_model.model."
# `.default` is the adapter's name in a model; some trainers save it as part of the tensors' names.
_PARTS = re.compile(
    r"(?P<layer>.+)\.(?P<part>lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector)"
    r"(?:\.default)?(?:\.weight)?"
)
# What PEFT adds to the name of a layer that is trained whole, or of an embedding that was resized before training.
_SAVED = re.compile(r"\.(?:modules_to_save(?:\.\w+)?|base_layer)(?=\.(?:weight|bias)$)")


@dataclass(frozen=True, slots=True)
class Delta:
    """The change of one layer: `W + scale * B A` (LoRA, Hu et al., arXiv 2106.09685, equation 3).

    Attributes:
        layer: without `base_model.model.` and `.weight`.
        a: `[rank, in_features]`.
        b: `[out_features, rank]`.
        scale: the adapter's scaling times its strength.
        magnitude: `[out_features]`, the learned length of every row (DoRA); None for plain LoRA.
    """

    layer: str
    a: NDArray[np.float32]
    b: NDArray[np.float32]
    scale: float
    magnitude: NDArray[np.float32] | None = None

    @property
    def rank(self) -> int:
        """The inner dimension of the product."""
        return int(self.a.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """`[out_features, in_features]` of the weight that it changes."""
        return int(self.b.shape[0]), int(self.a.shape[1])


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter. A context manager, since the tensors in `replaced` are read from its file when they are needed.

    Attributes:
        folder: where it was read from.
        config: its configuration.
        strength: factor of its own scaling, already in the deltas' scales.
        deltas: by layer name, without `base_model.model.` and `.weight`.
        replaced: tensors that take the place of the base's, by full name.
        checkpoint: its weights file, open.
    """

    folder: Path
    config: AdapterConfig
    strength: float
    deltas: dict[str, Delta]
    replaced: dict[str, RowSource]
    checkpoint: Checkpoint

    @property
    def files(self) -> list[Path]:
        """The files that it was read from."""
        return [self.config.path, *self.checkpoint.files]

    def close(self) -> None:
        """Close its weights file."""
        self.checkpoint.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def read_adapter(folder: Path, strength: float = 1.0) -> Adapter:
    """Read the adapter in `folder`; `strength` multiplies its own scaling.

    Raises KnownError: `not_an_adapter`, `unsupported_adapter`, `empty_adapter`, `damaged_adapter`, `not_finite`, and
    what reading a checkpoint raises.
    """
    config = read_config(folder)
    weights = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if weights is None:
        raise KnownError(
            "not_an_adapter",
            f"{folder} holds an {NAME} but none of {', '.join(WEIGHTS)}.",
            "Copy the adapter's weights beside its configuration.",
            path=str(folder),
        )
    try:
        checkpoint = open_checkpoint(weights)
    except KnownError as error:
        if error.kind == "no_tensors":
            raise _empty(weights) from error
        raise
    try:
        parts, replaced = _sorted(checkpoint, config)
        deltas = {layer: _delta(layer, tensors, config, strength, weights) for layer, tensors in parts.items()}
        _refuse_empty(deltas, replaced, weights)
    except BaseException:
        checkpoint.close()
        raise
    return Adapter(folder, config, strength, deltas, replaced, checkpoint)


def _sorted(
    checkpoint: Checkpoint, config: AdapterConfig
) -> tuple[dict[str, dict[str, NDArray[np.float32]]], dict[str, RowSource]]:
    """The parts of products by layer, and the tensors that replace the base's by name.

    Raises KnownError("damaged_adapter") for a tensor that PEFT would ignore, because the configuration leaves it out.
    """
    parts: dict[str, dict[str, NDArray[np.float32]]] = {}
    replaced: dict[str, RowSource] = {}
    file = checkpoint.files[0]
    for name, tensor in checkpoint.tensors.items():
        plain = name.removeprefix(_PREFIX)
        match = _PARTS.fullmatch(plain)
        if match:
            _check_named(match["layer"], config, file)
            parts.setdefault(match["layer"], {})[match["part"]] = _values(tensor)
        elif ".original_module." not in plain:
            whole = _SAVED.sub("", plain)
            _check_replacement(plain, whole, config, file)
            replaced[whole] = tensor
    return parts, replaced


def _check_named(layer: str, config: AdapterConfig, file: Path) -> None:
    option = config.targets.left_out_by(layer)
    if option is not None:
        raise _damaged(file, layer, f"{layer} has a product, and {NAME} leaves the layer out ({option})")


def _check_replacement(tensor: str, whole: str, config: AdapterConfig, file: Path) -> None:
    """Check a tensor that replaces one of the base.

    PEFT stores the base's own weight and bias under `base_layer` for layers with a product, and for no others.
    """
    layer = whole.rpartition(".")[0]
    option = config.targets.left_out_by(layer)
    if ".base_layer." in tensor and option is not None:
        raise _damaged(file, whole, f"{tensor} is of a layer with a product, and {NAME} leaves it out ({option})")
    if tensor == whole and option is None:
        raise _damaged(file, whole, f"{tensor} is of a layer without a product, and {NAME} gives it one")


def _delta(
    layer: str, tensors: Mapping[str, NDArray[np.float32]], config: AdapterConfig, strength: float, file: Path
) -> Delta:
    embedding = "lora_embedding_A" in tensors or "lora_embedding_B" in tensors
    names = ("lora_embedding_A", "lora_embedding_B") if embedding else ("lora_A", "lora_B")
    missing = next((name for name in names if name not in tensors), None)
    if missing is not None:
        raise _damaged(file, layer, f"{layer} lacks its {missing}")
    a, b = (tensors[name] for name in names)
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1] or not a.shape[0]:
        shapes = f"{list(b.shape)} and {list(a.shape)}"
        raise _damaged(file, layer, f"{layer} has a product of {shapes}, which do not fit together")
    _check_rank(layer, a.shape[0], config, file)
    magnitude = tensors.get("lora_magnitude_vector")
    if config.dora != (magnitude is not None):
        stated, stored = ("says", "no") if config.dora else ("does not say", "a")
        raise _damaged(file, layer, f"{layer} has {stored} DoRA length, and {NAME} {stated} use_dora")
    transposed = embedding or config.transposed
    if transposed:
        # Embeddings and `fan_in_fan_out` layers store the factors of the transposed weight: Wᵀ + BA = (W + AᵀBᵀ)ᵀ.
        a, b = np.ascontiguousarray(b.T), np.ascontiguousarray(a.T)
    if magnitude is not None:
        magnitude = magnitude.reshape(-1)
        if transposed:
            raise KnownError(
                "unsupported_adapter",
                f"{file.name}: {layer} has a DoRA length for every column, which needs all its rows at once.",
                "Merge it into its base with PEFT (merge_and_unload) and convert the merged checkpoint.",
                path=str(file),
                tensor=layer,
            )
        if magnitude.shape != b.shape[:1]:
            raise _damaged(file, layer, f"{layer} has {magnitude.size} DoRA lengths for {b.shape[0]} rows")
    if not all(np.isfinite(values).all() for values in (a, b, magnitude) if values is not None):
        raise KnownError("not_finite", f"{file.name}: {layer} holds NaN or infinity.", path=str(file), tensor=layer)
    return Delta(layer, a, b, strength * config.scaling(layer, a.shape[0]), magnitude)


def _check_rank(layer: str, rank: int, config: AdapterConfig, file: Path) -> None:
    """The scale depends on the rank, so a configuration with another rank belongs to another adapter."""
    if rank != config.rank_of(layer):
        stated = f"{NAME} says {config.rank_of(layer)} (r, rank_pattern): it belongs to another adapter"
        raise _damaged(file, layer, f"{layer} has rank {rank}, and {stated}")


def _refuse_empty(deltas: Mapping[str, Delta], replaced: Mapping[str, RowSource], file: Path) -> None:
    if not deltas and not replaced:
        raise _empty(file)
    changes = any(d.magnitude is not None or (d.scale and d.b.any() and d.a.any()) for d in deltas.values())
    if not replaced and not changes:
        raise KnownError(
            "empty_adapter",
            f"Every matrix product in {file} is zero, or scaled to zero: the adapter changes nothing.",
            "It was saved before training, or the training did not reach it.",
            path=str(file),
        )


def _empty(file: Path) -> KnownError:
    return KnownError(
        "empty_adapter",
        f"{file} ({file.stat().st_size} bytes) holds no LoRA tensors.",
        "Some training scripts save an empty file at the end; take the adapter of the last checkpoint folder.",
        path=str(file),
    )


def _damaged(file: Path, layer: str, what: str) -> KnownError:
    return KnownError("damaged_adapter", f"{file.name}: {what}.", path=str(file), tensor=layer)


def _values(tensor: RowSource) -> NDArray[np.float32]:
    return np.array(tensor.float_rows(0, tensor.n_rows), np.float32).reshape(tensor.shape)
