"""Baichuan 1 and 2: LLaMA with one matrix for queries, keys and values, and in 13B with ALiBi in place of rotation.

transformers has no code for it; the model cards' own `modeling_baichuan.py` is what is computed here. Baichuan 2
divides every row of its output head by its length (`NormHead`) each time it is used; here that is done once, since
llama.cpp has no such head.

A Baichuan of 7B is exactly a LLaMA, and becomes one. llama.cpp's own `baichuan` decides by the number of layers whether
a model rotates: 32 do, 40 do not, all others get no positions at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from convert.architectures.base import NamedTensor
from convert.architectures.config import MAX_LAYERS, unsupported, whole
from convert.architectures.llama import DecoderOnly, Llama
from convert.metadata import KeyValue, count
from convert.rows.arrange import UnitRows, take_rows
from convert.rows.source import RowSource

_PACK = ".self_attn.W_pack."
_PARTS = ("q_proj", "k_proj", "v_proj")
_BAICHUAN_2_VOCABULARY = 125696
_LAYERS_7B, _LAYERS_13B = 32, 40


def _rotates(config: Mapping[str, Any]) -> bool:
    """Whether positions are rotary. No key says so; the configurations of the two kinds have different keys."""
    n_layer = whole(config, "num_hidden_layers", largest=MAX_LAYERS)
    if n_layer in (_LAYERS_7B, _LAYERS_13B):
        return n_layer == _LAYERS_7B
    return config.get("max_position_embeddings") is not None


def _is_second(config: Mapping[str, Any]) -> bool:
    """Whether it is a Baichuan 2. Its configuration has a key for the weight of a loss that the first did not have."""
    return "z_loss_weight" in config or config.get("vocab_size") == _BAICHUAN_2_VOCABULARY


def _unpacked(tensors: Mapping[str, RowSource]) -> dict[str, RowSource]:
    """`tensors` with each `W_pack`, `[3 · n_embd, n_embd]`, as three under LLaMA's names."""
    result: dict[str, RowSource] = {}
    for name, source in tensors.items():
        if _PACK not in name:
            result[name] = source
            continue
        block, _, kind = name.partition(_PACK)
        for part, index in zip(_PARTS, np.array_split(np.arange(source.shape[0], dtype=np.intp), 3), strict=True):
            result[f"{block}.self_attn.{part}.{kind}"] = take_rows(source, index)
    return result


class _Baichuan(DecoderOnly):
    """What the two kinds share."""

    classes: ClassVar[tuple[str, ...]] = ("BaichuanForCausalLM", "BaiChuanForCausalLM")
    model_types = ("baichuan",)
    heard = DecoderOnly.heard | {"model_max_length", "z_loss_weight"}

    def trained_length(self, config: Mapping[str, Any]) -> int:
        return whole(config, "max_position_embeddings", "model_max_length", default=4096)

    def plan(
        self, tensors: Mapping[str, RowSource], config: Mapping[str, Any], notes: list[str] | None = None
    ) -> list[NamedTensor]:
        planned = super().plan(_unpacked(tensors), config, notes)
        if not _is_second(config):
            return planned
        head = self.head.name
        return [NamedTensor(t.name, UnitRows(t.source)) if t.name == head else t for t in planned]


class BaichuanRotary(_Baichuan, Llama):
    """Baichuan 7B and Baichuan 2 7B."""

    name = "llama"
    title = "Baichuan"

    def fits(self, config: Mapping[str, Any]) -> bool:
        return _rotates(config)


class BaichuanAlibi(_Baichuan):
    """Baichuan 13B and Baichuan 2 13B."""

    name = "baichuan"
    title = "Baichuan 13B"

    def fits(self, config: Mapping[str, Any]) -> bool:
        return not _rotates(config)

    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        sizes = self.dimensions(config)
        if sizes.n_layer != _LAYERS_13B:
            raise unsupported("num_hidden_layers", sizes.n_layer, self.title)
        return [*super().metadata(config, notes), count("baichuan.rope.dimension_count", sizes.head_dim)]
