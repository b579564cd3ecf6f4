"""Which layers a configuration names: what PEFT itself says of it, and what it does with a file that holds more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.lora.adapter import read_adapter
from convert.lora.merge import merge
from convert.lora.targets import read_targets
from convert.rows.arrange import ArrayRows
from tests.convert.lora.test_against_peft import tiny_llama, trained, weights

pytest.importorskip("torch")
peft = pytest.importorskip("peft")
load_file, save_file = (getattr(pytest.importorskip("safetensors.torch"), f"{do}_file") for do in ("load", "save"))
tuners_utils = pytest.importorskip("peft.tuners.tuners_utils")

# What PEFT and transformers announce to each other is not ours to act on.
pytestmark = pytest.mark.filterwarnings("ignore")

LAYERS = [f"model.layers.{block}.{name}" for block in (0, 1, 10) for name in (
    "self_attn.q_proj", "self_attn.k_proj", "mlp.down_proj", "mlp.experts.1.w1", "input_layernorm"
)] + ["model.embed_tokens", "lm_head", "layers.1.mlp.q_proj", "q_proj", "transformer.h.1.mlp.dense"]  # fmt: skip
NAMES = st.sampled_from([
    "q_proj", "self_attn.q_proj", "k_proj", "proj", "w1", "layers.1.mlp.down_proj", "lm_head", "embed_tokens",
    "model.layers.0.self_attn.k_proj", "self_attn", "mlp", "layers.0", "dense",
])  # fmt: skip
PATTERNS = st.sampled_from(
    ["q_proj", r".*q_proj", r"model\.layers\.\d+\..*_proj", ".*(mlp|self_attn).*", "", "x|lm_head"]
)
SOME = st.none() | st.lists(NAMES, max_size=3)
OPTIONS = st.fixed_dictionaries({
    "target_modules": st.lists(NAMES, min_size=1, max_size=3) | PATTERNS,
    "exclude_modules": SOME | PATTERNS,
    "modules_to_save": SOME,
    "layers_to_transform": st.none() | st.integers(0, 2) | st.lists(st.sampled_from([0, 1, 10]), max_size=2),
    "layers_pattern": st.none() | st.sampled_from(["layers", "h", "", "mlp.experts"])
    | st.lists(st.sampled_from(["h", "layers"]), max_size=2),
})  # fmt: skip
PATH = Path("adapter_config.json")


@given(OPTIONS)
def test_the_layers_are_those_that_peft_adapts(options: dict[str, Any]) -> None:
    try:
        config = peft.LoraConfig(**options)
    except ValueError:
        with pytest.raises(KnownError):
            read_targets(PATH, options)
        return
    targets = read_targets(PATH, options)
    adapted = [layer for layer in LAYERS if tuners_utils.check_target_module_exists(config, layer)]
    assert [layer for layer in LAYERS if targets.left_out_by(layer) is None] == adapted


@pytest.mark.parametrize(("option", "value"), [
    ("target_modules", 3), ("target_modules", {"q_proj": 1}), ("target_modules", ["q_proj", 3]),
    ("exclude_modules", "(a*)*X"), ("modules_to_save", "lm_head"), ("modules_to_save", [r"(a*)*X"]),
    ("layers_to_transform", "0"), ("layers_to_transform", [0, "1"]), ("layers_to_transform", True),
    ("layers_to_transform", 0.5), ("layers_pattern", ["(("]), ("layers_pattern", "(?P<block>h)"),
])  # fmt: skip
def test_options_that_name_no_layers_are_refused(option: str, value: Any) -> None:
    options = {"target_modules": ["q_proj"], "layers_to_transform": [0]} | {option: value}
    with pytest.raises(KnownError, match=option) as caught:
        read_targets(PATH, options)
    assert caught.value.kind == "damaged_adapter"


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products for all linear layers, the embedding and the head."""
    folder = tmp_path_factory.mktemp("adapter")
    layers = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "embed_tokens", "lm_head"]
    trained(tiny_llama(), {"target_modules": layers}).save_pretrained(folder)
    return folder


PREFIX = "base_model.model."
EVERYTHING = r".*(_proj|embed_tokens|lm_head)"


def changed(folder: Path, saved: Path, options: dict[str, Any], more: tuple[str, ...] = ()) -> Path:
    """The adapter in `saved` with another configuration, and with more tensors of the model `tiny_llama`."""
    config = json.loads((saved / "adapter_config.json").read_text()) | options
    (folder / "adapter_config.json").write_text(json.dumps(config))
    base = tiny_llama().state_dict()
    tensors = {name: base[name.removeprefix(PREFIX).replace("base_layer.", "")] + 1 for name in more}
    save_file(load_file(saved / "adapter_model.safetensors") | tensors, folder / "adapter_model.safetensors")
    return folder


def passed_over(folder: Path) -> list[str]:
    """The tensors of the adapter that PEFT finds no place for."""
    adapted = peft.PeftModel.from_pretrained(tiny_llama(), folder)
    found: list[str] = peft.set_peft_model_state_dict(adapted, peft.load_peft_weights(folder)).unexpected_keys
    return found


@pytest.mark.parametrize("options", [
    {"target_modules": ["q_proj", "k_proj", "v_proj"]},
    {"target_modules": None},
    {"target_modules": "all-linear"},
    {"target_modules": r".*layers\.0\..*_proj"},
    {"target_modules": EVERYTHING, "exclude_modules": ["down_proj"]},
    {"layers_to_transform": [0]},
    {"layers_to_transform": 1, "layers_pattern": "layers"},
    {"layers_to_transform": [0, 1], "layers_pattern": ["h", "blocks"]},
    {"modules_to_save": ["model.norm", "mlp"]},
], ids=str)  # fmt: skip
def test_an_adapter_with_layers_that_peft_passes_over_is_refused(
    options: dict[str, Any], adapter: Path, tmp_path: Path
) -> None:
    folder = changed(tmp_path, adapter, options)
    try:
        assert passed_over(folder)
    except KeyError:
        assert "modules_to_save" in options  # the layers to be trained whole are not in the file
    with pytest.raises(KnownError) as caught:
        read_adapter(folder)
    assert caught.value.kind == "damaged_adapter"
    assert any(option in caught.value.message for option in options)


@pytest.mark.parametrize("options", [
    {},
    {"target_modules": EVERYTHING},
    {"exclude_modules": ["self_attn", "norm"]},
    {"layers_to_transform": []},
], ids=str)  # fmt: skip
def test_an_adapter_of_which_peft_takes_everything_is_read(
    options: dict[str, Any], adapter: Path, tmp_path: Path
) -> None:
    folder = changed(tmp_path, adapter, options)
    assert not passed_over(folder)
    read_adapter(folder).close()


Q = PREFIX + "model.layers.0.self_attn.q_proj."


@pytest.mark.parametrize(("tensor", "taken"), [
    (Q + "weight", False),
    (Q + "base_layer.weight", True),
    (PREFIX + "model.norm.weight", True),
    (PREFIX + "model.norm.base_layer.weight", False),
])  # fmt: skip
def test_whole_tensors_are_read_where_peft_has_a_place_for_them(
    tensor: str, taken: bool, adapter: Path, tmp_path: Path
) -> None:
    folder = changed(tmp_path, adapter, {}, (tensor,))
    assert passed_over(folder) == ([] if taken else [tensor])
    if taken:
        with read_adapter(folder) as read:
            assert tensor.removeprefix(PREFIX).replace("base_layer.", "") in read.replaced
        return
    with pytest.raises(KnownError, match=r"a layer with(out)? a product") as caught:
        read_adapter(folder)
    assert caught.value.kind == "damaged_adapter"


@pytest.mark.parametrize(
    "saved", [["norm"], ["post_attention_layernorm"], ["layers.1.input_layernorm", "nowhere"]], ids=str
)
def test_an_adapter_without_a_layer_that_was_trained_whole_is_refused(
    saved: list[str], adapter: Path, tmp_path: Path
) -> None:
    folder = changed(tmp_path, adapter, {"modules_to_save": saved})
    with pytest.raises(KeyError):
        passed_over(folder)
    base = {name: ArrayRows(name, values) for name, values in weights(tiny_llama()).items()}
    with read_adapter(folder) as read, pytest.raises(KnownError, match=r"lacks model.layers.*norm.weight") as caught:
        merge(base, [read])
    assert caught.value.kind == "damaged_adapter"
