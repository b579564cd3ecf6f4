"""Merging adapters: exact in fp32, measured in coarser types, refused where it cannot work."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    LlamaConfig,
    LlamaForCausalLM,
)

from belle.cli.main import main
from belle.errors import KnownError
from belle.pretrained import load_pretrained
from belle.training.export.merge import merge

ROOT = Path(__file__).parents[4]
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


def test_what_cannot_be_merged_is_refused(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = adapter_of(base, tmp_path / "adapter")
    assert main(["merge", str(base), "-o", str(tmp_path / "out")]) == 2
    assert "not a LoRA adapter" in capsys.readouterr().err
    quantized = tmp_path / "quantized"
    shutil.copytree(base, quantized)
    config = json.loads((base / "config.json").read_text())
    (quantized / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "gptq"}}))
    assert main(["merge", str(adapter), "-o", str(tmp_path / "out"), "--base", str(quantized)]) == 2
    assert "is quantized" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(KnownError, match="already exists"):
        merge(adapter, tmp_path / "full")
    with pytest.raises(KnownError, match="nowhere does not exist"):
        merge(adapter, tmp_path / "out", base=str(tmp_path / "nowhere"))
    assert not (tmp_path / "out").exists()


def test_the_command_line(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = adapter_of(base, tmp_path / "adapter")
    assert main(["merge", str(adapter), "-o", str(tmp_path / "out")]) == 0
    output = capsys.readouterr().out
    assert "14 layers merged" in output
    assert "proved: logits differ" in output


def reward_adapter(base: Path, folder: Path, labels: int = 1) -> Path:
    """An adapter with a head for scores, as peft writes one."""
    torch.manual_seed(3)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="SEQ_CLS")
    model = get_peft_model(AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name or "score.modules_to_save" in name:
            parameter.data.normal_(0, 0.05)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_a_reward_adapter_keeps_its_head_and_its_class(base: Path, tmp_path: Path, labels: int, dtype: Any) -> None:
    adapter = reward_adapter(base, tmp_path / "adapter", labels)
    merged = merge(adapter, tmp_path / "out", dtype=dtype, prompts=PROMPTS, say=lambda _: None)
    assert merged.proof is not None
    assert "scores differ by at most" in merged.proof.in_words()
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["architectures"] == ["LlamaForSequenceClassification"]
    assert not (tmp_path / "out/generation_config.json").exists()
    model, report = AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "out", output_loading_info=True, dtype=torch.float32
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    beside = AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels)
    want = logits(PeftModel.from_pretrained(beside, adapter))
    assert want.shape == (1, labels)
    assert (logits(model) - want).abs().max() < (1e-5 if dtype == "fp32" else 0.05) * max(1, float(want.abs().max()))


def test_a_reward_model_is_merged_on_the_command_line(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = reward_adapter(base, tmp_path / "adapter")
    assert main(["merge", str(adapter), "-o", str(tmp_path / "out")]) == 0
    assert "proved: scores differ by at most" in capsys.readouterr().out


def edited(adapter: Path, change: Callable[[dict[str, torch.Tensor]], None], **config: object) -> Path:
    """The adapter with other tensors or another configuration."""
    tensors = load_file(adapter / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, adapter / "adapter_model.safetensors", metadata={"format": "pt"})
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **config}))
    return adapter


def test_an_adapter_that_does_not_belong_to_its_base_is_refused(base: Path, tmp_path: Path) -> None:
    first = "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"

    def beyond(tensors: dict[str, torch.Tensor]) -> None:
        tensors[first.replace("layers.0", "layers.9")] = tensors[first].clone()

    def narrow(tensors: dict[str, torch.Tensor]) -> None:
        tensors[first] = tensors[first][:-1].clone()

    for name, change, words in (
        ("beyond", beyond, "no place for"),
        ("lacking", lambda tensors: tensors.pop(first), "lacks"),
        ("narrow", narrow, "down_proj"),
    ):
        adapter = edited(adapter_of(base, tmp_path / name), change)
        with pytest.raises(KnownError, match=words) as found:
            merge(adapter, tmp_path / "out", prompts=PROMPTS)
        assert found.value.kind == "adapter_differs"
    headless = edited(
        reward_adapter(base, tmp_path / "headless"), lambda tensors: tensors.pop("base_model.model.score.weight")
    )
    with pytest.raises(KnownError, match="trained head"):
        merge(headless, tmp_path / "out", prompts=PROMPTS)
    other = edited(adapter_of(base, tmp_path / "other"), lambda _: None, task_type="TOKEN_CLS")
    with pytest.raises(KnownError, match="TOKEN_CLS"):
        merge(other, tmp_path / "out", prompts=PROMPTS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "kind", "words"),
    [
        ({"peft_type": "PROMPT_TUNING"}, "adapter_kind", "of the kind 'PROMPT_TUNING'"),
        ({"peft_type": "IA3"}, "adapter_kind", "of the kind 'IA3'"),
        ({"peft_type": "BOGUS"}, "adapter_kind", "of the kind 'BOGUS'"),
        ({"peft_type": 5}, "adapter_kind", "of the kind 5"),
        ({"peft_type": None}, "adapter_kind", "of no kind"),
        ({"layer_replication": [[0, 2], [0, 1]]}, "adapter_kind", "layers of its base several times"),
        ({"lora_alpha": "x"}, "damaged_config", "peft cannot take"),
        ({"modules_to_save": ["lm_head"]}, "adapter_differs", "lacks .*lm_head"),
        ({"trainable_token_indices": [1, 2]}, "adapter_differs", "lacks .*embed_tokens"),
    ],
)
def test_an_adapter_with_the_config_of_another_one_is_refused(
    base: Path, tmp_path: Path, config: dict[str, object], kind: str, words: str
) -> None:
    adapter = edited(adapter_of(base, tmp_path / "adapter"), lambda _: None, **config)
    with pytest.raises(KnownError, match=words) as found:
        merge(adapter, tmp_path / "out")
    assert found.value.kind == kind
    assert not (tmp_path / "out").exists()


def test_a_file_is_not_the_folder_of_a_base(base: Path, tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text("{}")
    with pytest.raises(KnownError, match=r"base\.json is a file"):
        merge(adapter_of(base, tmp_path / "adapter"), tmp_path / "out", base=str(tmp_path / "base.json"))


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    folder = tmp_path_factory.mktemp("tied")
    shutil.copytree(base, folder, dirs_exist_ok=True)
    config = LlamaConfig.from_pretrained(base, tie_word_embeddings=True)
    torch.manual_seed(4)
    LlamaForCausalLM(config).save_pretrained(folder)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("modules", [["lm_head"], ["embed_tokens"], ["embed_tokens", "lm_head"]])
@pytest.mark.filterwarnings("ignore:.*tie_word_embeddings.*")
def test_the_config_says_that_a_head_trained_on_a_tied_base_is_its_own(
    tied: Path, tmp_path: Path, modules: list[str]
) -> None:
    adapter = adapter_of(tied, tmp_path / "adapter", modules_to_save=modules)
    head = [
        f"base_model.model.{name}.weight" for name in ("lm_head", "model.embed_tokens") if name[-7:] in str(modules)
    ]

    def differ(tensors: dict[str, torch.Tensor]) -> None:
        name = next(name for name in head if name in tensors)
        tensors[name] = tensors[name].clone()
        tensors[name][5:8] += 0.5

    edited(adapter, differ)
    merge(adapter, tmp_path / "out", dtype="fp32", prompts=PROMPTS, say=lambda _: None)
    assert json.loads((tmp_path / "out/config.json").read_text())["tie_word_embeddings"] is False
    assert "lm_head.weight" in load_file(tmp_path / "out/model.safetensors")
    want = logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tied), adapter))
    assert (logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out")) - want).abs().max() < 1e-4


def test_a_tied_base_stays_tied_under_an_adapter_on_its_layers(tied: Path, tmp_path: Path) -> None:
    merge(adapter_of(tied, tmp_path / "adapter"), tmp_path / "out", prompts=PROMPTS, say=lambda _: None)
    assert json.loads((tmp_path / "out/config.json").read_text())["tie_word_embeddings"] is True
    assert "lm_head.weight" not in load_file(tmp_path / "out/model.safetensors")


def drop(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def disturb(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][3] += 1e-3
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def add(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.mlp.gate_proj.bias"] = torch.zeros(128)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def say_in_config(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


@pytest.mark.parametrize(
    ("sabotage", "words"),
    [
        (drop, "lm_head"),
        (disturb, "model.norm.weight is not what was trained"),
        (add, "does not know"),
        (say_in_config(tie_word_embeddings=True), "tie"),
        (say_in_config(architectures=["LlamaModel"]), "LlamaModel"),
        (say_in_config(rms_norm_eps=0.5), "not base plus adapter"),
        (say_in_config(vocab_size=2047), "shape"),
    ],
)
def test_the_proof_reads_the_files_on_the_disk(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sabotage: Callable[[Path], None], words: str
) -> None:
    save = LlamaForCausalLM.save_pretrained

    def badly(model: Any, folder: Path, **options: Any) -> None:
        save(model, folder, **options)
        sabotage(folder)

    adapter = adapter_of(base, tmp_path / "adapter")
    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", badly)
    with pytest.raises(KnownError, match=words):
        merge(adapter, tmp_path / "out", prompts=PROMPTS, say=lambda _: None)
    assert not (tmp_path / "out").exists()
