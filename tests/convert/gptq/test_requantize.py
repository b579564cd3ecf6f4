"""Layers whose codes no GGUF type can hold are quantized again as finely as asked, and what it cost is measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from belle.cli.main import main
from belle.errors import KnownError
from belle.gguf import ggml
from belle.gguf.imatrix import Activations, write_imatrix
from belle.gguf.mapped_file import GgufFile
from convert.pipeline import convert, plan_conversion
from convert.plan.mixture import TypeRequests
from convert.plan.options import AdapterChoice, ConvertOptions, tensor_requests
from tests.convert.checkpoints import llama_shapes
from tests.convert.gptq.act_order import act_order_bloom, act_order_llama
from tests.convert.lora.adapters import adapter_for, save_adapter

ATTENTION = {"attn_q", "attn_k", "attn_v", "attn_output"}
LEFT = ATTENTION | {"ffn_gate", "ffn_up"}
"""The layers of a LLaMA block whose input cannot be put into another order."""


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama")
    act_order_llama(folder)
    return folder


def types(source: Path, out: Path, **options: object) -> dict[str, str]:
    """Type by the short name of a layer, and the same in every block."""
    (file,) = plan_conversion(source, out, ConvertOptions(**options)).files  # type: ignore[arg-type]
    found: dict[str, set[str]] = {}
    for tensor in file.tensors:
        if tensor.name.startswith("blk.") and len(tensor.shape) == 2:
            found.setdefault(tensor.name.split(".")[2], set()).add(tensor.type)
    return {name: "/".join(sorted(kinds)) for name, kinds in found.items()}


def test_what_cannot_be_moved_keeps_8_bits_and_the_rest_its_codes(llama: Path, tmp_path: Path) -> None:
    found = types(llama, tmp_path / "m.gguf")
    assert found == dict.fromkeys(LEFT, "Q8_0") | {"ffn_down": "Q4_0"}
    assert types(llama, tmp_path / "m.gguf", requantized="q6_k") == dict.fromkeys(LEFT, "Q6_K") | {"ffn_down": "Q4_0"}


@pytest.mark.parametrize(("choice", "low", "high"), [("q8_0", 1.0005, 1.005), ("q6_k", 1.005, 1.05)])
def test_the_noise_that_is_reported_is_that_of_the_file(tmp_path: Path, choice: str, low: float, high: float) -> None:
    """Of BLOOM, whose rows are moved besides: the power of both errors over that of GPTQ's own, step² / 12."""
    meant = act_order_bloom(tmp_path / "model")
    report = convert(tmp_path / "model", tmp_path / "m.gguf", ConvertOptions(requantized=choice))  # type: ignore[arg-type]
    (file,) = report.files
    assert file.proof is not None
    stored = GgufFile(tmp_path / "m.gguf")
    proofs = {proof.name: proof for proof in file.proof.tensors}
    again = {tensor.name: tensor for tensor in file.tensors if tensor.exactness == "requantized"}
    assert {name.split(".")[2] for name in again} == {"attn_qkv", "attn_output", "ffn_up"}
    for name, tensor in again.items():
        assert low < proofs[name].noise_factor < high
        if "attn_output" not in name:
            continue  # the others' rows come in another order
        weight = meant[tensor.source]
        kind = stored.tensors[name].type
        error = ggml.dequantize(kind, stored.data(name), weight.size).reshape(weight.shape) - weight
        scales, g_idx = _groups(tmp_path / "model", tensor.source.removesuffix(".weight"))
        steps = scales[g_idx].T
        expected = 1 + 12 * np.square(error).mean() / np.square(steps).mean()
        assert proofs[name].noise_factor == pytest.approx(expected, rel=1e-4)
    assert any("act-order" in note and choice.upper() in note for note in report.notes)
    exact = [tensor for tensor in file.tensors if tensor.name.endswith("ffn_down.weight")]
    assert {tensor.exactness for tensor in exact} == {"exact"}


def _groups(folder: Path, layer: str) -> tuple[np.ndarray, np.ndarray]:
    from convert.checkpoint import open_checkpoint

    with open_checkpoint(folder) as checkpoint:
        scales, g_idx = (np.array(checkpoint.tensors[f"{layer}.{part}"].array()) for part in ("scales", "g_idx"))
    return scales.astype(np.float32), g_idx


def test_a_type_that_was_given_still_decides(llama: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.gguf"
    assert set(types(llama, out, types=("q5_0",)).values()) == {"Q5_0"}
    kept = types(llama, out, types=("q5_0",), gptq="exact")
    assert kept == dict.fromkeys(LEFT, "Q5_0") | {"ffn_down": "Q4_0"}
    asked = types(llama, out, types=("q5_0",), gptq="exact", requantized="q6_k")
    assert asked == dict.fromkeys(LEFT, "Q6_K") | {"ffn_down": "Q4_0"}
    rule = TypeRequests(tensors=tensor_requests(["attn_q=q4_0"]))
    assert types(llama, out, requests=rule)["attn_q"] == "Q4_0"


def test_choosing_a_type_for_what_is_left_when_nothing_is_moved_makes_no_sense(llama: Path, tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="none are moved") as caught:
        plan_conversion(llama, tmp_path / "m.gguf", ConvertOptions(types=("q4_k_m",), requantized="q6_k"))
    assert caught.value.kind == "usage"


def test_rows_that_no_superblock_divides_fall_back_as_in_llama_cpp(tmp_path: Path) -> None:
    act_order_llama(tmp_path / "model", width=320, ffn=512, group=64)
    found = types(tmp_path / "model", tmp_path / "m.gguf", requantized="q6_k")
    assert found == dict.fromkeys(LEFT, "Q8_0") | {"ffn_down": "Q4_0"}


def test_8_bits_in_act_order(tmp_path: Path) -> None:
    """GPTQ's own steps are so small here that Q8_0 adds about as much noise as there was; it is told all the same."""
    act_order_llama(tmp_path / "model", bits=8)
    report = convert(tmp_path / "model", tmp_path / "m.gguf")
    assert report.files[0].proof is not None
    factors = {proof.noise_factor for proof in report.files[0].proof.tensors if proof.exactness == "requantized"}
    assert all(1.1 < factor < 4 for factor in factors)


def test_the_file_says_what_most_of_it_is(tmp_path: Path) -> None:
    act_order_llama(tmp_path / "model")
    report = convert(tmp_path / "model", tmp_path / "m.gguf")
    assert report.files[0].type == "Q8_0"


def test_layers_with_an_adapter_in_them_are_quantized_as_finely(llama: Path, tmp_path: Path) -> None:
    shapes = llama_shapes(width=256, ffn=512, layers=2, vocabulary=320, kv_width=256)
    save_adapter(tmp_path / "adapter", adapter_for(shapes, ("mlp.down_proj",)))
    adapters = (AdapterChoice(tmp_path / "adapter"),)
    out = tmp_path / "m.gguf"
    assert set(types(llama, out, adapters=adapters, requantized="q6_k").values()) == {"Q6_K"}
    report = plan_conversion(llama, out, ConvertOptions(adapters=adapters))
    by_name = {tensor.name: tensor for tensor in report.files[0].tensors}
    assert by_name["blk.0.ffn_down.weight"].exactness == "quantized"
    assert any("adapter merged into them" in note for note in report.notes)
    assert any("12 layers were quantized in the order" in note for note in report.notes)


def test_an_importance_matrix_is_used_for_what_is_quantized_again(llama: Path, tmp_path: Path) -> None:
    counts = np.array([512.0], np.float32)
    sums = np.random.default_rng(0).gamma(0.5, 100, 256).astype(np.float32)
    write_imatrix(
        tmp_path / "i.gguf",
        {"blk.0.attn_q.weight": Activations(sums, counts)},
        datasets=["t"],
        n_chunks=1,
        chunk_size=512,
    )
    for name, imatrix in (("with", tmp_path / "i.gguf"), ("without", None)):
        convert(llama, tmp_path / f"{name}.gguf", ConvertOptions(requantized="q6_k", imatrix=imatrix))
    one, other = (GgufFile(tmp_path / f"{name}.gguf") for name in ("with", "without"))
    assert not np.array_equal(one.data("blk.0.attn_q.weight"), other.data("blk.0.attn_q.weight"))
    assert np.array_equal(one.data("blk.1.attn_q.weight"), other.data("blk.1.attn_q.weight"))


def test_command(llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["convert", str(llama), "-o", str(tmp_path / "m.gguf"), "--gptq-requantize", "q6_k", "--tensors"]
    assert main([*words, "--report", str(tmp_path / "r.json")]) == 0
    shown = capsys.readouterr()
    row = next(line for line in shown.out.splitlines() if line.startswith("blk.0.attn_q.weight"))
    assert "Q6_K" in row
    assert "requantized" in row
    assert "noise × 1.0" in row
    assert "quantized again as Q6_K" in shown.err
    proofs = json.loads((tmp_path / "r.json").read_text())["files"][0]["proof"]["tensors"]
    assert {one["name"] for one in proofs if one["noise_factor"] and one["noise_factor"] > 1} == {
        f"blk.{block}.{layer}.weight" for block in range(2) for layer in LEFT
    }
    assert main(["convert", str(llama), "-o", str(tmp_path / "m.gguf"), "-t", "q4_0", "--gptq-requantize", "q8_0"]) == 2
    assert "--gptq exact" in capsys.readouterr().err
