"""Merging adapters: exact in fp32, measured in coarser types, refused where it cannot work."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from belle.cli.main import main
from belle.errors import KnownError
from belle.pretrained import load_pretrained
from belle.training.merge import merge

ROOT = Path(__file__).parents[3]
TOKENIZER = ROOT / "train" / "tiny" / "tokenizer"
# peft asks for it.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
PROMPTS = ("Human: \n你好\n\nAssistant: \n", "One and two are three.")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=2048, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    for file in TOKENIZER.iterdir():
        shutil.copy(file, folder)
    return folder


def adapter_of(base: Path, folder: Path, size: float = 0.05, **options: object) -> Path:
    torch.manual_seed(2)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", **options)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, size)
    model.save_pretrained(folder)
    return folder


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(3, 60)[None]).logits


@pytest.mark.parametrize("options", [{}, {"use_rslora": True}, {"use_dora": True}, {"modules_to_save": ["lm_head"]}])
def test_in_fp32_the_merged_model_is_base_plus_adapter(base: Path, tmp_path: Path, options: dict[str, object]) -> None:
    adapter = adapter_of(base, tmp_path / "adapter", **options)
    merged = merge(adapter, tmp_path / "out", dtype="fp32", prompts=PROMPTS, say=lambda _: None)
    want = logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter))
    got = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32))
    assert (want - got).abs().max() < 1e-4
    assert merged.error == 0
    assert merged.change > 0.01
    assert merged.proof is not None
    assert merged.proof.top_agreement == 1
    assert merged.proof.mean_kl < 1e-9
    assert json.loads((tmp_path / "out" / "merge.json").read_text())["layers"]
    assert (tmp_path / "out" / "tokenizer.model").read_bytes() == (TOKENIZER / "tokenizer.model").read_bytes()


def test_a_coarse_type_loses_the_more_the_smaller_the_change(base: Path, tmp_path: Path) -> None:
    errors = []
    for size in (0.1, 0.0001):
        said: list[str] = []
        adapter = adapter_of(base, tmp_path / f"a{size}", size)
        merged = merge(adapter, tmp_path / f"out{size}", dtype="bf16", prompts=PROMPTS, say=said.append)
        errors.append(merged.error)
    assert errors[0] < 0.05 < 0.2 < errors[1]
    assert any("--dtype fp32" in line for line in said)
    dtypes = {p.dtype for p in AutoModelForCausalLM.from_pretrained(tmp_path / "out0.1").parameters()}
    assert dtypes == {torch.bfloat16}


def test_onto_nf4_gives_the_function_that_was_trained(base: Path, tmp_path: Path) -> None:
    adapter = adapter_of(base, tmp_path / "adapter")
    quantization = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype="float32"
    )
    rounded = load_pretrained("AutoModelForCausalLM", base, quantization_config=quantization, dtype=torch.float32)
    trained = logits(PeftModel.from_pretrained(rounded, adapter))
    distance = {}
    for onto in ("base", "nf4"):
        merge(adapter, tmp_path / onto, dtype="fp32", onto=onto, prompts=PROMPTS, say=lambda _: None)
        model = AutoModelForCausalLM.from_pretrained(tmp_path / onto, dtype=torch.float32)
        distance[onto] = float((logits(model) - trained).abs().max())
        assert "quantization_config" not in json.loads((tmp_path / onto / "config.json").read_text())
    assert distance["nf4"] < 1e-3 < distance["base"]


def test_what_cannot_be_merged_is_said(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = adapter_of(base, tmp_path / "adapter")
    assert main(["merge", str(base), "-o", str(tmp_path / "out")]) == 2
    assert "no LoRA adapter" in capsys.readouterr().err
    quantized = tmp_path / "quantized"
    shutil.copytree(base, quantized)
    config = json.loads((base / "config.json").read_text())
    (quantized / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq"}}))
    assert main(["merge", str(adapter), "-o", str(tmp_path / "out"), "--base", str(quantized)]) == 2
    assert "is quantized" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(KnownError, match="there already"):
        merge(adapter, tmp_path / "full")
    with pytest.raises(KnownError, match="cannot be loaded"):
        merge(adapter, tmp_path / "out", base=str(tmp_path / "nowhere"))
    assert not (tmp_path / "out").exists()


def test_the_command_line(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = adapter_of(base, tmp_path / "adapter")
    assert main(["merge", str(adapter), "-o", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "14 layers merged" in told
    assert "proved: logits differ" in told
