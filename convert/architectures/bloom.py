"""BLOOM: LayerNorm, ALiBi instead of positions, fused queries, keys and values, a tied head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from belle.errors import KnownError
from convert.architectures.base import Architecture, Dimensions, TensorRule, linear
from convert.architectures.config import MAX_LAYERS, key_set, number, only, whole
from convert.metadata import KeyValue, count, real
from convert.rows.arrange import take_rows
from convert.rows.source import RowSource


def _separate_heads(source: RowSource, sizes: Dimensions) -> RowSource:
    """BLOOM stores rows as `[n_head, (q, k, v), head_dim]`; llama.cpp expects `[(q, k, v), n_head, head_dim]`."""
    index = np.arange(source.shape[0], dtype=np.intp)
    return take_rows(source, index.reshape(sizes.n_head, 3, sizes.head_dim).swapaxes(0, 1).reshape(-1))


def _norm(name: str, source: str) -> list[TensorRule]:
    return [TensorRule(f"{name}.{part}", f"{source}.{part}", ("n_embd",)) for part in ("weight", "bias")]


class Bloom(Architecture):
    """BLOOM, BLOOMZ and the BELLE-7B models on them."""

    name = "bloom"
    title = "BLOOM"
    classes = ("BloomForCausalLM", "BloomModel")
    model_types = ("bloom",)
    prefix = "transformer."
    heard = key_set(
        """
        alibi apply_residual_connection_post_layernorm hidden_size layer_norm_epsilon max_position_embeddings n_embed
        n_head n_inner n_layer n_positions num_attention_heads num_hidden_layers seq_length tie_word_embeddings
        vocab_size
        """
    )
    tied_by_default = True

    def dimensions(self, config: Mapping[str, Any]) -> Dimensions:
        n_embd = whole(config, "hidden_size", "n_embed")
        n_head = whole(config, "n_head", "num_attention_heads")
        if n_embd % n_head:
            raise KnownError("bad_config", f"config.json: hidden_size {n_embd} cannot be divided by {n_head} heads.")
        return Dimensions(
            n_layer=whole(config, "n_layer", "num_hidden_layers", largest=MAX_LAYERS),
            n_embd=n_embd,
            n_ff=4 * n_embd,
            n_head=n_head,
            n_head_kv=n_head,
            head_dim=n_embd // n_head,
            n_vocab=whole(config, "vocab_size"),
            # ALiBi has no limit. All of BLOOM was trained on 2048 tokens, which many a config.json does not say.
            n_ctx=whole(config, "seq_length", "n_positions", "max_position_embeddings", default=2048),
        )

    def rules(self, config: Mapping[str, Any]) -> Sequence[TensorRule]:
        del config
        fused = ("n_qkv", "n_embd")
        return [
            TensorRule("token_embd.weight", "word_embeddings.weight", ("n_vocab", "n_embd")),
            *_norm("token_embd_norm", "word_embeddings_layernorm"),
            *_norm("blk.{i}.attn_norm", "h.{i}.input_layernorm"),
            *linear(
                "blk.{i}.attn_qkv", "h.{i}.self_attention.query_key_value", fused, bias=True, arrange=_separate_heads
            ),
            *linear("blk.{i}.attn_output", "h.{i}.self_attention.dense", ("n_embd", "n_embd"), bias=True),
            *_norm("blk.{i}.ffn_norm", "h.{i}.post_attention_layernorm"),
            *linear("blk.{i}.ffn_up", "h.{i}.mlp.dense_h_to_4h", ("n_ff", "n_embd"), bias=True),
            *linear("blk.{i}.ffn_down", "h.{i}.mlp.dense_4h_to_h", ("n_embd", "n_ff"), bias=True),
            *_norm("output_norm", "ln_f"),
        ]

    def metadata(self, config: Mapping[str, Any], notes: list[str] | None = None) -> list[KeyValue]:
        del notes
        only(config, "apply_residual_connection_post_layernorm", False, title=self.title)
        sizes = self.dimensions(config)
        only(config, "n_inner", sizes.n_ff, title=self.title)
        return [
            count("bloom.context_length", sizes.n_ctx),
            count("bloom.embedding_length", sizes.n_embd),
            count("bloom.feed_forward_length", sizes.n_ff),
            count("bloom.block_count", sizes.n_layer),
            count("bloom.attention.head_count", sizes.n_head),
            count("bloom.attention.head_count_kv", sizes.n_head_kv),
            real("bloom.attention.layer_norm_epsilon", number(config, "layer_norm_epsilon", default=1e-5)),
        ]
