"""`belle gptq`: wrong requests are refused at once; the codes of GPTQModel go into a GGUF file bit for bit."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from belle.cli.main import main

ROOT = Path(__file__).parents[4]
TOKENIZER = ROOT / "train" / "tiny" / "tokenizer"
CONVERSATIONS = ROOT / "train" / "tiny" / "data" / "sft.jsonl"


def checkpoint(folder: Path, **changes: object) -> Path:
    """A random LLaMA whose widths are multiples of 128, which names BELLE's template."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=1536, hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4
    )
    LlamaForCausalLM(config).to(torch.float16).save_pretrained(folder)
    for file in TOKENIZER.iterdir():
        shutil.copy(file, folder)
    for name, values in (("config.json", changes), ("tokenizer_config.json", {"belle_template": "belle"})):
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return folder


def gptq(*words: object) -> int:
    return main(["gptq", *map(str, words)])


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"quantization_config": {"bits": 4}}, "is quantized already"), ({"hidden_size": 100}, "hidden_size is 100")],
)
def test_a_checkpoint_that_cannot_be_quantized_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], said: str
) -> None:
    source = tmp_path / "model"
    source.mkdir()
    (source / "config.json").write_text(json.dumps({"hidden_size": 128, "intermediate_size": 256, **changes}))
    assert gptq(source, "--calib", CONVERSATIONS) == 2
    assert said in capsys.readouterr().err


def test_a_missing_checkpoint_and_an_existing_output_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gptq(tmp_path, "--calib", CONVERSATIONS) == 2
    assert "config.json does not exist" in capsys.readouterr().err
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "there").mkdir()
    assert gptq(tmp_path, "--calib", CONVERSATIONS, "-o", tmp_path / "there") == 2
    assert "already exists" in capsys.readouterr().err
    (tmp_path / "adapter_config.json").write_text("{}")
    assert gptq(tmp_path, "--calib", CONVERSATIONS) == 2
    assert "Merge it first" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(
    importlib.util.find_spec("gptqmodel") is None, reason="GPTQModel is not installed (make test-all installs it)"
)
class TestWithGptqModel:
    """The real thing, in its own process."""

    @pytest.mark.parametrize(("bits", "kind"), [(4, "Q4_0"), (8, "Q8_0")])
    def test_the_codes_go_into_a_gguf_file_unchanged(self, tmp_path: Path, bits: int, kind: str) -> None:
        from gguf import GGUFReader

        source = checkpoint(tmp_path / "model")
        out, gguf = tmp_path / "quantized", tmp_path / "model.gguf"
        assert gptq(source, "--calib", CONVERSATIONS, "--samples", 16, "--bits", bits, "-o", out) == 0
        assert (out / "tokenizer.model").read_bytes() == (TOKENIZER / "tokenizer.model").read_bytes()
        report = tmp_path / "report.json"
        assert main(["convert", str(out), "-o", str(gguf), "--report", str(report)]) == 0
        tensors = {tensor.name: tensor.tensor_type.name for tensor in GGUFReader(gguf).tensors}
        assert {kind} == {found for name, found in tensors.items() if ".attn_" in name and "norm" not in name}
        assert '"exact"' in report.read_text()

    def test_the_last_lines_of_a_failure_are_shown(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        source = checkpoint(tmp_path / "model")
        empty = tmp_path / "short.txt"
        empty.write_text("Too short.")
        assert gptq(source, "--calib", empty) == 2
        assert "no text of 16 tokens" in capsys.readouterr().err
        next(source.glob("*.safetensors")).write_bytes(b"damaged")
        assert gptq(source, "--calib", CONVERSATIONS, "--samples", 4) == 2
        assert "GPTQModel ended with status" in capsys.readouterr().err
        assert not (tmp_path / "model-gptq").exists()
