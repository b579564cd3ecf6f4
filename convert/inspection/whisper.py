"""Describes a Whisper: a file of whisper.cpp by its header, or a checkpoint."""

from __future__ import annotations

from pathlib import Path

from belle.errors import KnownError
from belle.gguf.constants import TENSOR_TYPES
from belle.gguf.whisper_file import WhisperSizes, read_whisper
from convert.architectures.config_keys import check_keys
from convert.checkpoint import Checkpoint
from convert.inspection.description import Description, TensorRow, TokenizerFacts, shares
from convert.metadata import read_model_card
from convert.whisper.table import WHISPER, WhisperDimensions
from convert.whisper.vocabulary import read_vocabulary

_SECONDS_PER_POSITION = 0.02


def describe_whisper(path: Path) -> Description:
    """Describe the file of whisper.cpp at `path`. Raises KnownError as `read_whisper`."""
    header = read_whisper(path)
    sizes = header.sizes
    tensors = tuple(TensorRow(t.name, t.shape, TENSOR_TYPES[t.type].name, t.n_bytes) for t in header.tensors)
    return Description(
        path=str(path),
        kind="Whisper file",
        architecture="whisper",
        title=path.stem,
        quantization=sizes.type,
        n_weights=sum(tensor.n_weights for tensor in tensors),
        n_bytes=header.size_bytes,
        n_files=1,
        tensors=tensors,
        types=shares(tensors),
        sizes=_file_sizes(sizes),
        context_length=sizes.n_text_ctx,
        tokenizer=TokenizerFacts("gpt2", "", header.n_tokens, {}),
        facts=_facts(sizes.n_audio_ctx, sizes.n_languages),
    )


def describe_whisper_checkpoint(path: Path, checkpoint: Checkpoint) -> Description:
    """Describe the checkpoint of a Whisper, open, at `path`. Errors that prevent its conversion become notes."""
    notes: list[str] = []
    tensors = tuple(
        TensorRow(t.name, tuple(t.shape), t.raw_dtype.upper(), t.n_bytes) for t in checkpoint.tensors.values()
    )
    sizes, tokenizer = None, None
    try:
        sizes = WHISPER.checked(checkpoint.config)
        check_keys(checkpoint.config, WHISPER.heard, WHISPER.title, notes, WHISPER.program)
        tokenizer = TokenizerFacts("gpt2", "", len(read_vocabulary(checkpoint, sizes.n_vocab)), {})
    except KnownError as error:
        notes.append(error.message)
    card = read_model_card(checkpoint.folder)
    return Description(
        path=str(path),
        kind="Whisper checkpoint",
        architecture=WHISPER.name,
        title=next(iter(card.get("model_name", [])), checkpoint.folder.resolve().name),
        quantization="",
        n_weights=sum(tensor.n_weights for tensor in tensors),
        n_bytes=sum(file.stat().st_size for file in checkpoint.files),
        n_files=len(checkpoint.files),
        tensors=tensors,
        types=shares(tensors),
        sizes=_checkpoint_sizes(sizes) if sizes else {},
        context_length=sizes.n_ctx if sizes else 0,
        tokenizer=tokenizer,
        license=", ".join(card.get("license", [])),
        base=", ".join(card.get("base_model", [])),
        facts={"files": [file.name for file in checkpoint.files]},
        notes=tuple(notes),
    )


def _checkpoint_sizes(sizes: WhisperDimensions) -> dict[str, int]:
    return {
        "encoder layers": sizes.n_layer,
        "decoder layers": sizes.n_text_layer,
        "width": sizes.n_embd,
        "encoder heads": sizes.n_head,
        "decoder heads": sizes.n_text_head,
        "mel bands": sizes.n_mels,
        "vocabulary": sizes.n_vocab,
    }


def _file_sizes(sizes: WhisperSizes) -> dict[str, int]:
    return {
        "encoder layers": sizes.n_audio_layer,
        "decoder layers": sizes.n_text_layer,
        "width": sizes.n_audio_state,
        "encoder heads": sizes.n_audio_head,
        "decoder heads": sizes.n_text_head,
        "mel bands": sizes.n_mels,
        "vocabulary": sizes.n_vocab,
    }


def _facts(n_audio_ctx: int, n_languages: int) -> dict[str, object]:
    return {
        "hears": f"{n_audio_ctx * _SECONDS_PER_POSITION:g} s at a time",
        "languages": n_languages if n_languages > 1 else "English",
    }
