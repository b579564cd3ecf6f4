"""A model that hears: Whisper (Radford et al. 2022), loaded, or made with random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from belle.errors import KnownError
from belle.training.engines.precision import choose_attention
from belle.training.model.embedding_rows import check_vocabulary
from belle.training.model.load import Family, Say, load_model
from belle.training.model.options import ModelOptions
from belle.training.model.prepare import prepare

if TYPE_CHECKING:
    from torch import nn

    from belle.training.engines.engine import EngineBuilder
    from belle.training.recipe.options import InitOptions

HEARING = Family("AutoModelForSpeechSeq2Seq", None, {})

_N_MELS = 80
_END_OF_ENGLISH_MODELS = 50256


def load_hearing_model(options: ModelOptions, builder: EngineBuilder, tokenizer: Any, say: Say) -> nn.Module:
    """The Whisper of a run, ready to be trained. Arguments and errors as `load_causal_model`."""
    if options.init is None:
        return load_model(HEARING, options, builder, tokenizer, say)
    attention, reason = choose_attention(options.attention, builder.device, builder.precision)
    say(f"attention: {reason}")
    with builder.loading():
        model = _random_whisper(options.init, tokenizer, attention)
    check_vocabulary(model, tokenizer)
    prepare(model, options)
    return model


def transcript_start(tokenizer: Any, language: str) -> tuple[int, ...]:
    """The tokens that a transcript in that language begins with, without times.

    Raises KnownError: `not_a_whisper` for a tokenizer without them, `unknown_language`.
    """
    names = ["<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>"]
    if tokenizer.eos_token_id == _END_OF_ENGLISH_MODELS:
        names = [names[0], names[-1]]
    vocabulary = tokenizer.get_vocab()
    if names[0] not in vocabulary or names[-1] not in vocabulary:
        raise KnownError(
            "not_a_whisper", "The tokenizer has no token that begins a transcript.", "Start from a Whisper model."
        )
    missing = [name for name in names if name not in vocabulary]
    if missing:
        raise KnownError(
            "unknown_language",
            f"The model knows no language “{language}”.",
            "Set speech.language to a code such as zh.",
        )
    return tuple(vocabulary[name] for name in names)


def _random_whisper(init: InitOptions, tokenizer: Any, attention: str) -> Any:
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    sizes = {}
    for stack in ("encoder", "decoder"):
        sizes[f"{stack}_layers"] = init.num_hidden_layers
        sizes[f"{stack}_attention_heads"] = init.num_attention_heads
        sizes[f"{stack}_ffn_dim"] = init.intermediate_size
    end = tokenizer.eos_token_id
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=init.hidden_size,
        num_mel_bins=_N_MELS,
        init_std=init.initializer_range,
        decoder_start_token_id=end + 1,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        **sizes,
    )
    return WhisperForConditionalGeneration._from_config(config, attn_implementation=attention, dtype=torch.float32)
