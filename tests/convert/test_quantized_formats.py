"""Checkpoints of other quantized formats: named, with what to do, by whatever route they are brought."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belle.errors import KnownError
from convert.inspection import describe
from convert.pipeline import plan_conversion
from convert.quantized_formats import FORMATS
from tests.convert.checkpoint.building import safetensors
from tests.convert.checkpoints import llama_checkpoint, llama_shapes

SHAPES = llama_shapes(width=64, ffn=96, layers=1, vocabulary=320, kv_width=64)
LAYER = "model.layers.0.self_attn.q_proj"


def checkpoint(folder: Path, instead: dict[str, np.ndarray], **config: Any) -> Path:
    """A LLaMA of which one layer is stored as `instead`, parts by the end of their names."""
    llama_checkpoint(folder, width=64, ffn=96, layers=1, heads=4, kv_heads=4)
    arrays = {name: np.ones(shape, np.float16) for name, shape in SHAPES.items()}
    if instead:
        del arrays[f"{LAYER}.weight"]
    arrays |= {LAYER + end: values for end, values in instead.items()}
    (folder / "model.safetensors").write_bytes(safetensors(arrays))
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | config))
    return folder


def refusal(folder: Path) -> KnownError:
    with pytest.raises(KnownError) as caught:
        plan_conversion(folder, folder / "out.gguf")
    return caught.value


CODES, SCALES = np.zeros((64, 32), np.uint8), np.ones((64, 1), np.float16)
STORED: dict[str, dict[str, np.ndarray]] = {
    "bitsandbytes": {".weight": CODES, ".weight.absmax": SCALES, ".weight.quant_map": SCALES},
    "MLX": {".weight": np.zeros((64, 8), np.uint32), ".scales": SCALES, ".biases": SCALES},
    "NVFP4": {".weight": CODES, ".weight_scale": CODES, ".weight_scale_2": SCALES},
    "EXL2": {".q_weight": np.zeros((8, 64), np.int32), ".q_scale": CODES, ".q_scale_max": SCALES},
    "EXL3": {".trellis": np.zeros((4, 4), np.int16), ".suh": SCALES, ".svh": SCALES},
    "HQQ": {".W_q": CODES, ".meta": SCALES},
    "Marlin": {".B": np.zeros((4, 128), np.int32), ".s": SCALES},
    "AQLM": {".codes": CODES, ".codebooks": SCALES, ".scales": SCALES},
}


@pytest.mark.parametrize("name", STORED)
def test_a_format_is_known_by_its_tensors_alone(name: str, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, STORED[name])
    error = refusal(folder)
    assert error.kind == "unsupported_quantization"
    assert name in error.message
    assert "made from" in error.advice
    assert any(name in note for note in describe(folder).notes)


@pytest.mark.parametrize("method", [*(method for one in FORMATS for method in one.methods), "format_of_tomorrow"])
def test_a_format_is_known_by_its_method_where_the_tensors_do_not_fit(method: str, tmp_path: Path) -> None:
    stored = {".weight": CODES, ".some_scale": SCALES}
    error = refusal(checkpoint(tmp_path, stored, quantization_config={"quant_method": method.upper()}))
    assert error.kind == "unsupported_quantization"
    name = next((one.name for one in FORMATS if method in one.methods), method)
    assert name in error.message
    assert error.advice


def test_a_configuration_in_a_file_of_its_own_is_read(tmp_path: Path) -> None:
    checkpoint(tmp_path, {".weight": CODES, ".some_scale": SCALES})
    (tmp_path / "hf_quant_config.json").write_text(json.dumps({"quantization": {"quant_algo": "NVFP4"}}))
    assert "NVFP4" in refusal(tmp_path).message


def test_a_configuration_left_behind_by_dequantizing_is_reported(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, {}, quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True})
    report = plan_conversion(folder, tmp_path / "out.gguf")
    assert any("bitsandbytes" in note and "ignored" in note for note in report.notes)


def test_what_is_missing_without_any_quantization_is_said_as_before(tmp_path: Path) -> None:
    assert refusal(checkpoint(tmp_path, {".other": SCALES})).kind == "missing_tensor"
