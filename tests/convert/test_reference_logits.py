"""`--verify logits`: the checkpoint in transformers against the file in llama.cpp, from saving to the report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.cli.main import main
from belle.errors import KnownError
from belle.evaluation.sources.agreement import LONGEST, PROMPTS, agreement, reference_samples
from convert.pipeline import convert
from convert.plan.options import AdapterChoice, ConvertOptions
from tests.convert.checkpoints import byte_tokenizer
from tests.convert.gptq.act_order import act_order_llama
from tests.convert.install.belle_checkpoint import belle_bloom, belle_llama

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
load_file = pytest.importorskip("safetensors.torch").load_file

# What other people's libraries announce to each other is not ours to act on.
pytestmark = pytest.mark.filterwarnings("ignore")

VOCABULARY = 320
CLOSE = {"Llama": 1e-3, "Bloom": 3e-3}  # ggml looks GELU up in a table of halves
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}
SIZES |= {"bos_token_id": 1, "eos_token_id": VOCABULARY - 1}


def save(folder: Path, name: str, dtype: Any) -> Path:
    """A random model with a byte-level tokenizer, saved by transformers."""
    sizes = dict(SIZES)
    if name == "Llama":
        sizes |= {"intermediate_size": 96, "num_key_value_heads": 2, "max_position_embeddings": 256}
    torch.manual_seed(0)
    model = getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, f"{name}Config")(**sizes))
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape)
            parameter.copy_(noise * 0.1 if parameter.dim() > 1 else parameter + 0.2 * noise)
    model.tie_weights()
    model.to(dtype).save_pretrained(folder)
    byte_tokenizer(folder, VOCABULARY)
    return folder


@pytest.fixture(scope="module", params=["Llama", "Bloom"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp(request.param), request.param, torch.float32)


def closeness(folder: Path) -> float:
    return CLOSE["Bloom" if "bloom" in (folder / "config.json").read_text() else "Llama"]


def test_the_same_model_says_the_same(saved: Path, tmp_path: Path) -> None:
    samples = reference_samples(saved)
    assert len(samples) == len(PROMPTS)
    assert all(4 < len(sample.ids) <= LONGEST for sample in samples)
    found = {}
    for name in ("f32", "f16", "q8_0"):
        convert(saved, tmp_path / f"{name}.gguf", ConvertOptions(types=(name,)))
        found[name] = agreement(tmp_path / f"{name}.gguf", samples)
    assert found["f32"].largest_difference < closeness(saved)
    assert found["f32"].mean_kl < 1e-7
    assert found["f32"].same_top == 1
    assert found["f16"].mean_kl < 1e-5
    assert found["f32"].mean_kl < found["f16"].mean_kl < found["q8_0"].mean_kl < 0.1
    assert found["f32"].n_tokens == sum(len(sample.ids) for sample in samples)


def test_another_model_does_not(saved: Path, tmp_path: Path) -> None:
    convert(saved, tmp_path / "m.gguf", ConvertOptions(types=("f32",)))
    samples = reference_samples(saved)
    for sample in samples:
        sample.logits[:] = np.roll(sample.logits, 1, axis=1)
    found = agreement(tmp_path / "m.gguf", samples)
    assert found.mean_kl > 0.1
    assert found.same_top < 0.5


def test_an_adapter_is_in_both(saved: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    model = transformers.AutoModelForCausalLM.from_pretrained(saved)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.1)
    adapted.save_pretrained(tmp_path / "adapter")
    adapters = (AdapterChoice(tmp_path / "adapter", 0.5),)
    convert(saved, tmp_path / "m.gguf", ConvertOptions(types=("f32",), adapters=adapters))
    with_it = agreement(tmp_path / "m.gguf", reference_samples(saved, [(tmp_path / "adapter", 0.5)]))
    without = agreement(tmp_path / "m.gguf", reference_samples(saved))
    assert with_it.largest_difference < closeness(saved)
    assert without.largest_difference > 0.05


def test_command(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["convert", str(saved), "-o", str(tmp_path / "m.gguf"), "-t", "f32", "--verify", "logits"]
    assert main([*words, "--report", str(tmp_path / "r.json")]) == 0
    assert "same first choice 100.0%" in capsys.readouterr().out
    assert json.loads((tmp_path / "r.json").read_text())["files"][0]["logits"]["same_top"] == 1


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("make", [belle_bloom, belle_llama])
def test_belles_own_gptq_is_run_with_the_weights_that_were_unpacked(
    make: Callable[..., dict[str, bytes]], bits: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "BELLE-7B-gptq"
    folder.mkdir()
    for name, data in make(bits=bits).items():
        (folder / name).write_bytes(data)
    words = ["convert", str(folder), "-o", str(tmp_path / "m.gguf"), "--verify", "logits", "--json"]
    assert main(words) == 0
    captured = capsys.readouterr()
    file = json.loads(captured.out)["files"][0]
    assert file["logits"]["mean_kl"] < 1e-3  # llama.cpp rounds what goes into a quantized layer to 8 bits
    assert file["logits"]["n_tokens"] > 100
    assert "this program read the weights for it" in captured.err


def test_files_that_transformers_would_not_read_are_run_all_the_same(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another name, and a second copy of the weights beside the one that was converted."""
    other = {name: tensor * 0.8 for name, tensor in load_file(saved / "model.safetensors").items()}
    for number, (name, beside) in enumerate((("checkpoint-900.pt", False), ("pytorch_model.bin", True))):
        folder = tmp_path / f"model {number}"
        shutil.copytree(saved, folder, ignore=None if beside else shutil.ignore_patterns("*.safetensors"))
        torch.save(other, folder / name)
        out = tmp_path / f"{number}.gguf"
        assert main(["convert", str(folder / name), "-o", str(out), "-t", "f32", "--verify", "logits", "--json"]) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["files"][0]["logits"]["largest_difference"] < closeness(saved)
        assert "this program read the weights for it" in captured.err


def test_act_order_is_run_with_what_was_quantized_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Folded into the layer before or quantized a second time: the model says the same."""
    act_order_llama(tmp_path / "model")
    words = ["convert", str(tmp_path / "model"), "-o", str(tmp_path / "m.gguf"), "--verify", "logits", "--json"]
    assert main(words) == 0
    logits = json.loads(capsys.readouterr().out)["files"][0]["logits"]
    assert logits["mean_kl"] < 1e-3
    assert logits["same_top"] > 0.9


def test_contradictions_show_at_once(saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["convert", str(saved), "-o", str(tmp_path / "m.gguf"), "--verify", "logits", "--no-verify"]
    assert main(words) == 2
    assert "contradict" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_two_copies_of_the_weights_need_the_memory_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("model.safetensors", "pytorch_model.bin"):
        (tmp_path / name).write_bytes(bytes(1000))
    monkeypatch.setattr("belle.evaluation.sources.transformers.available_memory", lambda: 2500)
    with pytest.raises(KnownError) as caught:
        reference_samples(tmp_path)
    assert caught.value.kind == "reference_failed"
    monkeypatch.setattr("belle.evaluation.sources.transformers.available_memory", lambda: 1500)
    with pytest.raises(KnownError, match="in transformers takes") as caught:
        reference_samples(tmp_path)
    assert caught.value.kind == "too_big_for_memory"


def test_what_transformers_cannot_run_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "nothing known"}')
    with pytest.raises(KnownError) as caught:
        reference_samples(tmp_path)
    assert caught.value.kind == "reference_failed"
