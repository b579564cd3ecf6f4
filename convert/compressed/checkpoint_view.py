"""An FP8 or compressed-tensors checkpoint seen as an ordinary one: every quantized layer is one tensor `X.weight`.

The rest of the converter gets `RowSource`s; those of integer codes have a packed form, as GPTQ's do.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

from belle.errors import KnownError
from convert.checkpoint.tensor import CheckpointTensor
from convert.compressed.float8 import VALUES, Float8Rows
from convert.compressed.integer_rows import BITS, IntegerRows, read_layer
from convert.compressed.scheme import Scheme, WeightScheme, read_scheme
from convert.gptq.quantized_rows import Mode
from convert.rows.source import RowSource

Change = Callable[[Mapping[str, RowSource]], dict[str, RowSource]]

_PACKED = ".weight_packed"
_WEIGHT = ".weight"
# Tensors beside a weight that say how it is stored, and those that concern only the rounding of activations.
_COMPANIONS = (
    "weight_scale",
    "weight_scale_inv",
    "weight_zero_point",
    "weight_g_idx",
    "weight_shape",
    "input_scale",
    "input_zero_point",
    "output_scale",
    "output_zero_point",
)
_SCALES = (".weight_scale", ".weight_scale_inv")
_CACHE_SCALES = (".k_scale", ".v_scale", ".q_scale")
_WORD = 32


def is_compressed(tensors: Mapping[str, Any]) -> bool:
    """Whether the checkpoint has layers in 8-bit floats, or integer codes in compressed-tensors' layout."""
    return next(_layers(tensors), None) is not None


def stored_layers(tensors: Mapping[str, CheckpointTensor]) -> dict[str, tuple[str, int]]:
    """By layer name how it is stored, such as `FP8` or `4-bit integers`, and its number of weights.

    Only shapes are read. Raises KnownError as `view_compressed` does.
    """
    layers = {}
    for layer, is_float in _layers(tensors):
        if is_float:
            tensor = tensors[layer + _WEIGHT]
            layers[layer] = "FP8", tensor.n_rows * tensor.row_length
        else:
            bits = _bits(layer, tensors)
            shape = read_layer(layer, tensors, bits).shape
            layers[layer] = f"{bits}-bit integers", shape[0] * shape[1]
    return layers


def view_compressed(
    tensors: Mapping[str, CheckpointTensor],
    stated: Mapping[str, Any],
    mode: Mode,
    change: Change,
    notes: list[str],
) -> dict[str, RowSource]:
    """The checkpoint as rows, in its order.

    Args:
        tensors: by name.
        stated: `quantization_config`.
        mode: see `GroupQuantizedRows`.
        change: merges adapters.
        notes: gets sentences for the report.

    Raises KnownError: `unsupported_quantization`, `damaged_fp8`, `damaged_compressed`, `not_finite`.
    """
    scheme = read_scheme(stated)
    layers: dict[str, RowSource] = {
        layer: _floats(layer, tensors, scheme, stated) if is_float else _codes(layer, tensors, scheme, mode)
        for layer, is_float in _layers(tensors)
    }
    rows: dict[str, RowSource] = {}
    for name, tensor in tensors.items():
        layer, _, last = name.rpartition(".")
        if layer in layers and last in ("weight", "weight_packed"):
            rows[f"{layer}.weight"] = layers[layer]
        elif not is_companion(name, layers):
            rows[name] = tensor
    notes += _notes(layers, scheme)
    return change(rows)


def is_companion(name: str, layers: Container[str]) -> bool:
    """Whether a tensor only says how the weight of one of `layers`, or the KV cache, is stored."""
    layer, _, last = name.rpartition(".")
    return (layer in layers and last in _COMPANIONS) or name.endswith(_CACHE_SCALES)


def _layers(tensors: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """The layers that are stored in 8-bit floats (True) or in integer codes (False), in the checkpoint's order."""
    for name, tensor in tensors.items():
        if name.endswith(_PACKED):
            yield name.removesuffix(_PACKED), False
        elif name.endswith(_WEIGHT) and tensor.raw_dtype in VALUES:
            yield name.removesuffix(_WEIGHT), True
        elif name.endswith(_WEIGHT) and tensor.raw_dtype == "i8" and f"{name}_scale" in tensors:
            yield name.removesuffix(_WEIGHT), False


def _codes(layer: str, tensors: Mapping[str, CheckpointTensor], scheme: Scheme, mode: Mode) -> IntegerRows:
    stated = scheme.of(layer)
    bits = _bits(layer, tensors)
    if stated.bits not in (None, bits):
        raise _contradicted(layer, f"{bits} bits", f"{stated.bits}")
    if stated.kind == "float":
        raise _contradicted(layer, "integers", "floats")
    tensors_of_layer = read_layer(layer, tensors, bits)
    if stated.symmetric is False and tensors_of_layer.zero_point is None:
        raise _contradicted(layer, "codes without zero points", "symmetric is false")
    rows = IntegerRows(tensors_of_layer, stated.group_size, mode)
    if stated.symmetric and rows.has_zeros:
        raise _contradicted(layer, "codes with zero points", "symmetric is true")
    _check_scales(layer, tensors_of_layer.scale, tensors_of_layer.shape, stated)
    return rows


def _check_scales(layer: str, scale: CheckpointTensor, shape: Sequence[int], stated: WeightScheme) -> None:
    """Raise KnownError if the scales do not have the shape that the configuration's strategy gives them."""
    expected = stated.scales(shape[0], shape[1])
    # One scale is stored as [] or [1], one for each row as [rows] or [rows, 1].
    if expected is not None and (*scale.shape, 1, 1)[: max(2, len(scale.shape))] != expected:
        raise _contradicted(layer, f"{list(scale.shape)} scales", f"{stated.strategy}, which has {list(expected)}")


def _contradicted(layer: str, stored: str, stated: str) -> KnownError:
    return KnownError(
        "damaged_compressed",
        f"{layer} is stored in {stored}, and the configuration says {stated}.",
        "Its config.json belongs to another checkpoint.",
        tensor=layer,
    )


def _bits(layer: str, tensors: Mapping[str, CheckpointTensor]) -> int:
    """The width of a code, from the shapes of the tensors: 8 without packing, else columns per int32."""
    packed, shape = tensors.get(f"{layer}.weight_packed"), tensors.get(f"{layer}.weight_shape")
    if packed is None:
        return 8
    if shape is None or len(packed.shape) != 2 or 0 in shape.shape:
        message = f"{layer}.weight_shape is missing from the checkpoint."
        raise KnownError("damaged_compressed", message, "Get the checkpoint again.", tensor=f"{layer}.weight_shape")
    columns = int(shape.array().reshape(-1)[-1])
    for bits in BITS:
        if -(-columns // (_WORD // bits)) == packed.shape[1]:
            return bits
    raise KnownError(
        "unsupported_quantization",
        f"{layer} stores {columns} columns in {packed.shape[1]} words; only codes of 4 and 8 bits are read.",
        "Convert the model that it was made from.",
        tensor=layer,
    )


def _floats(
    layer: str, tensors: Mapping[str, CheckpointTensor], scheme: Scheme, stated: Mapping[str, Any]
) -> Float8Rows:
    tensor = tensors[f"{layer}.weight"]
    scales = [tensors[name] for name in (f"{layer}.weight_scale_inv", f"{layer}.weight_scale") if name in tensors]
    if len(scales) > 1:
        message = f"{layer} has two scales, weight_scale and weight_scale_inv."
        raise KnownError("damaged_fp8", message, "Files of two checkpoints may lie in one folder.", tensor=tensor.name)
    scale = scales[0] if scales else None
    # Without any scale in the checkpoint the floats are the weights; otherwise this layer's scale is lost.
    if scale is None and (stated or any(name.endswith(_SCALES) for name in tensors)):
        message = f"{layer} is stored in 8-bit floats, and its scale (weight_scale or weight_scale_inv) is missing."
        raise KnownError("damaged_fp8", message, "Get the checkpoint again.", tensor=tensor.name)
    if len(tensor.shape) != 2:
        message = f"{tensor.name} has {len(tensor.shape)} axes; 8-bit floats are read in matrices."
        raise KnownError("unsupported_quantization", message, "Convert the bf16 checkpoint.", tensor=tensor.name)
    stated_scheme = scheme.of(layer)
    if stated_scheme.kind == "int":
        raise _contradicted(layer, "8-bit floats", f"integers of {stated_scheme.bits} bits")
    if stated_scheme.float8 is not None and not tensor.raw_dtype.startswith(stated_scheme.float8):
        raise _contradicted(layer, tensor.raw_dtype, stated_scheme.float8)
    rows = Float8Rows(tensor, scale, stated_scheme.block)
    if scale is not None:
        _check_scales(layer, scale, tensor.shape, stated_scheme)
    return rows


def _notes(layers: Mapping[str, RowSource], scheme: Scheme) -> list[str]:
    notes = []
    n_floats = sum(isinstance(source, Float8Rows) for source in layers.values())
    if n_floats:
        notes.append(f"{n_floats} layers are stored in 8-bit floats (FP8); they are read as value × scale in float32.")
    if len(layers) > n_floats:
        notes.append(f"{len(layers) - n_floats} layers hold integer codes (compressed-tensors).")
    ignored = [layer for layer in layers if scheme.ignores(layer)]
    if ignored:
        notes.append(
            f"{len(ignored)} layers that the configuration says were left as they were are stored quantized "
            f"({ignored[0]}); they are read as they are stored."
        )
    if scheme.rounds_activations:
        notes.append("The checkpoint was made for activations rounded to 8 bits; in GGUF they are not rounded so.")
    return notes
