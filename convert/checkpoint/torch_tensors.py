"""What the names in a PyTorch pickle stand for: storages, tensors that are views of them, and dicts of tensors.

Only the names in `TORCH_NAMES` are accepted; `unpickler` refuses every other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convert.checkpoint.dtypes import DTYPES, RawDtype
from convert.checkpoint.problems import damaged, shown, unsupported
from convert.checkpoint.tensor import CheckpointTensor, Placement
from convert.checkpoint.unpickler import Constructor
from convert.checkpoint.weights_file import WeightsFile

MOST_AXES = 32
_LARGEST = 1 << 58  # so that a product with an item size still fits 63 bits
# Keys under which training programs save the state dict.
_NESTING_KEYS = ("state_dict", "model", "module", "model_state_dict")


@dataclass(frozen=True, slots=True)
class StorageType:
    """The element type that a storage class stands for; None for untyped bytes."""

    raw: RawDtype | None


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of `n_values` values (bytes if untyped) that the archive stores under `key`."""

    key: str
    raw: RawDtype | None
    n_values: int

    @property
    def n_bytes(self) -> int:
        """Size in the file."""
        return self.n_values * (self.raw.item_size if self.raw else 1)


@dataclass(frozen=True, slots=True)
class TensorView:
    """A tensor as `torch.save` describes it: `offset` and `strides` in values over a storage."""

    storage: Storage
    raw: RawDtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoragePlace:
    """Where a storage's bytes begin in the file."""

    offset: int
    big_endian: bool = False


def storage_from_id(identifier: Any, *, legacy: bool = False) -> Storage:
    """The storage that a persistent id describes. Raises ValueError if it does not describe one.

    It is `("storage", type, key, device, n_values)`; before PyTorch 1.6 a sixth element describes views of the storage.
    """
    length = 6 if legacy else 5
    if type(identifier) is not tuple or len(identifier) != length or identifier[0] != "storage":
        raise ValueError("a persistent id does not describe a storage")
    _, kind, key, _, n_values, *views = identifier
    if not isinstance(kind, StorageType) or type(key) is not str:
        raise ValueError("a storage has no type or key")
    if any(view is not None for view in views):
        raise ValueError("it shares storages in the way of PyTorch before 0.4")
    if not _natural(n_values):
        raise ValueError("a storage has no size")
    return Storage(key, kind.raw, n_values)


def state_dict_of(path: Path, loaded: Any) -> dict[str, TensorView]:
    """The named tensors in an unpickled value: a state dict, perhaps nested under one of `_NESTING_KEYS`.

    Raises KnownError (`no_tensors`).
    """
    state = loaded if isinstance(loaded, dict) else {}
    # A pickle can hold a dict inside itself, so the nesting is followed only a few times.
    for _ in _NESTING_KEYS:
        inner = next((state[key] for key in _NESTING_KEYS if isinstance(state.get(key), dict)), None)
        if inner is None:
            break
        state = inner
    tensors = {name: value for name, value in state.items() if isinstance(value, TensorView)}
    if not tensors:
        keys = ", ".join(list(state)[:8])
        what = "it holds no named tensors" + (f" (only: {shown(keys)})" if keys else "")
        advice = "A checkpoint is a dict from names to tensors, as torch.save(model.state_dict(), file) writes it."
        raise unsupported(path, what, advice, kind="no_tensors")
    return tensors


def placed(
    file: WeightsFile, views: Mapping[str, TensorView], places: Mapping[str, StoragePlace]
) -> dict[str, CheckpointTensor]:
    """The tensors with their places in `file`, each checked to be inside its storage.

    Raises KnownError (`damaged_file`).
    """
    tensors = {}
    for name, view in views.items():
        place = places.get(view.storage.key)
        if place is None:
            what = f"its storage {shown(view.storage.key)} is missing from the file"
            raise damaged(file.path, what, tensor=name)
        n_values = math.prod(view.shape)
        # Strides are not negative, so a view's last value is the farthest that it reaches.
        last = sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
        end = (view.offset + last + 1) * view.raw.item_size if n_values else 0
        if end > view.storage.n_bytes or n_values * view.raw.item_size > view.storage.n_bytes:
            what = f"shape {list(view.shape)} reaches beyond its storage of {view.storage.n_bytes:,} bytes"
            raise damaged(file.path, what, tensor=name)
        offset = place.offset + view.offset * view.raw.item_size
        tensors[name] = CheckpointTensor(
            name, view.raw, view.shape, Placement(file, offset, view.strides, place.big_endian)
        )
    return tensors


def _natural(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST


def _view(storage: Any, offset: Any, shape: Any, strides: Any, raw: RawDtype | None) -> TensorView:
    if not isinstance(storage, Storage) or raw is None or not _natural(offset):
        raise ValueError("a tensor has no storage, type or offset")
    if type(shape) is not tuple or type(strides) is not tuple or len(shape) != len(strides) or len(shape) > MOST_AXES:
        raise ValueError("a tensor has no shape")
    if not all(map(_natural, shape)) or not all(map(_natural, strides)):
        raise ValueError("a tensor has an impossible shape")
    if math.prod(max(size, 1) for size in shape) > _LARGEST:
        raise ValueError("a tensor has an impossible shape")
    return TensorView(storage, raw, offset, shape, strides)


def _without_metadata(metadata: Any) -> None:
    """Refuse tensors whose values are stored conjugated or negated (`conj`, `neg` in their metadata)."""
    if metadata is None or (type(metadata) is dict and len(metadata) < 8 and not any(metadata.values())):
        return
    raise ValueError("a tensor is stored conjugated or negated")


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> TensorView:
    return _view(storage, offset, shape, strides, storage.raw if isinstance(storage, Storage) else None)


def _rebuild_tensor_v2(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> TensorView:
    _grad, _hooks, *metadata = rest
    _without_metadata(metadata[0] if metadata else None)
    return _rebuild_tensor(storage, offset, shape, strides)


def _rebuild_tensor_v3(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> TensorView:
    _grad, _hooks, raw, *metadata = rest
    _without_metadata(metadata[0] if metadata else None)
    return _view(storage, offset, shape, strides, raw if isinstance(raw, RawDtype) else None)


def _rebuild_parameter(data: Any, _grad: Any, _hooks: Any, _state: Any = None) -> TensorView:
    if not isinstance(data, TensorView):
        raise ValueError("a parameter is not a tensor")
    return data


def _rebuild_from_type(build: Any, kind: Any, arguments: Any, _state: Any) -> TensorView:
    # Only plain rebuilds: a rebuild of a rebuild could recurse without end.
    if not isinstance(build, Constructor) or build not in _REBUILDS or kind is not _TENSOR_CLASS:
        raise ValueError("a tensor is of a class that is not known")
    if type(arguments) is not tuple or len(arguments) > MOST_AXES:
        raise ValueError("a tensor has no arguments")
    view: TensorView = build.build(*arguments)
    return view


def _size(sizes: Any) -> tuple[Any, ...]:
    if type(sizes) is not tuple:
        raise ValueError("a torch.Size has no sizes")
    return sizes


def _device(_kind: Any, _index: Any = None) -> None:
    """The device of a tensor does not matter."""


def _ordered_dict() -> dict[str, Any]:
    return {}


_TENSOR_CLASS = object()

_STORAGE_CLASSES = {
    "DoubleStorage": "f64",
    "FloatStorage": "f32",
    "HalfStorage": "f16",
    "BFloat16Storage": "bf16",
    "LongStorage": "i64",
    "IntStorage": "i32",
    "ShortStorage": "i16",
    "CharStorage": "i8",
    "ByteStorage": "u8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "c64",
    "ComplexDoubleStorage": "c128",
}

_TORCH_DTYPES = {
    "float64": "f64",
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "float8_e4m3fn": "f8_e4m3",
    "float8_e5m2": "f8_e5m2",
    "float8_e8m0fnu": "f8_e8m0",
    "float8_e4m3fnuz": "f8_e4m3fnuz",
    "float8_e5m2fnuz": "f8_e5m2fnuz",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint64": "u64",
    "uint32": "u32",
    "uint16": "u16",
    "uint8": "u8",
    "bool": "bool",
    "complex64": "c64",
    "complex128": "c128",
}

_REBUILDS = (
    Constructor("torch._utils._rebuild_tensor", _rebuild_tensor),
    Constructor("torch._utils._rebuild_tensor_v2", _rebuild_tensor_v2),
    Constructor("torch._utils._rebuild_tensor_v3", _rebuild_tensor_v3),
)

_CONSTRUCTORS = (
    *_REBUILDS,
    Constructor("torch._utils._rebuild_parameter", _rebuild_parameter),
    Constructor("torch._utils._rebuild_parameter_with_state", _rebuild_parameter),
    Constructor("torch._tensor._rebuild_from_type_v2", _rebuild_from_type),
    Constructor("torch.Size", _size),
    Constructor("torch.device", _device),
    Constructor("collections.OrderedDict", _ordered_dict),
)

TORCH_NAMES: dict[str, Any] = {
    **{constructor.name: constructor for constructor in _CONSTRUCTORS},
    **{f"torch.{name}": StorageType(DTYPES[dtype]) for name, dtype in _STORAGE_CLASSES.items()},
    **{f"torch.cuda.{name}": StorageType(DTYPES[dtype]) for name, dtype in _STORAGE_CLASSES.items()},
    "torch.storage.UntypedStorage": StorageType(None),
    **{f"torch.{name}": DTYPES[dtype] for name, dtype in _TORCH_DTYPES.items()},
    "torch.Tensor": _TENSOR_CLASS,
    "torch.nn.parameter.Parameter": _TENSOR_CLASS,
}
