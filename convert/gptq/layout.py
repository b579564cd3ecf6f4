"""The layout of a GPTQ or AWQ layer, inferred from its tensors. (What the configuration says only has to agree, see
`stated_config`.)

A quantized linear layer `X` is stored as `X.qweight` with `X.qzeros`, `X.scales`, sometimes `X.g_idx` and `X.bias`:

    GPTQ  qweight [in * bits / 32, out]  qzeros [groups, out * bits / 32]  scales [groups, out]  g_idx [in]
    AWQ   qweight [in, out / 8]          qzeros [groups, out / 8]          scales [groups, out]

Bits, group size and packing follow from the shapes; whether the zeros are stored minus one, from the data.

Known writers: GPTQ-for-LLaMa before `g_idx` (BELLE's own files: float32 scales, always a bias), the same with `g_idx`,
AutoGPTQ, GPTQModel (versions 1 and 2, bits that differ by layer), AWQ GEMM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from belle.errors import KnownError
from convert.gptq import word_packing

Method = Literal["gptq", "awq"]

BITS = (2, 3, 4, 8)
WORD = 32
_DTYPES = {
    ".qweight": ("int32", "uint32"),
    ".qzeros": ("int32", "uint32"),
    ".scales": ("float16", "float32", "uint16"),  # the last holds the bits of bfloat16
    ".g_idx": ("int32", "int64"),
}


@dataclass(frozen=True, slots=True)
class Module:
    """One quantized linear layer.

    Attributes:
        name: without suffix, such as `model.layers.0.mlp.down_proj`.
        shape: `[out_features, in_features]`.
        bits: width of a code.
        n_groups: rows of `scales`.
        group_size: input columns per group where `g_idx` does not say otherwise; the last group may be shorter.
        has_g_idx: whether the group of every column is stored.
    """

    name: str
    method: Method
    shape: tuple[int, int]
    bits: int
    n_groups: int
    group_size: int
    has_g_idx: bool


def find_modules(tensors: Mapping[str, Any], config: Mapping[str, Any]) -> list[Module]:
    """Every quantized layer of a checkpoint, in its order. Raises KnownError (`damaged_gptq`, `unsupported_gptq`)."""
    return [_module(name, tensors, config) for name in _names(tensors)]


def _names(tensors: Mapping[str, Any]) -> Iterator[str]:
    for key in tensors:
        if key.endswith(".qweight"):
            yield key.removesuffix(".qweight")


def _module(name: str, tensors: Mapping[str, Any], config: Mapping[str, Any]) -> Module:
    for suffix in (".qzeros", ".scales"):
        if name + suffix not in tensors:
            if suffix == ".qzeros" and name + ".zeros" in tensors:
                raise KnownError(
                    "unsupported_gptq",
                    f"{name} stores float zeros, the format of the first weeks of GPTQ-for-LLaMa (March 2023).",
                    "Quantize the model again with a later version; its zeros cannot be read.",
                    tensor=name + ".zeros",
                )
            raise KnownError("damaged_gptq", f"{name}{suffix} is missing from the checkpoint.", tensor=name + suffix)
    _check_dtypes(name, tensors)
    words, zeros, scales = (tuple(tensors[name + s].shape) for s in (".qweight", ".qzeros", ".scales"))
    if len(words) != 2 or len(zeros) != 2 or len(scales) != 2 or 0 in (*words, *zeros, *scales):
        raise _mismatch(name, words, zeros, scales)
    n_groups, out_features = scales
    if zeros[0] != n_groups or zeros[1] * WORD % out_features:
        raise _mismatch(name, words, zeros, scales)
    # Both formats pack zeros along the outputs, so these give the bits; the axis of the codes tells the formats apart.
    bits = zeros[1] * WORD // out_features
    if words[1] == out_features and bits in BITS and words[0] * WORD % bits == 0:
        method: Method = "gptq"
        in_features = words[0] * WORD // bits
    elif words[1] * 8 == out_features and bits == 4:
        method, in_features = "awq", words[0]
    else:
        raise _mismatch(name, words, zeros, scales)
    has_g_idx = name + ".g_idx" in tensors and method == "gptq"
    if has_g_idx and tuple(tensors[name + ".g_idx"].shape) != (in_features,):
        raise _mismatch(name + ".g_idx", words, tuple(tensors[name + ".g_idx"].shape), scales)
    group_size = _group_size(name, in_features, n_groups, config)
    return Module(name, method, (out_features, in_features), bits, n_groups, group_size, has_g_idx)


def _check_dtypes(name: str, tensors: Mapping[str, Any]) -> None:
    """Codes are unpacked from 32-bit words; words of another width, or floats, would give wrong codes."""
    for suffix, known in _DTYPES.items():
        if name + suffix not in tensors:
            continue
        dtype = np.dtype(tensors[name + suffix].array().dtype).newbyteorder("=")
        if dtype.name not in known:
            raise KnownError(
                "unsupported_gptq",
                f"{name}{suffix} holds {dtype.name} values, where {' or '.join(known)} are expected.",
                "Convert the model it was made from, or save it with GPTQModel in the format “gptq”.",
                tensor=name + suffix,
            )


def _group_size(name: str, in_features: int, n_groups: int, config: Mapping[str, Any]) -> int:
    """The group size that gives `n_groups`: the stated one if it fits, else a usual one, else an even split."""
    stated = config.get("group_size", config.get("q_group_size"))
    usual = [in_features, 32, 64, 128, 256, 512, 1024]
    candidates = [stated, *usual] if isinstance(stated, int) and stated > 0 else usual
    for size in candidates:
        if -(-in_features // size) == n_groups:
            return int(size)
    if in_features % n_groups == 0:
        return in_features // n_groups
    raise KnownError(
        "damaged_gptq", f"{name}: no group size divides {in_features} inputs into {n_groups} groups.", tensor=name
    )


def _mismatch(name: str, words: object, zeros: object, scales: object) -> KnownError:
    return KnownError(
        "damaged_gptq",
        f"{name}: the shapes of qweight {words}, qzeros {zeros} and scales {scales} do not belong together.",
        "The file may have been cut off, or written by a tool whose format is not known here.",
        tensor=name,
    )


@dataclass(slots=True)
class ZeroEvidence:
    """Collects from the data whether zeros are stored as they are (version 2) or minus one (version 1)."""

    votes_v1: int = 0
    votes_v2: int = 0
    asymmetric: int = 0
    bias_v1: float = 0.0
    bias_v2: float = 0.0
    wrapped: int = 0

    def add(self, stored: NDArray[np.uint8], bits: int, sample: Callable[[], NDArray[np.uint8]]) -> None:
        """Add a layer: all its stored zeros `[groups, out]`, and if needed a sample of its codes `[columns, out]`.

        Symmetric quantization has every zero in the middle, stored as the middle or one less. Otherwise the mean of
        `q - z` over many weights, which are as often positive as negative, is near 0 for the right version and one step
        off for the wrong one.
        """
        middle = 1 << (bits - 1)
        if (stored == middle).all():
            self.votes_v2 += 1
        elif (stored == middle - 1).all():
            self.votes_v1 += 1
        else:
            self.asymmetric += 1
            mean = float(sample().mean(dtype=np.float64)) - float(stored.mean(dtype=np.float64))
            self.bias_v2 += abs(mean)
            self.bias_v1 += abs(mean - 1)
        self.wrapped += int(np.count_nonzero(stored == (1 << bits) - 1))

    @property
    def is_certain(self) -> bool:
        """Whether the data decide: zeros in the middle, or a mean that is clearly nearer to 0 for one version."""
        clear = abs(self.bias_v1 - self.bias_v2) > self.asymmetric / 2
        return self.votes_v1 != self.votes_v2 or clear

    @property
    def version(self) -> Literal[1, 2]:
        """1: stored minus one. 2: stored as they are."""
        if self.votes_v1 != self.votes_v2:
            return 1 if self.votes_v1 > self.votes_v2 else 2
        return 1 if self.bias_v1 <= self.bias_v2 else 2


def zeros_of(words: NDArray[np.int32], bits: int, *, version: Literal[1, 2], wordwise: bool) -> NDArray[np.uint16]:
    """The zeros `[groups, out]` of GPTQ's packed ones `[groups, out * bits / 32]`.

    Args:
        words: as stored.
        bits: width of a zero.
        version: 1 if the zeros are stored minus one, 2 if not.
        wordwise: the writer subtracted 1 from whole words (GPTQModel), so that a zero of 0 borrowed from its neighbour;
            adding to whole words undoes that. Other writers subtracted code by code, and a stored code of all ones then
            stands for 2**bits, as GPTQ-for-LLaMa's kernels read it.
    """
    if version == 1 and wordwise:
        words = word_packing.add_one_to_words(words, bits)
    stored = word_packing.unpack(np.ascontiguousarray(words.T), bits).T
    return stored.astype(np.uint16) + np.uint16(version == 1 and not wordwise)
