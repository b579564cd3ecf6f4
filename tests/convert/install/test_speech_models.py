"""A Whisper of the catalogue: downloaded, converted to whisper.cpp's format, verified, registered, and used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from belle import paths
from belle.cli.main import main
from belle.errors import KnownError
from belle.gguf.whisper_file import read_whisper
from belle.models.catalog import ModelEntry, load_catalog
from belle.models.registry import installed
from belle.models.speech import resolve_speech
from convert.install.job import InstallOptions, install
from convert.install.library import plan_removal, remove, rows, take_over
from convert.install.local import convert_local
from tests.belle.engine.tiny_gguf import write_random_model
from tests.convert.install.loopback_hub import LoopbackHub
from tests.convert.whisper import tiny

NAME = "belle-whisper-turbo-zh"
REPO = "BELLE-2/Belle-whisper-large-v3-turbo-zh"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Whisper with two blocks and two, as transformers saves it."""
    return tiny.save(tmp_path_factory.mktemp("whisper"), tiny.random_model())


@pytest.fixture(scope="session")
def small_files(checkpoint: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in checkpoint.iterdir()}


@pytest.fixture
def whisper_hub(hub: LoopbackHub, small_files: dict[str, bytes]) -> LoopbackHub:
    hub.repos[REPO] = dict(small_files) | {"flax_model.msgpack": b"of another library"}
    return hub


def entry() -> ModelEntry:
    found = load_catalog().find(NAME)
    assert found is not None
    return found


def test_it_is_downloaded_converted_and_registered_as_q5_0(whisper_hub: LoopbackHub) -> None:
    result = install(entry())
    assert result.path == paths.models_dir() / NAME / f"{NAME}-q5_0.bin"
    assert read_whisper(result.path).sizes.type == "Q5_0"
    assert resolve_speech(NAME) == resolve_speech() == result.path
    assert [path.name for path in result.path.parent.iterdir()] == [result.path.name], "the download is deleted"
    assert not whisper_hub.asked("GET", "msgpack")
    assert install(entry()).already
    (row,) = [row for row in rows() if row.name == NAME]
    assert (row.status, row.is_speech, row.memory, row.size) == ("installed", True, None, result.n_bytes)


def test_another_type_and_what_whisper_cpp_cannot_have(whisper_hub: LoopbackHub) -> None:
    assert install(entry(), InstallOptions(type_name="f16")).path.name == f"{NAME}-f16.bin"
    for options in (InstallOptions(type_name="q4_k_m"), InstallOptions(codes="fast")):
        with pytest.raises(KnownError) as raised:
            install(entry(), options)
        assert raised.value.kind in ("unknown_type", "usage")


def test_pytorch_s_own_files_are_taken_where_there_are_no_safetensors(
    whisper_hub: LoopbackHub, small_files: dict[str, bytes], checkpoint: Path, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load

    torch.save(load(small_files["model.safetensors"]), tmp_path / "pytorch_model.bin")
    files = {name: content for name, content in small_files.items() if name != "model.safetensors"}
    whisper_hub.repos[REPO] = files | {"pytorch_model.bin": (tmp_path / "pytorch_model.bin").read_bytes()}
    assert read_whisper(install(entry()).path).sizes.n_audio_layer == 2


def test_all_its_conversions_are_removed(whisper_hub: LoopbackHub) -> None:
    for type_name in ("q5_0", "q8_0"):
        install(entry(), InstallOptions(type_name=type_name))
    remove(plan_removal(NAME))
    assert installed() == []
    assert not (paths.models_dir() / NAME).exists()


def test_a_file_that_is_here_is_taken_over_as_a_speech_model(whisper_hub: LoopbackHub, tmp_path: Path) -> None:
    file = shutil.copy(install(entry()).path, tmp_path / "ggml-mine.bin")
    model, _ = take_over(Path(file))
    assert (model.name, model.is_speech) == ("ggml-mine", True)
    with pytest.raises(KnownError, match=r"starter|chat|whisper model") as raised:
        take_over(Path(file), name="belle-7b-2m")
    assert raised.value.kind == "other_architecture"
    with pytest.raises(KnownError) as raised:
        take_over(Path(file), template="belle")
    assert raised.value.kind == "usage"


def test_a_gguf_is_not_taken_over_as_a_speech_model(tmp_path: Path) -> None:
    write_random_model(tmp_path / "chat.gguf")
    with pytest.raises(KnownError) as raised:
        take_over(tmp_path / "chat.gguf", name=NAME)
    assert raised.value.kind == "other_architecture"


def test_a_checkpoint_of_one_s_own_becomes_a_speech_model(checkpoint: Path) -> None:
    model = convert_local(checkpoint)
    assert model.is_speech
    assert model.path.name.endswith("-q5_0.bin")
    assert convert_local(checkpoint).path == model.path, "known again"


def test_the_name_is_enough_to_transcribe(
    whisper_hub: LoopbackHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pywhispercpp", reason="needs chatbelle[voice]")
    from tests.belle.speech.conftest import write_recording

    install(entry())
    recording = write_recording(tmp_path / "tone.wav", 1.0)
    assert main(["transcribe", str(recording), "--model", NAME, "--format", "json", "--language", "zh"]) == 0
    assert f"{NAME}-q5_0.bin" in capsys.readouterr().out
