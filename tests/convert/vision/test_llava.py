"""LLaVA: the mmproj gives the picture embeddings of transformers, and the language model its logits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf.constants import GGMLQuantizationType as T
from safetensors.numpy import load_file, save_file

from belle.errors import KnownError
from belle.gguf.mapped_file import GgufFile
from convert.inspection import describe
from convert.pipeline import convert, plan_conversion
from convert.plan.options import ConvertOptions
from tests.convert.architectures.random_models import llama_logits
from tests.convert.checkpoints import llama_checkpoint
from tests.convert.vision.tiny_llava import (
    MODELS,
    N_TOKENS,
    mtmd_embeddings,
    reference_embeddings,
    saved,
    tiny_llava,
)


@pytest.mark.parametrize("name", MODELS)
def test_the_mmproj_gives_the_embeddings_of_transformers(name: str, tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp.mtmd_cpp", reason="llama.cpp was built without libmtmd")
    model = tiny_llava(name)
    source = saved(model, tmp_path / "source")
    text, mmproj = tmp_path / "model.gguf", tmp_path / "mmproj-model.gguf"
    report = convert(source, text, ConvertOptions(types=("f32",)))
    assert [file.path for file in report.files] == [text, mmproj]
    assert all(file.proof is not None for file in report.files)
    reference = reference_embeddings(model, GgufFile(mmproj).metadata)
    embeddings = mtmd_embeddings(mmproj, text)
    assert reference.std() > 0.1
    assert np.abs(embeddings - reference).max() < 0.02 * np.abs(reference).max()


def test_the_language_model_has_the_logits_of_transformers(tmp_path: Path) -> None:
    model = tiny_llava()
    convert(saved(model, tmp_path / "source"), tmp_path / "model.gguf", ConvertOptions(types=("f32",)))
    ids = [int(i) for i in np.random.default_rng(1).integers(20, N_TOKENS - 2, 24)]
    with torch.no_grad():
        reference = model(torch.tensor([ids])).logits[0].numpy()
    assert np.abs(llama_logits(tmp_path / "model.gguf", ids) - reference).max() < 1e-3


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tiny_llava(), tmp_path_factory.mktemp("llava"))


def test_matrices_are_f16_and_what_is_added_is_f32(llava: Path, tmp_path: Path) -> None:
    convert(llava, tmp_path / "m.gguf", ConvertOptions(types=("q8_0",)))
    file = GgufFile(tmp_path / "mmproj-m.gguf")
    types = {name: tensor.type for name, tensor in file.tensors.items()}
    assert file.metadata["general.type"] == "mmproj"
    assert types["v.patch_embd.weight"] is types["v.blk.0.attn_q.weight"] is types["mm.0.weight"] is T.F16
    assert types["v.position_embd.weight"] is types["v.class_embd"] is types["mm.0.bias"] is T.F32
    assert not any(name.startswith(("v.blk.3.", "v.post_ln")) for name in types)
    assert any(key.startswith("chatbelle.source.sha256.") for key in file.metadata)


def test_either_half_alone(llava: Path, tmp_path: Path) -> None:
    convert(llava, tmp_path / "text.gguf", ConvertOptions(part="text"))
    convert(llava, tmp_path / "eyes.gguf", ConvertOptions(part="mmproj"))
    assert sorted(path.name for path in tmp_path.glob("*.gguf")) == ["eyes.gguf", "text.gguf"]
    description = describe(tmp_path / "eyes.gguf")
    assert description.architecture == "clip"
    assert description.kind == "GGUF vision encoder"
    assert description.facts["projector"] == "mlp"
    assert description.sizes["picture side"] == 56


def test_a_plan_names_both_files(llava: Path, tmp_path: Path) -> None:
    report = plan_conversion(llava, tmp_path / "m-{type}.gguf", ConvertOptions(types=("q8_0", "f16")))
    assert [file.path.name.lower() for file in report.files] == ["m-q8_0.gguf", "m-f16.gguf", "mmproj-m-f16.gguf"]
    assert not list(tmp_path.iterdir())


def test_the_names_of_the_first_and_of_later_releases_are_the_same_model(llava: Path, tmp_path: Path) -> None:
    """The first had `language_model.model.…`, later ones `model.language_model.…`; transformers writes one of them."""
    other = tmp_path / "other"
    other.mkdir()
    for path in llava.glob("*.json"):
        (other / path.name).write_bytes(path.read_bytes())
    weights = load_file(llava / "model.safetensors")
    save_file({_renamed(name): values for name, values in weights.items()}, other / "model.safetensors")
    for source, name in ((llava, "one"), (other, "two")):
        convert(source, tmp_path / f"{name}.gguf", ConvertOptions(name="same"))
    for prefix in ("", "mmproj-"):
        one, two = (GgufFile(tmp_path / f"{prefix}{name}.gguf") for name in ("one", "two"))
        assert one.tensors.keys() == two.tensors.keys()
        assert all(np.array_equal(one.data(name), two.data(name)) for name in one.tensors)


def _renamed(name: str) -> str:
    """A tensor's name in the other of the two releases."""
    for first, later in (("language_model.model.", "model.language_model."), ("language_model.lm_head.", "lm_head.")):
        for mine, theirs in ((first, later), (later, first)):
            if name.startswith(mine):
                return theirs + name.removeprefix(mine)
    return name.removeprefix("model.") if name.startswith("model.") else f"model.{name}"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"vision_feature_select_strategy": "full"}, "unsupported_option"),
        ({"vision_feature_layer": [3, 1]}, "unsupported_option"),
        ({"projector_hidden_act": "relu"}, "unsupported_option"),
        ({"vision_feature_layer": -9}, "unsupported_option"),
        ({"vision_config": {"model_type": "pixtral"}}, "unknown_architecture"),
        ({"text_config": {"model_type": "opt"}}, "unknown_architecture"),
        ({"vision_config": None}, "bad_config"),
    ],
)
def test_what_cannot_be_computed_is_refused(llava: Path, tmp_path: Path, changes: dict[str, Any], kind: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for path in llava.iterdir():
        if path.name != "config.json":
            (source / path.name).symlink_to(path)
    config = {**json.loads((llava / "config.json").read_text()), **changes}
    (source / "config.json").write_text(json.dumps(config))
    with pytest.raises(KnownError) as caught:
        plan_conversion(source, tmp_path / "m.gguf")
    assert caught.value.kind == kind


def test_a_text_model_has_no_mmproj(tmp_path: Path) -> None:
    source = tmp_path / "llama"
    source.mkdir()
    with pytest.raises(KnownError) as caught:
        convert(llama_checkpoint(source), tmp_path / "m.gguf", ConvertOptions(part="mmproj"))
    assert caught.value.kind == "no_vision_encoder"


def test_a_whisper_has_no_mmproj(tmp_path: Path) -> None:
    source = llama_checkpoint(tmp_path)
    (source / "config.json").write_text(json.dumps({"architectures": ["WhisperForConditionalGeneration"]}))
    with pytest.raises(KnownError) as caught:
        plan_conversion(source, tmp_path / "m.gguf", ConvertOptions(part="mmproj"))
    assert caught.value.kind == "no_vision_encoder"
