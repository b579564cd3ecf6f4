"""Qwen 2 and 3: LLaMA's shape with attention biases (2) or with norms on queries and keys (3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convert.architectures.base import TensorRule
from convert.architectures.config import MAX_LAYERS, only, optional_flag, unsupported, whole
from convert.architectures.llama import DecoderOnly
from convert.architectures.rope import SLIDING, check_layer_kinds
from convert.metadata import KeyValue


class Qwen2(DecoderOnly):
    """Qwen 1.5, 2 and 2.5: queries, keys and values always have biases."""

    name = "qwen2"
    title = "Qwen2"
    classes = ("Qwen2ForCausalLM",)
    model_types = ("qwen2",)
    heard = DecoderOnly.heard | {"sliding_window", "use_sliding_window", "max_window_layers", "layer_types"}

    def window(self, config: Mapping[str, Any]) -> int | None:
        return whole(config, "sliding_window", default=4096) if self._slides(config) else None

    def _slides(self, config: Mapping[str, Any]) -> bool:
        """Whether any layer has the sliding window: by `layer_types`, or those from `max_window_layers` on."""
        kinds = check_layer_kinds(config, self.title)
        if kinds:
            return SLIDING in kinds
        n_layer = whole(config, "num_hidden_layers", largest=MAX_LAYERS)
        first = config.get("max_window_layers")
        first = first if isinstance(first, int) and not isinstance(first, bool) else 28
        return optional_flag(config, "use_sliding_window", False) and first < n_layer

    def attention(self, config: Mapping[str, Any]) -> list[TensorRule]:
        return super().attention({**config, "attention_bias": True})

    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        sizes = self.dimensions(config)
        if sizes.n_q != sizes.n_embd:
            raise unsupported("head_dim", sizes.head_dim, self.title)
        return super().metadata(config, notes)


class Qwen3(Qwen2):
    """Qwen 3 (dense)."""

    name = "qwen3"
    title = "Qwen3"
    classes = ("Qwen3ForCausalLM",)
    model_types = ("qwen3",)
    default_head_dim = 128

    def attention(self, config: Mapping[str, Any]) -> list[TensorRule]:
        return [
            *DecoderOnly.attention(self, config),
            TensorRule("blk.{i}.attn_q_norm.weight", "layers.{i}.self_attn.q_norm.weight", ("head_dim",)),
            TensorRule("blk.{i}.attn_k_norm.weight", "layers.{i}.self_attn.k_norm.weight", ("head_dim",)),
        ]

    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        only(config, "attention_bias", False, title=self.title)
        return DecoderOnly.metadata(self, config, notes)
