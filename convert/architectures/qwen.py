"""Qwen 1 to 3: LLaMA's shape with attention biases (1, 2) or with norms on queries and keys (3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from belle.errors import KnownError
from convert.architectures.base import Architecture, Dimensions, TensorRule, linear
from convert.architectures.config import MAX_LAYERS, key_set, number, only, optional_flag, unsupported, whole
from convert.architectures.llama import DecoderOnly
from convert.architectures.rope import SLIDING, check_layer_kinds
from convert.metadata import KeyValue, count, real


class Qwen1(Architecture):
    """The first Qwen (`QWenLMHeadModel`), and the language model of Qwen-VL and BELLE-VL.

    transformers has no code for it; the model cards' own `modeling_qwen.py` is what is computed here. Queries, keys and
    values are one matrix with biases; `c_proj(w1(x) · silu(w2(x)))` is the feed-forward layer.
    """

    name = "qwen"
    title = "Qwen 1"
    classes = ("QWenLMHeadModel",)
    model_types = ("qwen",)
    prefix = "transformer."
    left_out = MappingProxyType(
        {
            "visual.": "the vision tower of Qwen-VL's design, which llama.cpp does not have; the model reads text, "
            "and no pictures"
        }
    )
    heard = key_set(
        """
        attn_dropout_prob bf16 emb_dropout_prob fp16 fp32 hidden_size intermediate_size kv_channels layer_norm_epsilon
        max_position_embeddings no_bias num_attention_heads num_hidden_layers onnx_safe rotary_emb_base rotary_pct
        scale_attn_weights seq_length softmax_in_fp32 tie_word_embeddings use_cache_kernel use_cache_quantization
        use_dynamic_ntk use_logn_attn visual vocab_size
        """
    )

    def dimensions(self, config: Mapping[str, Any]) -> Dimensions:
        n_embd, n_head = whole(config, "hidden_size"), whole(config, "num_attention_heads")
        head_dim = whole(config, "kv_channels", default=max(1, n_embd // n_head))
        doubled = whole(config, "intermediate_size")
        if head_dim * n_head != n_embd or head_dim % 2 or doubled % 2:
            raise KnownError(
                "bad_config",
                f"config.json: hidden_size {n_embd}, num_attention_heads {n_head}, kv_channels {head_dim} and "
                f"intermediate_size {doubled} do not fit together.",
            )
        return Dimensions(
            n_layer=whole(config, "num_hidden_layers", largest=MAX_LAYERS),
            n_embd=n_embd,
            n_ff=doubled // 2,  # config.json counts the rows of w1 and w2 together
            n_head=n_head,
            n_head_kv=n_head,
            head_dim=head_dim,
            n_vocab=whole(config, "vocab_size"),
            n_ctx=whole(config, "seq_length", "max_position_embeddings", default=2048),
        )

    def rules(self, config: Mapping[str, Any]) -> Sequence[TensorRule]:
        del config
        return [
            TensorRule("token_embd.weight", "wte.weight", ("n_vocab", "n_embd")),
            TensorRule("blk.{i}.attn_norm.weight", "h.{i}.ln_1.weight", ("n_embd",)),
            *linear("blk.{i}.attn_qkv", "h.{i}.attn.c_attn", ("n_qkv", "n_embd"), bias=True),
            TensorRule("blk.{i}.attn_output.weight", "h.{i}.attn.c_proj.weight", ("n_embd", "n_embd")),
            TensorRule("blk.{i}.ffn_norm.weight", "h.{i}.ln_2.weight", ("n_embd",)),
            TensorRule("blk.{i}.ffn_gate.weight", "h.{i}.mlp.w2.weight", ("n_ff", "n_embd")),
            TensorRule("blk.{i}.ffn_up.weight", "h.{i}.mlp.w1.weight", ("n_ff", "n_embd")),
            TensorRule("blk.{i}.ffn_down.weight", "h.{i}.mlp.c_proj.weight", ("n_embd", "n_ff")),
            TensorRule("output_norm.weight", "ln_f.weight", ("n_embd",)),
        ]

    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        only(config, "no_bias", True, title=self.title)
        only(config, "rotary_pct", 1, title=self.title)
        only(config, "scale_attn_weights", True, title=self.title)
        sizes = self.dimensions(config)
        stretched = [key for key in ("use_dynamic_ntk", "use_logn_attn") if optional_flag(config, key, True)]
        if notes is not None and stretched and whole(config, "max_position_embeddings", default=1) > sizes.n_ctx:
            notes.append(
                f"Beyond {sizes.n_ctx} tokens the model stretches its positions ({' and '.join(stretched)}), which "
                f"llama.cpp does not; the context length is therefore {sizes.n_ctx} tokens, up to which both agree."
            )
        return [
            count("qwen.block_count", sizes.n_layer),
            count("qwen.context_length", sizes.n_ctx),
            count("qwen.embedding_length", sizes.n_embd),
            count("qwen.feed_forward_length", 2 * sizes.n_ff),  # llama.cpp halves it
            count("qwen.attention.head_count", sizes.n_head),
            count("qwen.attention.head_count_kv", sizes.n_head_kv),
            count("qwen.rope.dimension_count", sizes.head_dim),
            real("qwen.rope.freq_base", number(config, "rotary_emb_base", default=10000.0)),
            real("qwen.attention.layer_norm_rms_epsilon", number(config, "layer_norm_epsilon", default=1e-6)),
        ]


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
