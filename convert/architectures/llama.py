"""LLaMA, and what Mistral, Qwen and Gemma share with it: RMSNorm, rotary positions, gated feed-forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from belle.errors import KnownError
from convert.architectures.base import Architecture, Dimensions, NamedTensor, TensorRule, linear
from convert.architectures.config import MAX_LAYERS, key_set, number, only, optional_flag, whole
from convert.architectures.rope import (
    GENERAL_TYPES,
    llama3_factors,
    refuse_unlike_kinds,
    rope_metadata,
    rope_parameters,
)
from convert.metadata import KeyValue, count, real
from convert.rows.arrange import ArrayRows, take_rows
from convert.rows.source import RowSource


def pair_rotary_rows(source: RowSource, n_head: int) -> RowSource:
    """The rows of a query or key projection in the order that llama.cpp's LLaMA rotates.

    Rotary embedding rotates pairs of values of a head by the angle of their frequency. Hugging Face pairs value j with
    value j + head_dim / 2, llama.cpp pairs neighbours, as Meta's own code does. So rows j and j + head_dim / 2 of each
    head become rows 2j and 2j + 1. Attention is the same, since queries and keys are permuted alike.
    """
    index = np.arange(source.shape[0], dtype=np.intp).reshape(n_head, 2, -1)  # [n_head, half, head_dim / 2]
    return take_rows(source, index.swapaxes(1, 2).reshape(-1))


def _queries(source: RowSource, sizes: Dimensions) -> RowSource:
    return pair_rotary_rows(source, sizes.n_head)


def _keys(source: RowSource, sizes: Dimensions) -> RowSource:
    return pair_rotary_rows(source, sizes.n_head_kv)


class DecoderOnly(Architecture):
    """What LLaMA, Mistral, Qwen and Gemma have in common.

    Only LLaMA (and so Mistral) needs `pair_rotary_rows`: for the others llama.cpp rotates as Hugging Face does.
    """

    prefix = "model."
    heard = key_set(
        """
        attention_bias head_dim hidden_act hidden_size intermediate_size max_position_embeddings max_sequence_length
        num_attention_heads num_hidden_layers num_key_value_heads original_max_position_embeddings
        partial_rotary_factor rms_norm_eps rope_parameters rope_scaling rope_theta tie_word_embeddings vocab_size
        """
    )
    default_head_dim: ClassVar[int | None] = None
    """Width of a head if config.json does not say; None: the width of the residual stream divided by the heads."""
    rope_types: ClassVar[frozenset[str]] = GENERAL_TYPES
    """Kinds of scaled rotary embeddings that llama.cpp computes for the architecture."""

    def dimensions(self, config: Mapping[str, Any]) -> Dimensions:
        n_head = whole(config, "num_attention_heads")
        n_head_kv = whole(config, "num_key_value_heads", default=n_head)
        n_embd = whole(config, "hidden_size")
        default = self.default_head_dim or n_embd // n_head
        head_dim = whole(config, "head_dim", default=default or 1)
        is_divided = config.get("head_dim") is None and not self.default_head_dim
        if n_head % n_head_kv or head_dim % 2 or (is_divided and n_embd % n_head):
            raise KnownError(
                "bad_config",
                f"config.json: hidden_size {n_embd}, num_attention_heads {n_head}, num_key_value_heads {n_head_kv} "
                f"and head_dim {head_dim} do not fit together.",
            )
        return Dimensions(
            n_layer=whole(config, "num_hidden_layers", largest=MAX_LAYERS),
            n_embd=n_embd,
            n_ff=whole(config, "intermediate_size"),
            n_head=n_head,
            n_head_kv=n_head_kv,
            head_dim=head_dim,
            n_vocab=whole(config, "vocab_size"),
            n_ctx=self.context_length(config),
        )

    def context_length(self, config: Mapping[str, Any]) -> int:
        """In tokens: the trained length, or the window's, up to which attention is the same with and without it."""
        return min(self.trained_length(config), self.window(config) or self.trained_length(config))

    def trained_length(self, config: Mapping[str, Any]) -> int:
        """The context length of the training, in tokens."""
        return whole(config, "max_position_embeddings", "max_sequence_length", default=2048)

    def window(self, config: Mapping[str, Any]) -> int | None:
        """The sliding window in tokens, if the model has one and llama.cpp's graph for it has none."""
        del config
        return None

    def rope(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The rotary embedding's parameters. Raises KnownError("bad_config", "unsupported_option")."""
        refuse_unlike_kinds(config, self.title)
        return rope_parameters(config, title=self.title, types=self.rope_types)

    def attention(self, config: Mapping[str, Any]) -> list[TensorRule]:
        """The rules of the query, key and value projections."""
        bias = optional_flag(config, "attention_bias", False)
        attn = "layers.{i}.self_attn"
        return [
            *linear("blk.{i}.attn_q", f"{attn}.q_proj", ("n_q", "n_embd"), bias=bias),
            *linear("blk.{i}.attn_k", f"{attn}.k_proj", ("n_kv", "n_embd"), bias=bias),
            *linear("blk.{i}.attn_v", f"{attn}.v_proj", ("n_kv", "n_embd"), bias=bias),
        ]

    def rules(self, config: Mapping[str, Any]) -> Sequence[TensorRule]:
        return [
            TensorRule("token_embd.weight", "embed_tokens.weight", ("n_vocab", "n_embd")),
            TensorRule("blk.{i}.attn_norm.weight", "layers.{i}.input_layernorm.weight", ("n_embd",)),
            *self.attention(config),
            TensorRule("blk.{i}.attn_output.weight", "layers.{i}.self_attn.o_proj.weight", ("n_embd", "n_q")),
            TensorRule("blk.{i}.ffn_norm.weight", "layers.{i}.post_attention_layernorm.weight", ("n_embd",)),
            TensorRule("blk.{i}.ffn_gate.weight", "layers.{i}.mlp.gate_proj.weight", ("n_ff", "n_embd")),
            TensorRule("blk.{i}.ffn_up.weight", "layers.{i}.mlp.up_proj.weight", ("n_ff", "n_embd")),
            TensorRule("blk.{i}.ffn_down.weight", "layers.{i}.mlp.down_proj.weight", ("n_embd", "n_ff")),
            TensorRule("output_norm.weight", "norm.weight", ("n_embd",)),
        ]

    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        only(config, "hidden_act", "silu", "swish", title=self.title)
        sizes = self.dimensions(config)
        entries = [
            count(f"{self.name}.block_count", sizes.n_layer),
            count(f"{self.name}.context_length", sizes.n_ctx),
            count(f"{self.name}.embedding_length", sizes.n_embd),
            count(f"{self.name}.feed_forward_length", sizes.n_ff),
            count(f"{self.name}.attention.head_count", sizes.n_head),
            count(f"{self.name}.attention.head_count_kv", sizes.n_head_kv),
            *rope_metadata(self.name, config, self.rope(config), notes),
            real(f"{self.name}.attention.layer_norm_rms_epsilon", number(config, "rms_norm_eps", default=1e-6)),
        ]
        if config.get("head_dim") is not None or sizes.n_q != sizes.n_embd:
            entries.append(count(f"{self.name}.attention.key_length", sizes.head_dim))
            entries.append(count(f"{self.name}.attention.value_length", sizes.head_dim))
        window = self.window(config)
        if window is not None:
            entries.append(count(f"{self.name}.attention.sliding_window", window))
            if notes is not None and window < self.trained_length(config):
                notes.append(
                    f"The model has a sliding window of {window} tokens, which llama.cpp does not support for this "
                    f"architecture; the context length is therefore {window} tokens, up to which both agree."
                )
        return entries


class Llama(DecoderOnly):
    """LLaMA 1 to 3 and all models of their shape, BELLE's extended vocabularies included."""

    name = "llama"
    title = "LLaMA"
    classes: ClassVar[tuple[str, ...]] = ("LlamaForCausalLM", "LLaMAForCausalLM")
    model_types = ("llama",)
    rope_types = GENERAL_TYPES | {"llama3"}
    heard = DecoderOnly.heard | {"mlp_bias"}

    def attention(self, config: Mapping[str, Any]) -> list[TensorRule]:
        bias = optional_flag(config, "attention_bias", False)
        attn = "layers.{i}.self_attn"
        return [
            *linear("blk.{i}.attn_q", f"{attn}.q_proj", ("n_q", "n_embd"), bias=bias, arrange=_queries),
            *linear("blk.{i}.attn_k", f"{attn}.k_proj", ("n_kv", "n_embd"), bias=bias, arrange=_keys),
            *linear("blk.{i}.attn_v", f"{attn}.v_proj", ("n_kv", "n_embd"), bias=bias),
        ]

    def rules(self, config: Mapping[str, Any]) -> Sequence[TensorRule]:
        attention, mlp = (optional_flag(config, name, False) for name in ("attention_bias", "mlp_bias"))
        biases = [
            TensorRule(
                "blk.{i}.attn_output.bias", "layers.{i}.self_attn.o_proj.bias", ("n_embd",), optional=not attention
            ),
            TensorRule("blk.{i}.ffn_gate.bias", "layers.{i}.mlp.gate_proj.bias", ("n_ff",), optional=not mlp),
            TensorRule("blk.{i}.ffn_up.bias", "layers.{i}.mlp.up_proj.bias", ("n_ff",), optional=not mlp),
            TensorRule("blk.{i}.ffn_down.bias", "layers.{i}.mlp.down_proj.bias", ("n_embd",), optional=not mlp),
        ]
        return [*super().rules(config), *biases]

    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        sizes = self.dimensions(config)
        return [
            *super().metadata(config, notes),
            count(f"{self.name}.vocab_size", sizes.n_vocab),
            count(f"{self.name}.rope.dimension_count", sizes.head_dim),
        ]

    def computed(self, config: Mapping[str, Any]) -> list[NamedTensor]:
        factors = llama3_factors(config, self.rope(config), self.dimensions(config).head_dim)
        return [] if factors is None else [NamedTensor("rope_freqs.weight", ArrayRows("rope_freqs", factors))]
