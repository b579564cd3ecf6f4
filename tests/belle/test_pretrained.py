"""Models come through one door: 4-bit weights stay as they were loaded, whatever the processor could do with them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

from belle.pretrained import load_pretrained

ROOT = Path(__file__).parents[2]
# peft asks for it.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
IDS = torch.arange(3, 60)[None]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some layers are narrower than a block of 4-bit weights (64)."""
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(1)
    shape = {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    LlamaForCausalLM(LlamaConfig(vocab_size=64, **shape)).save_pretrained(folder)
    return folder


@pytest.fixture(params=["this processor", "one with AVX512-BF16"])
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """bitsandbytes asks for the instructions when a layer is made, and packs in Python."""
    if request.param != "this processor":
        monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)


def quantized(base: Path, double: bool, **options: Any) -> Any:
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=double,
        bnb_4bit_compute_dtype=torch.float32,
    )
    return load_pretrained(
        "AutoModelForCausalLM", base, quantization_config=config, dtype=torch.float32, **options
    ).requires_grad_(False)


def content(model: Any) -> dict[str, tuple[bytes, Any]]:
    """The bytes of every weight, and what says how to read them."""
    found = {}
    for name, parameter in model.named_parameters():
        raw = parameter.detach().contiguous().view(torch.uint8).numpy().tobytes()
        state = getattr(parameter, "quant_state", None)
        values = state.as_dict(packed=False) if state is not None else {}
        plain = {key: value.tolist() if torch.is_tensor(value) else value for key, value in values.items()}
        found[name] = (raw, plain)
    return found


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("double", [True, False])
def test_evaluation_leaves_four_bit_weights_as_they_were(base: Path, double: bool) -> None:
    model = quantized(base, double)
    before = content(model)
    with torch.no_grad():
        in_training = model.train()(input_ids=IDS).logits
        in_evaluation = model.eval()(input_ids=IDS).logits
        model.generate(input_ids=IDS[:, :4], max_new_tokens=3, do_sample=False, pad_token_id=0)
    assert any(state for _, state in before.values())
    assert content(model) == before
    assert (in_training - in_evaluation).abs().max() < 1e-6
    whole = model.dequantize()
    with torch.no_grad():
        assert (whole(input_ids=IDS).logits - in_evaluation).abs().max() < 1e-5


@pytest.mark.usefixtures("processor")
def test_a_base_that_was_evaluated_can_still_be_trained_on(base: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(quantized(base, True), LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        model.eval()(input_ids=IDS)
    model.train()(input_ids=IDS, labels=IDS).loss.backward()
    gradients = [p.grad for name, p in model.named_parameters() if "lora_B" in name]
    assert gradients
    assert all(gradient is not None and bool(gradient.any()) for gradient in gradients)


# These take what is in a folder, or (peft's) have no 4-bit layers of their own.
OF_A_FOLDER = ("GenerationConfig", "LlamaTokenizer", "LoraConfig", "PeftModel")


def test_models_of_transformers_are_loaded_nowhere_else_and_nothing_asks_the_network() -> None:
    for file in sorted((ROOT / "belle").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith(".from_pretrained"):
                continue
            owner = ast.unparse(node.func).rpartition(".")[0].rpartition(".")[2]
            if owner not in OF_A_FOLDER:
                assert owner == "AutoTokenizer" or file.name == "pretrained.py", f"{file}: {owner}"
                assert "local_files_only=True" in ast.unparse(node), f"{file}: {owner}"
