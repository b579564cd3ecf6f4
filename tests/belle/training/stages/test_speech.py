"""A Whisper of random weights learns words for tones, with and without adapters, and whisper.cpp writes them down."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from belle.cli.main import main
from belle.errors import KnownError
from belle.speech import library
from belle.training.recipe.load import load_recipe
from belle.training.stages.run import run_recipe
from tests.belle.training.runs import ROOT, metrics, recipe_file

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tones", ROOT / "train/tiny/make_tones.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tones")
    assert maker().main([str(folder), "--clips", "8"]) == 0
    return folder


def trained(folder: Path, tones: Path, overrides: list[str] | None = None, **more: Any) -> Path:
    """Train; returns the folder of the run."""
    shape = {
        "tokenizer": str(tones / "tokenizer"),
        "hidden_size": 64,
        "intermediate_size": 256,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
    }
    values: dict[str, Any] = {"stage": "speech", "data": [str(tones / "train.jsonl")], "max_length": 32}
    values |= {"speech": {"language": "en"}, "batch_size": 4, "learning_rate": 5e-3, "warmup": 0}
    if "model" not in more:
        values["init"] = shape
    recipe = load_recipe(recipe_file(folder, **{**values, **more}), overrides or [])
    run_recipe(recipe)
    return recipe.output_dir


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, tones: Path) -> Path:
    """A run of a few steps."""
    return trained(tmp_path_factory.mktemp("base"), tones, max_steps=3, eval_data=[str(tones / "eval.jsonl")])


def test_it_learns_and_its_folder_is_transformers_own(base: Path) -> None:
    losses = metrics(base, "loss")
    assert losses[-1] < losses[0] - 0.5
    from transformers import AutoModelForSpeechSeq2Seq, WhisperFeatureExtractor

    _, report = AutoModelForSpeechSeq2Seq.from_pretrained(base / "final", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert WhisperFeatureExtractor.from_pretrained(base / "final").feature_size == 80


def test_the_loss_is_that_of_transformers(base: Path, tones: Path) -> None:
    import torch
    from transformers import AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

    from belle.training.model.hearing import transcript_start
    from belle.training.model.model_loss import loss_sum
    from belle.training.samples.recordings import SpeechBatch, read_sound

    model = WhisperForConditionalGeneration.from_pretrained(base / "final").eval()
    tokenizer = AutoTokenizer.from_pretrained(base / "final")
    start = transcript_start(tokenizer, "en")
    assert start == (50258, 50259, 50359, 50363)
    ids = torch.tensor([[*start, *tokenizer("low").input_ids, 50257]])
    labels = ids.clone()
    labels[:, : len(start)] = -100
    sound = read_sound(tones / "clips/train-000.wav")
    features = WhisperFeatureExtractor()(sound, sampling_rate=16_000, return_tensors="pt").input_features
    batch = SpeechBatch(ids, labels, None, [0], ids.numel(), 4, input_features=features)
    with torch.no_grad():
        expected = model(input_features=features, decoder_input_ids=ids[:, :-1], labels=labels[:, 1:].contiguous())
        assert loss_sum(model, batch).item() / 4 == pytest.approx(expected.loss.item(), rel=1e-5)


def test_an_adapter_is_trained_and_merged_by_the_conversion(base: Path, tones: Path, tmp_path: Path) -> None:
    lora = {"r": 4, "alpha": 8, "targets": ["q_proj", "v_proj"]}
    run = trained(tmp_path, tones, model=str(base / "final"), lora=lora, max_steps=2)
    assert (run / "final/adapter_model.safetensors").exists()
    words = ["convert", str(base / "final"), "-o", str(tmp_path / "mine.bin"), "--type", "q8_0"]
    assert main([*words, "--lora", str(run / "final")]) == 0
    if library.is_installed():
        heard = ["transcribe", str(tones / "clips/eval-000.wav"), "--model", str(tmp_path / "mine.bin")]
        assert main([*heard, "--language", "en"]) == 0


def test_mistakes_in_the_data_are_said_before_the_training(tones: Path, tmp_path: Path) -> None:
    def refusal(rows: list[dict[str, Any]], **more: Any) -> KnownError:
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        with pytest.raises(KnownError) as raised:
            trained(tmp_path / str(len(list(tmp_path.iterdir()))), tones, data=[str(file)], **more)
        return raised.value

    assert refusal([{"audio": "no.wav", "text": "low"}]).kind == "file_missing"
    long = tmp_path / "long.wav"
    maker()._write_wav(long, [0.1] * 16_000 * 31)
    assert refusal([{"audio": "long.wav", "text": "low"}]).kind == "recording_too_long"
    assert refusal([{"audio": 5, "text": "low"}]).message.count("audio")
    clip = {"audio": str(tones / "clips/train-000.wav"), "text": "low"}
    assert refusal([clip], speech={"language": "xx"}).kind == "unknown_language"


@pytest.mark.slow
@pytest.mark.skipif(not library.is_installed(), reason="needs pywhispercpp (the extra “voice”)")
def test_the_tiny_recipe_learns_its_words_and_whisper_cpp_writes_them_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert maker().main(["build/tiny/tones"]) == 0
    run_recipe(load_recipe(ROOT / "train/tiny/speech.yaml", []))
    assert main(["convert", "build/tiny/speech/final", "-o", "tones.bin", "--type", "q5_0"]) == 0
    rows = [json.loads(line) for line in Path("build/tiny/tones/eval.jsonl").read_text().splitlines()]
    capsys.readouterr()
    for row in rows:
        assert main(["transcribe", f"build/tiny/tones/{row['audio']}", "--model", "tones.bin", "--language", "en"]) == 0
    assert capsys.readouterr().out.split() == [row["text"] for row in rows]
