"""Checkpoints made by the real GPTQModel on the CPU, converted: every weight called exact is `scale * (code - zero)`.

The reference is GPTQModel's own arithmetic on the saved tensors, computed here in plain numpy.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize

from convert.checkpoint import open_checkpoint
from convert.pipeline import convert
from convert.plan.options import ConvertOptions
from tests.convert.gptq.gptqmodel_driver import QUANTIZED
from tests.convert.install.running import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        importlib.util.find_spec("gptqmodel") is None, reason="GPTQModel is not installed (make test-all installs it)"
    ),
]

LAYERS = {
    "attn_q": ("self_attn.q_proj", 4),
    "attn_k": ("self_attn.k_proj", 2),
    "attn_v": ("self_attn.v_proj", 0),
    "attn_output": ("self_attn.o_proj", 0),
    "ffn_gate": ("mlp.gate_proj", 0),
    "ffn_up": ("mlp.up_proj", 0),
    "ffn_down": ("mlp.down_proj", 0),
}
"""GPTQModel's name of each layer, and how many heads its rows are permuted in."""

TARGETS = {"symmetric": "Q4_0", "asymmetric": "Q5_0", "8-bit": "Q8_0"}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the checkpoints that GPTQModel writes, each in a folder by name."""
    folder = tmp_path_factory.mktemp("gptqmodel")
    # GPTQModel leaves its logs in the present folder.
    command = [sys.executable, "-m", "tests.convert.gptq.gptqmodel_driver", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-4000:]
    return folder


def unpacked(words: np.ndarray, bits: int) -> np.ndarray:
    """Codes packed along axis 0, computed digit by digit."""
    stream = words.view(np.uint32).astype(np.uint64)
    digits = [(stream >> (i * bits)) & ((1 << bits) - 1) for i in range(32 // bits)]
    return np.stack(digits, 1).reshape(-1, words.shape[1])


def reference(tensors: dict[str, np.ndarray], name: str, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """`scale * (code - zero)` of version 1 (GPTQModel took 1 from whole words of zeros), and the scales."""
    ones = np.uint32(sum(1 << (i * bits) for i in range(32 // bits)))
    q = unpacked(tensors[name + ".qweight"], bits)
    words = (tensors[name + ".qzeros"].view(np.uint32) + ones).view(np.int32)
    zeros = unpacked(np.ascontiguousarray(words.T), bits).T
    groups = tensors[name + ".g_idx"]
    steps = tensors[name + ".scales"].astype(np.float32)[groups]
    return (steps * (q.astype(np.int64) - zeros[groups].astype(np.int64))).T.astype(np.float32), steps.T


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp's order of the rows of q and k."""
    n_out, n_in = weight.shape
    return weight.reshape(heads, 2, n_out // heads // 2, n_in).swapaxes(1, 2).reshape(n_out, n_in)


@pytest.mark.parametrize("name", QUANTIZED)
def test_every_weight_called_exact_is_exact_and_every_other_as_noisy_as_reported(
    checkpoints: Path, tmp_path: Path, name: str
) -> None:
    bits, act_order = QUANTIZED[name]["bits"], QUANTIZED[name]["desc_act"]
    (file,) = convert(checkpoints / name, tmp_path / "out.gguf", ConvertOptions()).files
    with open_checkpoint(checkpoints / name) as checkpoint:
        tensors = {key: np.array(tensor.array()) for key, tensor in checkpoint.tensors.items()}
    found = {t.name: t for t in GGUFReader(tmp_path / "out.gguf").tensors}
    assert file.proof is not None
    proofs = {proof.name: proof for proof in file.proof.tensors}
    exact = 0
    for layer in range(2):
        order = np.argsort(tensors[f"model.layers.{layer}.mlp.down_proj.g_idx"], kind="stable")
        for short, (long, heads) in LAYERS.items():
            tensor, proof = found[f"blk.{layer}.{short}.weight"], proofs[f"blk.{layer}.{short}.weight"]
            expected, steps = reference(tensors, f"model.layers.{layer}.{long}", bits)
            if heads:
                expected, steps = permuted(expected, heads), permuted(steps, heads)
            if short in ("ffn_gate", "ffn_up"):
                expected, steps = expected[order], steps[order]
            elif short == "ffn_down":
                expected, steps = expected[:, order], steps[:, order]
            got = dequantize(tensor.data, tensor.tensor_type).reshape(expected.shape)
            if proof.exactness == "exact":
                np.testing.assert_array_equal(got, expected, err_msg=tensor.name)
                exact += 1
            else:
                assert (act_order, proof.exactness, tensor.tensor_type.name) == (True, "requantized", "Q8_0")
                noise = 1 + 12 * np.square(got - expected).mean() / np.square(steps).mean()
                assert proof.noise_factor == pytest.approx(noise, rel=1e-4)
                assert 1 < noise < 1.01
            if not act_order:
                assert tensor.tensor_type.name == TARGETS[name]
    assert exact == (2 if act_order else 14)
