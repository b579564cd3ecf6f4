"""Gemma 2 and 3 (text): norms before and after attention and feed-forward, whose weights are stored minus one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convert.architectures.base import Dimensions, TensorRule
from convert.architectures.config import key_set, number, only, unsupported, whole
from convert.architectures.llama import DecoderOnly
from convert.architectures.rope import SLIDING, is_by_kind, rope_metadata, rope_parameters, yarn_attention_factor
from convert.metadata import KeyValue, count, real
from convert.rows.arrange import AddConstant
from convert.rows.source import RowSource


def _plus_one(source: RowSource, sizes: Dimensions) -> RowSource:
    # Gemma's RMSNorm multiplies by 1 + weight, llama.cpp's by the weight.
    del sizes
    return AddConstant(source, 1.0)


def _refuse_null(config: Mapping[str, Any], name: str, title: str) -> None:
    """Raise KnownError("unsupported_option") if null switches off what llama.cpp's graph always does."""
    if config.get(name, ...) is None:
        raise unsupported(name, None, title)


def _norm(name: str, source: str, width: str = "n_embd") -> TensorRule:
    return TensorRule(f"{name}.weight", f"{source}.weight", (width,), _plus_one)


class Gemma2(DecoderOnly):
    """Gemma 2: every second layer has sliding window attention; attention scores and logits are soft-capped."""

    name = "gemma2"
    title = "Gemma 2"
    classes = ("Gemma2ForCausalLM",)
    model_types = ("gemma2",)
    heard = DecoderOnly.heard | key_set(
        """
        attn_logit_softcapping final_logit_softcapping hidden_activation layer_types query_pre_attn_scalar
        sliding_window sliding_window_pattern use_bidirectional_attention
        """
    )
    tied_by_default = True
    always_tied = True
    default_head_dim = 256
    full_attention_every = 2
    layers_of_27b = 46

    def rules(self, config: Mapping[str, Any]) -> Sequence[TensorRule]:
        layer = "layers.{i}"
        return [
            TensorRule("token_embd.weight", "embed_tokens.weight", ("n_vocab", "n_embd")),
            _norm("blk.{i}.attn_norm", f"{layer}.input_layernorm"),
            *self.attention(config),
            TensorRule("blk.{i}.attn_output.weight", f"{layer}.self_attn.o_proj.weight", ("n_embd", "n_q")),
            _norm("blk.{i}.post_attention_norm", f"{layer}.post_attention_layernorm"),
            _norm("blk.{i}.ffn_norm", f"{layer}.pre_feedforward_layernorm"),
            TensorRule("blk.{i}.ffn_gate.weight", f"{layer}.mlp.gate_proj.weight", ("n_ff", "n_embd")),
            TensorRule("blk.{i}.ffn_up.weight", f"{layer}.mlp.up_proj.weight", ("n_ff", "n_embd")),
            TensorRule("blk.{i}.ffn_down.weight", f"{layer}.mlp.down_proj.weight", ("n_embd", "n_ff")),
            _norm("blk.{i}.post_ffw_norm", f"{layer}.post_feedforward_layernorm"),
            _norm("output_norm", "norm"),
        ]

    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        only(config, "hidden_activation", "gelu_pytorch_tanh", title=self.title)
        for name in ("attention_bias", "use_bidirectional_attention"):
            only(config, name, False, title=self.title)
        sizes = self.dimensions(config)
        _refuse_null(config, "sliding_window", self.title)
        self._check_layers(config, sizes)
        self._check_attention_scale(config, sizes)
        entries = [
            count(f"{self.name}.context_length", sizes.n_ctx),
            count(f"{self.name}.embedding_length", sizes.n_embd),
            count(f"{self.name}.block_count", sizes.n_layer),
            count(f"{self.name}.feed_forward_length", sizes.n_ff),
            count(f"{self.name}.attention.head_count", sizes.n_head),
            count(f"{self.name}.attention.head_count_kv", sizes.n_head_kv),
            real(f"{self.name}.attention.layer_norm_rms_epsilon", number(config, "rms_norm_eps", default=1e-6)),
            count(f"{self.name}.attention.key_length", sizes.head_dim),
            count(f"{self.name}.attention.value_length", sizes.head_dim),
            count(f"{self.name}.attention.sliding_window", whole({"sliding_window": 4096, **config}, "sliding_window")),
        ]
        return entries + self.caps(config) + self.rope_entries(config, notes)

    def caps(self, config: Mapping[str, Any]) -> list[KeyValue]:
        """The soft caps of attention scores and of logits."""
        # The defaults of transformers. Null means no cap, which llama.cpp's graph cannot do.
        usual = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
        for name in usual:
            _refuse_null(config, name, self.title)
        return [real(f"{self.name}.{name}", number({**usual, **config}, name)) for name in usual]

    def rope_entries(self, config: Mapping[str, Any], notes: list[str] | None) -> list[KeyValue]:
        """The entries of the rotary embedding."""
        return rope_metadata(self.name, config, self.rope(config), notes)

    def _check_layers(self, config: Mapping[str, Any], sizes: Dimensions) -> None:
        every = config.get("sliding_window_pattern", self.full_attention_every)
        kinds = ["full_attention" if (i + 1) % self.full_attention_every == 0 else "sliding_attention"
                 for i in range(sizes.n_layer)]  # fmt: skip
        if every != self.full_attention_every or config.get("layer_types", kinds) != kinds:
            raise unsupported("layer_types", config.get("layer_types", every), self.title)

    def _check_attention_scale(self, config: Mapping[str, Any], sizes: Dimensions) -> None:
        """llama.cpp computes the scale from the sizes, and recognizes the 27 B model by its number of layers."""
        is_27b = sizes.n_layer == self.layers_of_27b
        expected = sizes.n_embd // sizes.n_head if is_27b else sizes.head_dim
        only({"query_pre_attn_scalar": 256, **config}, "query_pre_attn_scalar", expected, title=self.title)


class Gemma3(Gemma2):
    """Gemma 3, text only: five layers with a sliding window to one without, norms on queries and keys, no soft caps."""

    name = "gemma3"
    title = "Gemma 3"
    classes = ("Gemma3ForCausalLM",)
    model_types = ("gemma3_text",)
    heard = Gemma2.heard | {"rope_local_base_freq"}
    always_tied = False
    full_attention_every = 6
    layers_of_27b = 62

    def attention(self, config: Mapping[str, Any]) -> list[TensorRule]:
        return [
            *super().attention(config),
            _norm("blk.{i}.attn_q_norm", "layers.{i}.self_attn.q_norm", "head_dim"),
            _norm("blk.{i}.attn_k_norm", "layers.{i}.self_attn.k_norm", "head_dim"),
        ]

    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        only(config, "attn_logit_softcapping", title=self.title)
        return super().metadata(config, notes)

    def caps(self, config: Mapping[str, Any]) -> list[KeyValue]:
        name = "final_logit_softcapping"
        return [real(f"{self.name}.{name}", number(config, name))] if config.get(name) else []

    def rope(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return rope_parameters(config, title=self.title, types=self.rope_types, theta=1e6)

    def windowed_rope(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The rotary embedding of layers with a sliding window, which is never scaled."""
        stated = config.get("rope_parameters")
        if stated and not is_by_kind(stated):
            raise unsupported("rope_parameters", stated, self.title)  # transformers silently ignores them
        by_kind = {"rope_parameters": stated} if stated else {}
        return rope_parameters(
            {"rope_theta": config.get("rope_local_base_freq"), **by_kind},
            SLIDING,
            title=f"{self.title}'s layers with a sliding window",
            types=frozenset({"default"}),
        )

    def rope_entries(self, config: Mapping[str, Any], notes: list[str] | None) -> list[KeyValue]:
        rope = self.rope(config)
        if rope["rope_type"] == "yarn" and yarn_attention_factor(rope) != 1:
            raise unsupported("attention_factor", rope.get("attention_factor", rope.get("mscale")), self.title)
        return [
            *rope_metadata(self.name, config, rope, notes),
            real(f"{self.name}.rope.freq_base_swa", self.windowed_rope(config)["rope_theta"]),
        ]
