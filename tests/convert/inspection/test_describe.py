"""`belle inspect` on our own files, on checkpoints of every kind, and on files with wrong contents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.prompts import get_template
from convert.inspection import describe
from convert.inspection.description import template_facts
from convert.lora.adapter_gguf import convert_adapter
from convert.pipeline import convert
from convert.plan.options import AdapterChoice, ConvertOptions
from convert.tokenizers.templates import CHAT_TEMPLATES
from tests.belle.engine import tiny_gguf
from tests.convert.checkpoint.building import safetensors
from tests.convert.checkpoints import llama_checkpoint, llama_shapes
from tests.convert.gptq.act_order import act_order_llama
from tests.convert.install.belle_checkpoint import belle_bloom
from tests.convert.lora.adapters import LLAMA_LAYERS, adapter_for, save_adapter
from tests.convert.test_pipeline import gptq_checkpoint

REPEATED = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
SHAPES = llama_shapes(width=256, ffn=512, layers=2, vocabulary=320, kv_width=128)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = llama_checkpoint(tmp_path_factory.mktemp("llama"), layers=2, kv_heads=4, shards=2)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\nbase_model: owner/base\n---\n")
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tensors = adapter_for(SHAPES, LLAMA_LAYERS, ranks={"q_proj": 8})
    return save_adapter(tmp_path_factory.mktemp("adapter"), tensors, use_rslora=True, rank_pattern={"q_proj": 8})


def refusal(path: Path) -> KnownError:
    with pytest.raises(KnownError) as caught:
        describe(path)
    return caught.value


def test_a_gguf_of_ours(llama: Path, adapter: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    options = ConvertOptions(
        types=("q4_k_m",), template="belle", name="Mine", repository="me/mine", adapters=(AdapterChoice(adapter, 0.5),)
    )
    report = convert(llama, path, options).files[0]
    found = describe(path)
    assert (found.kind, found.architecture, found.title, found.quantization) == ("GGUF", "llama", "Mine", "Q4_K_M")
    assert found.n_bytes == path.stat().st_size
    assert found.n_weights == report.n_weights
    assert found.bits_per_weight == pytest.approx(report.bits_per_weight)
    assert {tensor.name: tensor.type for tensor in found.tensors} == {t.name: t.type for t in report.tensors}
    assert sum(share.n_tensors for share in found.types) == len(report.tensors)
    assert found.sizes == {
        "layers": 2,
        "width": 256,
        "feed-forward width": 512,
        "heads": 8,
        "key/value heads": 4,
        "head width": 32,
        "vocabulary": 320,
    }
    assert found.context_length == 256
    assert found.license == "apache-2.0"
    assert found.base == "base"
    assert found.source.endswith("/me/mine")
    assert found.template is not None and found.template.recognised == "belle"
    assert found.tokenizer is not None
    assert (found.tokenizer.model, found.tokenizer.pre, found.tokenizer.n_tokens) == ("gpt2", "gpt-2", 320)
    assert found.tokenizer.special["eos"] == (319, "<|end|>")
    assert len(found.sha256["config.json"]) == 64
    assert found.adapters == ((adapter.name, 0.5),)
    need = {row.n_ctx: row for row in found.memory}
    assert list(need) == [256]
    assert need[256].weights == path.stat().st_size
    assert need[256].kv == 256 * 2 * 2 * 128 * 2


def test_a_checkpoint(llama: Path) -> None:
    found = describe(llama)
    assert (found.kind, found.architecture, found.quantization) == ("checkpoint", "llama", "")
    assert found.n_files == 2
    assert found.n_weights == sum(int(np.prod(shape)) for shape in SHAPES.values())
    assert [share.type for share in found.types] == ["F16"]
    assert found.bits_per_weight == 16
    assert (found.license, found.base, found.context_length) == ("apache-2.0", "owner/base", 256)
    assert found.tokenizer is not None and found.tokenizer.n_tokens == 320
    assert found.template is None
    assert describe(llama / "model-00001-of-00002.safetensors").n_weights == found.n_weights


def test_belles_own_gptq(tmp_path: Path) -> None:
    folder = tmp_path / "BELLE-7B-gptq"
    folder.mkdir()
    for name, data in belle_bloom().items():
        (folder / name).write_bytes(data)
    found = describe(folder)
    assert found.architecture == "bloom"
    assert found.quantization == "GPTQ 4-bit, group 128 (8 layers)"
    assert found.template is not None and found.template.recognised == "belle-bloom"
    convert(folder, tmp_path / "m.gguf")
    made = describe(tmp_path / "m.gguf")
    assert made.n_weights == found.n_weights
    assert made.template == found.template


def test_act_order_is_told_because_it_decides_what_can_be_moved(tmp_path: Path) -> None:
    act_order_llama(tmp_path / "m")
    assert describe(tmp_path / "m").quantization == "GPTQ 4-bit, group 128, in act-order (14 layers)"
    gptq_checkpoint(tmp_path / "plain", np.random.default_rng(0))
    assert describe(tmp_path / "plain").quantization == "GPTQ 4-bit, group 128 (14 layers)"


def test_a_peft_adapter(adapter: Path) -> None:
    found = describe(adapter)
    assert describe(adapter / "adapter_model.safetensors") == found
    assert found.kind == "LoRA adapter"
    assert found.base == "base/model"
    assert found.facts["adapter type"] == "rsLoRA"
    assert found.facts["ranks"] == [4, 8]
    assert found.facts["scalings"] == [pytest.approx(16 / 8**0.5), 8.0]
    assert found.facts["layers changed"] == 14


def test_an_adapter_gguf(llama: Path, adapter: Path, tmp_path: Path) -> None:
    convert_adapter(llama, tmp_path / "a.gguf", ConvertOptions(adapters=(AdapterChoice(adapter),)))
    found = describe(tmp_path / "a.gguf")
    assert found.kind == "GGUF adapter"
    assert found.facts["alpha"] == 32
    assert found.facts["ranks"] == [4, 8]
    layers = ["attn_k", "attn_output", "attn_q", "attn_v", "ffn_down", "ffn_gate", "ffn_up"]
    assert found.facts["layers"] == layers
    assert found.memory == ()


def test_what_would_stop_a_conversion_is_a_note(tmp_path: Path) -> None:
    folder = llama_checkpoint(tmp_path / "m", layers=1)
    (folder / "config.json").write_text(json.dumps({"architectures": ["MambaForCausalLM"], "model_type": "mamba"}))
    (folder / "tokenizer.json").write_text("{}")
    found = describe(folder)
    assert found.architecture == "mamba"
    assert "MambaForCausalLM" in found.notes[0]
    assert len(found.notes) == 2
    (folder / "config.json").unlink()
    assert "no config.json" in describe(folder).notes[0]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_configuration_stands_for_its_folder(name: str, tmp_path: Path) -> None:
    folder = llama_checkpoint(tmp_path / "m", layers=1)
    assert describe(folder / name).tensors == describe(folder).tensors
    adapter = save_adapter(tmp_path / "a", adapter_for({"l.q_proj.weight": (8, 8)}, ("q_proj",)))
    assert describe(adapter / "adapter_config.json").kind == "LoRA adapter"


def test_an_option_that_llama_cpp_does_not_compute_is_a_note(tmp_path: Path) -> None:
    folder = llama_checkpoint(tmp_path / "m", layers=1)
    config = json.loads((folder / "config.json").read_text())
    yarn = {"rope_type": "yarn", "factor": 4.0, "beta_fast": 16}
    (folder / "config.json").write_text(json.dumps(config | {"rope_scaling": yarn}))
    assert any("beta_fast" in note for note in describe(folder).notes)


def test_folders_of_ggufs(tmp_path: Path) -> None:
    (tmp_path / "one.gguf").write_bytes(tiny_gguf.whole())
    assert describe(tmp_path).title == "Tiny"
    (tmp_path / "two.gguf").write_bytes(tiny_gguf.whole())
    assert refusal(tmp_path).kind == "several_models"


def test_what_is_no_model(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing").kind == "file_missing"
    assert refusal(tmp_path).kind == "no_weights"
    (tmp_path / "a.txt").write_text("hello")
    assert refusal(tmp_path / "a.txt").kind == "unknown_format"
    (tmp_path / "a.gguf").write_bytes(b"GG")
    assert refusal(tmp_path / "a.gguf").kind == "truncated"
    (tmp_path / "adapter_config.json").write_text("[]")
    assert refusal(tmp_path).kind == "damaged_adapter"


@pytest.mark.parametrize("template_id", CHAT_TEMPLATES)
def test_built_in_templates_are_recognised_by_what_they_write(template_id: str) -> None:
    source = CHAT_TEMPLATES[template_id]
    for variant in (source, source.replace("\n", ""), "{# a comment #}" + source):
        found = template_facts(variant, bos="<s>", eos="</s>")
        assert found is not None
        assert found.recognised == template_id


def test_a_template_with_other_words_is_not_recognised() -> None:
    changed = template_facts(CHAT_TEMPLATES["belle"].replace("Human", "Person"), bos="<s>", eos="</s>")
    assert changed is not None and changed.recognised == ""


def test_other_templates() -> None:
    chatml = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    found = template_facts(chatml, bos="", eos="<|im_end|>")
    assert found is not None and found.recognised == get_template("chatml").id
    broken = template_facts("{% for %}", bos="", eos="")
    assert broken is not None and broken.problem
    assert template_facts("", bos="", eos="") is None


def test_special_tokens_of_a_large_vocabulary(tmp_path: Path) -> None:
    tokens = [f"token {i}" for i in range(250_000)]
    entries = tiny_gguf.ENTRIES | {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 249_999,
        "tokenizer.ggml.padding_token_id": 250_000,
    }
    (tmp_path / "m.gguf").write_bytes(tiny_gguf.whole(entries=entries))
    found = describe(tmp_path / "m.gguf").tokenizer
    assert found is not None
    assert found.n_tokens == 250_000
    assert found.special == {"bos": (0, "token 0"), "eos": (249_999, "token 249999"), "pad": (250_000, "")}


# --- files that lie


@pytest.fixture(scope="module")
def whole(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "m.gguf"
    convert(llama, path, ConvertOptions(types=("q8_0",), template="belle-ext"))
    return path.read_bytes()


@REPEATED
@given(data=st.data())
def test_damaged_ggufs_are_described_or_refused(whole: bytes, tmp_path: Path, data: st.DataObject) -> None:
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, 12_000))
        changed[position] = data.draw(st.integers(0, 255))
    path = tmp_path / "m.gguf"
    path.write_bytes(changed[: data.draw(st.sampled_from([len(changed), len(changed) // 2, 5000, 100]))])
    try:
        found = describe(path)
    except KnownError:
        return
    json.dumps(found.sha256)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(0, 9), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)
KEYS = st.sampled_from(
    [
        *("architectures", "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "head_dim"),
        *("num_key_value_heads", "vocab_size", "max_position_embeddings", "intermediate_size", "eos_token_id"),
        *("bos_token_id", "quantization_config"),
    ]
)
ADAPTER_KEYS = st.sampled_from(
    [
        *("peft_type", "r", "rank_pattern", "lora_alpha", "alpha_pattern", "use_dora", "init_lora_weights"),
        *("exclude_modules", "base_model_name_or_path"),
    ]
)


@REPEATED
@given(changes=st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_config_is_described(llama: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = tmp_path / "m"
    if not folder.exists():
        folder.mkdir()
        tensors = {"model.embed_tokens.weight": np.ones((320, 4), np.float16)}
        (folder / "model.safetensors").write_bytes(safetensors(tensors))
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((llama / name).read_bytes())
    config = json.loads((llama / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps(config))
    assert describe(folder).kind == "checkpoint"


@REPEATED
@given(changes=st.dictionaries(ADAPTER_KEYS, VALUES, max_size=3))
def test_any_adapter_config_is_described_or_refused(adapter: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = tmp_path / "a"
    if not folder.exists():
        folder.mkdir()
        weights = (adapter / "adapter_model.safetensors").read_bytes()
        (folder / "adapter_model.safetensors").write_bytes(weights)
    config = json.loads((adapter / "adapter_config.json").read_text()) | changes
    (folder / "adapter_config.json").write_text(json.dumps(config))
    try:
        assert describe(folder).kind == "LoRA adapter"
    except KnownError as error:
        assert error.kind in ("damaged_adapter", "unsupported_adapter", "empty_adapter")
