"""Whisper: an encoder of spectrograms and a decoder of text, with whisper.cpp's names of their tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from belle.errors import KnownError
from convert.architectures import Dimensions
from convert.architectures.base import TensorRule, TensorTable, linear
from convert.architectures.config import MAX_LAYERS, key_set, only, whole
from convert.rows.arrange import Column
from convert.rows.source import RowSource
from convert.whisper.numbers import check_sizes

_CLASSES = ("WhisperForConditionalGeneration", "WhisperModel")
_MODEL_TYPE = "whisper"


def is_whisper(config: Mapping[str, Any]) -> bool:
    """Whether config.json is that of a Whisper with encoder and decoder."""
    named = config.get("architectures")
    if isinstance(named, list) and named:
        return any(name in _CLASSES for name in named)
    return config.get("model_type") == _MODEL_TYPE


@dataclass(frozen=True, slots=True)
class WhisperDimensions(Dimensions):
    """The sizes of a Whisper. `n_layer` and `n_head` are the encoder's, `n_ctx` are positions of the decoder.

    Args:
        n_text_layer: blocks of the decoder.
        n_text_head: attention heads of the decoder.
        n_audio_ctx: positions of the encoder.
        n_mels: bands of the spectrogram.
    """

    n_text_layer: int
    n_text_head: int
    n_audio_ctx: int
    n_mels: int
    kernel: ClassVar[int] = 3
    """Width of the convolutions."""

    @property
    def layers_in_words(self) -> str:
        return f"{self.n_layer} layers in the encoder and {self.n_text_layer} in the decoder"


def _as_column(source: RowSource, sizes: Dimensions) -> RowSource:
    del sizes
    return Column(source)


def _norm(name: str, source: str) -> list[TensorRule]:
    return [TensorRule(f"{name}.{part}", f"{source}.{part}", ("n_embd",)) for part in ("weight", "bias")]


def _attention(name: str, source: str) -> list[TensorRule]:
    """Keys have no bias: it would add the same number to all scores of a query."""
    square = ("n_embd", "n_embd")
    return [
        *linear(f"{name}.query", f"{source}.q_proj", square, bias=True),
        TensorRule(f"{name}.key.weight", f"{source}.k_proj.weight", square),
        *linear(f"{name}.value", f"{source}.v_proj", square, bias=True),
        *linear(f"{name}.out", f"{source}.out_proj", square, bias=True),
    ]


def _convolution(number: int, n_in: str) -> list[TensorRule]:
    name = f"encoder.conv{number}"
    return [
        TensorRule(f"{name}.weight", f"{name}.weight", ("n_embd", n_in, "kernel")),
        TensorRule(f"{name}.bias", f"{name}.bias", ("n_embd",), arrange=_as_column),
    ]


def _block(name: str, source: str, *, crosses: bool) -> list[TensorRule]:
    """One block; a decoder's crosses to the encoder's output."""
    cross = [
        *_norm(f"{name}.cross_attn_ln", f"{source}.encoder_attn_layer_norm"),
        *_attention(f"{name}.cross_attn", f"{source}.encoder_attn"),
    ]
    return [
        *_norm(f"{name}.attn_ln", f"{source}.self_attn_layer_norm"),
        *_attention(f"{name}.attn", f"{source}.self_attn"),
        *(cross if crosses else []),
        *_norm(f"{name}.mlp_ln", f"{source}.final_layer_norm"),
        *linear(f"{name}.mlp.0", f"{source}.fc1", ("n_ff", "n_embd"), bias=True),
        *linear(f"{name}.mlp.2", f"{source}.fc2", ("n_embd", "n_ff"), bias=True),
    ]


class Whisper(TensorTable):
    """Whisper, BELLE's fine-tunes of it, and the distilled ones with fewer blocks in the decoder."""

    name = "whisper"
    program = "whisper.cpp"
    title = "Whisper"
    classes = _CLASSES
    model_types = (_MODEL_TYPE,)
    prefix = "model."
    head = TensorRule("", "proj_out.weight", ("n_vocab", "n_embd"))
    always_tied = True
    heard = key_set(
        """
        activation_dropout activation_function alignment_heads apply_spec_augment begin_suppress_tokens
        classifier_proj_size d_model decoder_attention_heads decoder_ffn_dim decoder_layerdrop decoder_layers dropout
        encoder_attention_heads encoder_ffn_dim encoder_layerdrop encoder_layers init_std lang_ids
        mask_feature_length mask_feature_min_masks mask_feature_prob mask_time_length mask_time_min_masks mask_time_prob
        max_source_positions max_target_positions median_filter_width num_hidden_layers num_mel_bins scale_embedding
        suppress_ids suppress_ids_begin tie_word_embeddings use_weighted_layer_sum vocab_size
        """
    )

    def dimensions(self, config: Mapping[str, Any]) -> WhisperDimensions:
        n_embd = whole(config, "d_model")
        heads = {key: whole(config, key) for key in ("encoder_attention_heads", "decoder_attention_heads")}
        for key, n_head in heads.items():
            if n_embd % n_head:
                raise KnownError("bad_config", f"config.json: d_model {n_embd} cannot be divided by {key} {n_head}.")
        n_head, n_text_head = heads.values()
        return WhisperDimensions(
            n_layer=whole(config, "encoder_layers", largest=MAX_LAYERS),
            n_embd=n_embd,
            n_ff=4 * n_embd,
            n_head=n_head,
            n_head_kv=n_head,
            head_dim=n_embd // n_head,
            n_vocab=whole(config, "vocab_size"),
            n_ctx=whole(config, "max_target_positions", default=448),
            n_text_layer=whole(config, "decoder_layers", largest=MAX_LAYERS),
            n_text_head=n_text_head,
            n_audio_ctx=whole(config, "max_source_positions", default=1500),
            n_mels=whole(config, "num_mel_bins", default=80),
        )

    def checked(self, config: Mapping[str, Any]) -> WhisperDimensions:
        """The sizes, if whisper.cpp computes such a model. Raises KnownError("bad_config", "unsupported_option")."""
        sizes = self.dimensions(config)
        only(config, "activation_function", "gelu", title=self.title, program=self.program)
        only(config, "scale_embedding", False, title=self.title, program=self.program)
        for key in ("encoder_ffn_dim", "decoder_ffn_dim"):
            if whole(config, key, default=sizes.n_ff) != sizes.n_ff:
                raise KnownError(
                    "unsupported_option",
                    f"config.json says {key} is {config[key]}, and d_model {sizes.n_embd}: whisper.cpp knows only "
                    f"feed-forward layers of four times the width, {sizes.n_ff}.",
                    "It would refuse the file, so none is written.",
                    name=key,
                )
        check_sizes(n_vocab=sizes.n_vocab, n_audio_ctx=sizes.n_audio_ctx)
        return sizes

    def rules(self, config: Mapping[str, Any]) -> Sequence[TensorRule]:
        sizes = self.dimensions(config)
        encoder = (_block(f"encoder.blocks.{i}", f"encoder.layers.{i}", crosses=False) for i in range(sizes.n_layer))
        decoder = (
            _block(f"decoder.blocks.{i}", f"decoder.layers.{i}", crosses=True) for i in range(sizes.n_text_layer)
        )
        positions = "positional_embedding"
        return [
            TensorRule("decoder.token_embedding.weight", "decoder.embed_tokens.weight", ("n_vocab", "n_embd")),
            TensorRule(f"encoder.{positions}", "encoder.embed_positions.weight", ("n_audio_ctx", "n_embd")),
            *_convolution(1, "n_mels"),
            *_convolution(2, "n_embd"),
            *(rule for block in encoder for rule in block),
            *_norm("encoder.ln_post", "encoder.layer_norm"),
            TensorRule(f"decoder.{positions}", "decoder.embed_positions.weight", ("n_ctx", "n_embd")),
            *(rule for block in decoder for rule in block),
            *_norm("decoder.ln", "decoder.layer_norm"),
        ]


WHISPER = Whisper()
