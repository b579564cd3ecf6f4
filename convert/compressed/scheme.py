"""The `quantization_config` of FP8 and compressed-tensors checkpoints, parsed; values not known here are refused.

Two families: `quant_method: fp8` (DeepSeek's block scales, AutoFP8's one scale for a matrix) and
`quant_method: compressed-tensors` (llm-compressor), whose `config_groups` give each layer its bits and groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from belle.errors import KnownError
from belle.texts import short_repr
from convert.patterns import refused_pattern

FP8 = ("fp8", "fbgemm_fp8")
COMPRESSED = "compressed-tensors"
FORMATS = ("pack-quantized", "int-quantized", "naive-quantized", "float-quantized", "dense", "mixed-precision")
_DEFAULT_BLOCK = (128, 128)
_ADVICE = "Convert the model that it was made from, or save it in bf16 with the library that made it."


@dataclass(frozen=True, slots=True)
class WeightScheme:
    """How the weights of some layers are stored; None where the configuration does not say.

    `kind` is `int` or `float`; `float8` is the beginning of our name for the 8-bit floats, such as `f8_e4m3`.
    """

    targets: tuple[str, ...] = ("Linear",)
    bits: int | None = None
    kind: str | None = None
    symmetric: bool | None = None
    float8: str | None = None
    strategy: str | None = None
    group_size: int | None = None
    block: tuple[int, int] = _DEFAULT_BLOCK

    def scales(self, rows: int, columns: int) -> tuple[int, int] | None:
        """The shape of the scales of a weight `[rows, columns]` by the strategy; None if no strategy is stated."""
        match self.strategy:
            case "tensor":
                return 1, 1
            case "channel":
                return rows, 1
            case "group" if self.group_size is not None and self.group_size > 0:
                return rows, -(-columns // self.group_size)
            case "block":
                return -(-rows // self.block[0]), -(-columns // self.block[1])
        return None

    def is_of(self, layer: str) -> bool:
        """Whether the layer is one of the targets: a class of layers, a name, or a pattern after `re:`."""
        for target in self.targets:
            if target.startswith("re:"):
                if re.match(target[3:], layer):
                    return True
            elif target[:1].isupper() or layer == target or layer.endswith(f".{target}"):
                return True
        return False


@dataclass(frozen=True, slots=True)
class Scheme:
    """The whole configuration.

    Attributes:
        groups: how weights are stored; for a layer the first one counts that has it as a target.
        rounds_activations: whether inputs are rounded, too, where the checkpoint is run as intended.
        ignored: layers that are not quantized: names, or patterns after `re:`.
    """

    groups: tuple[WeightScheme, ...]
    rounds_activations: bool = False
    ignored: tuple[str, ...] = ()

    def of(self, layer: str) -> WeightScheme:
        """The scheme of a layer."""
        return next((group for group in self.groups if group.is_of(layer)), WeightScheme())

    def ignores(self, layer: str) -> bool:
        """Whether the layer, or a module that contains it, is among `ignored`."""
        return any(
            re.match(name[3:], layer) is not None if name.startswith("re:") else f"{layer}.".startswith(f"{name}.")
            for name in self.ignored
        )


def read_scheme(stated: Mapping[str, Any]) -> Scheme:
    """The scheme in a `quantization_config`; {} gives one without groups.

    Raises KnownError("unsupported_quantization") for a value that may change the weights and is not known here.
    """
    method = stated.get("quant_method", COMPRESSED if "config_groups" in stated else None)
    if method in FP8:
        return _fp8(stated)
    if method == COMPRESSED:
        return _compressed(stated)
    if method is None:
        return Scheme(())
    raise _unsupported(f"quant_method is {short_repr(method)}")


def _fp8(stated: Mapping[str, Any]) -> Scheme:
    kind = stated.get("fmt", stated.get("weight_dtype"))
    if kind not in (None, "e4m3", "e5m2", "float8_e4m3fn", "float8_e5m2"):
        raise _unsupported(f"fmt is {short_repr(kind)}")
    block = _block(stated.get("weight_block_size"))
    float8 = None if kind is None else f"f8_{kind.removeprefix('float8_')[:4]}"
    group = WeightScheme(bits=8, kind="float", float8=float8, block=block)
    left = _ignored(stated, "modules_to_not_convert") + _ignored(stated, "ignored_layers")
    return Scheme((group,), True, left)


def _compressed(stated: Mapping[str, Any]) -> Scheme:
    _check_format(stated.get("format"))
    sparsity = stated.get("sparsity_config")
    if isinstance(sparsity, Mapping) and sparsity.get("format") not in (None, "dense"):
        raise _unsupported(f"sparsity_config.format is {short_repr(sparsity['format'])}")
    transforms = stated.get("transform_config")
    if isinstance(transforms, Mapping) and transforms.get("config_groups"):
        raise _unsupported("transform_config turns the weights (SpinQuant, QuIP), which has to be done while answering")
    groups = stated.get("config_groups")
    if not isinstance(groups, Mapping):
        raise _unsupported("config_groups is missing")
    return Scheme(
        tuple(_group(name, group) for name, group in groups.items() if isinstance(group, Mapping)),
        any(isinstance(group, Mapping) and group.get("input_activations") for group in groups.values()),
        _ignored(stated, "ignore"),
    )


def _ignored(stated: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = stated.get(key) or ()
    if not isinstance(names, Sequence) or isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise _unsupported(f"{key} is {short_repr(names)}")
    for name in names:
        _check_pattern(name)
    return tuple(names)


def _group(name: str, group: Mapping[str, Any]) -> WeightScheme:
    _check_format(group.get("format"))
    targets, weights = group.get("targets"), group.get("weights")
    if not isinstance(targets, Sequence) or isinstance(targets, str) or not all(isinstance(t, str) for t in targets):
        raise _unsupported(f"config_groups.{name}.targets is {short_repr(targets)}")
    for target in targets:
        _check_pattern(target)
    if not isinstance(weights, Mapping):
        return WeightScheme(tuple(targets))
    bits, kind = weights.get("num_bits"), weights.get("type", "int")
    if (kind, bits) not in (("int", 4), ("int", 8), ("float", 8)):
        raise _unsupported(f"config_groups.{name} has weights of {short_repr(bits)} bits, type {short_repr(kind)}")
    size = weights.get("group_size")
    if not isinstance(size, int | None) or isinstance(size, bool):
        raise _unsupported(f"config_groups.{name}.weights.group_size is {short_repr(size)}")
    strategy = weights.get("strategy")
    if strategy not in (None, "tensor", "channel", "group", "block"):
        raise _unsupported(f"config_groups.{name}.weights.strategy is {short_repr(strategy)}")
    symmetric = weights.get("symmetric")
    if symmetric is not None and not isinstance(symmetric, bool):
        raise _unsupported(f"config_groups.{name}.weights.symmetric is {short_repr(symmetric)}")
    return WeightScheme(
        tuple(targets),
        bits,
        kind,
        symmetric,
        strategy=strategy,
        group_size=size,
        block=_block(weights.get("block_structure")),
    )


def _check_pattern(target: str) -> None:
    """Raise KnownError if the text after `re:` is not a pattern, or one that may take forever to match."""
    refused = refused_pattern(target[3:]) if target.startswith("re:") else None
    if refused is not None:
        raise _unsupported(f"the name {short_repr(target)} {refused}")


def _check_format(name: Any) -> None:
    if name is not None and name not in FORMATS:
        raise _unsupported(f"format is {short_repr(name)}")


def _block(stated: Any) -> tuple[int, int]:
    """Rows and columns of a block; older files of compressed-tensors write `128x128`."""
    if stated is None:
        return _DEFAULT_BLOCK
    sizes = re.findall(r"\d+", stated)[:3] if isinstance(stated, str) else stated
    if isinstance(sizes, Sequence) and len(sizes) == 2:
        numbers = [int(size) for size in sizes if isinstance(size, str) or type(size) is int]
        if len(numbers) == 2 and all(0 < number < 1 << 20 for number in numbers):
            return numbers[0], numbers[1]
    raise _unsupported(f"the size of its blocks is {short_repr(stated)}")


def _unsupported(what: str) -> KnownError:
    return KnownError(
        "unsupported_quantization", f"The checkpoint is quantized in a way that is not read: {what}.", _ADVICE
    )
