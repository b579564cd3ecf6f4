"""Every way from a base and an adapter to one model gives that model: PEFT's own function, computed beside the base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.errors import KnownError
from belle.training.export.merge import merge
from convert.pipeline import convert
from convert.plan.options import AdapterChoice, ConvertOptions
from tests.convert.architectures.random_models import llama_logits
from tests.convert.checkpoints import byte_tokenizer

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

# What PEFT and transformers announce to each other is not ours to act on.
pytestmark = pytest.mark.filterwarnings("ignore")

IDS = [int(i) for i in np.random.default_rng(3).integers(3, 250, 24)]
Q = ["q_proj", "down_proj"]
ADAPTERS: dict[str, dict[str, Any]] = {
    "projections": {"target_modules": Q, "use_rslora": True},
    "dora": {"target_modules": Q, "use_dora": True},
    "embedding": {"target_modules": ["embed_tokens", *Q]},
    "head": {"target_modules": ["lm_head", *Q]},
    "embedding and head": {"target_modules": ["embed_tokens", "lm_head"]},
    "embedding, tied": {"target_modules": ["embed_tokens"], "ensure_weight_tying": True},
    "embedding whole": {"target_modules": Q, "modules_to_save": ["embed_tokens"]},
    "head whole": {"target_modules": Q, "modules_to_save": ["lm_head"]},
    "both whole": {"target_modules": Q, "modules_to_save": ["embed_tokens", "lm_head"]},
    "both whole, tied": {"target_modules": Q, "modules_to_save": ["lm_head"], "ensure_weight_tying": True},
    "norms whole": {"target_modules": Q, "modules_to_save": ["norm", "input_layernorm"]},
}


def saved_base(folder: Path, *, tied: bool, kind: str = "Llama") -> Path:
    torch.manual_seed(0)
    sizes = {"vocab_size": 320, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 1}
    config = getattr(transformers, f"{kind}Config")(
        **sizes, num_attention_heads=4, num_key_value_heads=2, head_dim=16, tie_word_embeddings=tied, eos_token_id=319
    )
    model = getattr(transformers, f"{kind}ForCausalLM")(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.2 if parameter.dim() > 1 else parameter)
    model.save_pretrained(folder)
    byte_tokenizer(folder, 320)
    return folder


def saved_adapter(base: Path, folder: Path, options: dict[str, Any]) -> np.ndarray:
    """Writes an adapter with every trainable number changed, and returns the logits of both together."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, lora_alpha=10, task_type="CAUSAL_LM", **options))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
        adapted.save_pretrained(folder)
        return adapted.eval()(torch.tensor([IDS])).logits[0].numpy()


@pytest.mark.parametrize(
    ("name", "tied"), [(name, tied) for name in ADAPTERS for tied in (True, False) if tied or not name.endswith("tied")]
)
def test_all_routes_give_the_model_that_was_trained(name: str, tied: bool, tmp_path: Path) -> None:
    base, adapter = saved_base(tmp_path / "base", tied=tied), tmp_path / "adapter"
    expected = saved_adapter(base, adapter, ADAPTERS[name])
    f32 = ConvertOptions(types=("f32",))

    convert(base, tmp_path / "at-once.gguf", ConvertOptions(types=("f32",), adapters=(AdapterChoice(adapter),)))
    merge(adapter, tmp_path / "merged", base=str(base), dtype="fp32", say=lambda _: None)
    convert(tmp_path / "merged", tmp_path / "in-turn.gguf", f32)

    at_once, in_turn = (llama_logits(tmp_path / f"{route}.gguf", IDS) for route in ("at-once", "in-turn"))
    assert expected.std() > 0.5
    assert np.abs(at_once - expected).max() < 1e-3
    assert np.abs(in_turn - expected).max() < 1e-3


def test_a_head_that_llama_cpp_has_no_place_for_is_refused(tmp_path: Path) -> None:
    base = saved_base(tmp_path / "base", tied=True, kind="Gemma2")
    saved_adapter(base, tmp_path / "adapter", ADAPTERS["embedding whole"])
    options = ConvertOptions(types=("f32",), adapters=(AdapterChoice(tmp_path / "adapter"),))
    with pytest.raises(KnownError) as caught:
        convert(base, tmp_path / "model.gguf", options)
    assert caught.value.kind == "unsupported_option"
    assert "no separate output head" in caught.value.message
