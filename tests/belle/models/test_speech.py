"""Models that write down speech: their sizes, and that they are offered for that and for nothing else."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest

from belle.errors import KnownError
from belle.gguf.types import row_bytes
from belle.models.catalog import ModelEntry, load_catalog, resolve
from belle.models.registry import SPEECH, installed, register
from belle.models.speech import DEFAULT_SPEECH_MODEL, FAST_SPEECH_MODEL, installed_speech_models, resolve_speech
from convert.whisper.frame import tensor_header
from convert.whisper.table import WHISPER
from convert.whisper.types import type_of, whisper_type

ENTRIES = [entry for entry in load_catalog() if entry.kind == "speech"]
EACH = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)

# Width, blocks of the encoder and of the decoder, rows of the embedding, bands.
SHAPES = {
    "belle-whisper-turbo-zh": (1280, 32, 4, 51866, 128),
    "belle-whisper-v3-zh-punct": (1280, 32, 32, 51866, 128),
    "belle-whisper-v3-zh": (1280, 32, 32, 51866, 128),
    "belle-whisper-v2-zh": (1280, 32, 32, 51865, 80),
    "belle-distilwhisper-v2-zh": (1280, 32, 2, 51865, 80),
    "whisper-base": (512, 6, 6, 51865, 80),
}
_TOKENS = 508_085
"""Bytes of OpenAI's multilingual vocabulary in the file, lengths included."""


def numbers_of(name: str, type_name: str) -> tuple[int, int]:
    """Weights and bytes of the file."""
    width, encoder, decoder, n_vocab, n_mels = SHAPES[name]
    config = {"d_model": width, "encoder_layers": encoder, "decoder_layers": decoder, "vocab_size": n_vocab}
    config |= {"num_mel_bins": n_mels} | {f"{s}_attention_heads": width // 64 for s in ("encoder", "decoder")}
    sizes = WHISPER.dimensions(config)
    parameters, n_bytes = 0, 4 + 11 * 4 + 2 * 4 + n_mels * 201 * 4 + 4 + _TOKENS
    for rule in WHISPER.rules(config):
        shape = tuple(getattr(sizes, one) for one in rule.shape) + ((1,) if rule.arrange else ())
        kind = type_of(rule.name, shape, whisper_type(type_name))
        parameters += prod(shape)
        n_bytes += prod(shape[:-1]) * row_bytes(kind, shape[-1]) + len(tensor_header(rule.name, shape, kind))
    return parameters, n_bytes


@EACH
def test_sizes_follow_from_the_shapes(entry: ModelEntry) -> None:
    assert entry.speech is not None
    assert (entry.speech.parameters, entry.speech.bytes) == numbers_of(entry.name, entry.speech.type)
    assert entry.installed_bytes == entry.speech.bytes
    assert entry.download_bytes == pytest.approx(4 * entry.speech.parameters, rel=0.01)
    assert entry.disk_bytes == entry.download_bytes + entry.speech.bytes


def test_the_published_16_bit_file_of_the_small_one_has_the_computed_size() -> None:
    assert numbers_of("whisper-base", "f16")[1] == 147_951_465


@EACH
def test_belle_s_have_the_five_published_error_rates(entry: ModelEntry) -> None:
    assert entry.speech is not None
    rates = entry.speech.character_errors
    if entry.repo.startswith("BELLE-2/"):
        assert list(rates) == ["aishell1", "aishell2", "wenetspeech-net", "wenetspeech-meeting", "hkust"]
        least, most = min(rates.values()), max(rates.values())
        assert f"{least:.1f} to {most:.1f} of 100" in entry.description["en"]
        assert f"{least:.1f}% 至 {most:.1f}%" in entry.description["zh"]
        assert entry.research_only
    else:
        assert not rates


def test_the_first_two_choices_are_in_the_catalogue() -> None:
    assert [entry.name for entry in ENTRIES if entry.name in (DEFAULT_SPEECH_MODEL, FAST_SPEECH_MODEL)] == [
        DEFAULT_SPEECH_MODEL,
        FAST_SPEECH_MODEL,
    ]


def fault(call: object, name: str) -> KnownError:
    with pytest.raises(KnownError) as raised:
        call(name)  # type: ignore[operator]
    return raised.value


def test_a_speech_model_is_refused_for_chatting_and_a_chat_model_for_speech(tmp_path: Path) -> None:
    file = tmp_path / "mine.bin"
    file.write_bytes(b"lmgg")
    register("mine", file, details={"kind": SPEECH})
    error = fault(resolve, "mine")
    assert (error.kind, error.message) == ("speech_model", "mine writes down speech, and does not chat.")
    assert error.advice.endswith(f"--model {file}")
    assert fault(resolve, str(file)).kind == "speech_model"
    assert resolve_speech("mine") == resolve_speech(file) == file
    assert fault(resolve_speech, "starter").kind == "chat_model"
    assert fault(resolve_speech, "whisper-base").advice.startswith("Download and convert it with: belle models get")
    assert "whisper-base" in fault(resolve_speech, "wisper-base").advice


def test_the_best_one_here_is_the_first_of_the_catalogue(tmp_path: Path) -> None:
    assert fault(resolve_speech, "").kind == "no_speech_model"
    files = {name: tmp_path / f"{name}.bin" for name in ("mine", "whisper-base", "belle-whisper-v3-zh", "gone")}
    for name, file in files.items():
        file.write_bytes(b"lmgg")
        register(name, file, details={"kind": SPEECH})
    files["gone"].unlink()
    names = [model.name for model in installed_speech_models()]
    assert names == ["belle-whisper-v3-zh", "whisper-base", "mine"]
    assert resolve_speech() == files["belle-whisper-v3-zh"]
    assert len(installed()) == 4
