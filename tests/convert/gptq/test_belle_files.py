"""The files that BELLE published, LLaMA and BLOOM, 4 and 8 bits: one command makes a model of them that answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf.quants import dequantize

from belle.gguf.mapped_file import GgufFile
from convert.checkpoint import open_checkpoint
from convert.gptq.checkpoint_view import view_quantized
from tests.convert.install.belle_checkpoint import belle_bloom, belle_llama
from tests.convert.install.running import belle


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize(
    ("make", "layer", "stored"),
    [
        (belle_bloom, "transformer.h.1.mlp.dense_4h_to_h", "blk.1.ffn_down.weight"),
        (belle_llama, "model.layers.1.mlp.down_proj", "blk.1.ffn_down.weight"),
    ],
    ids=["bloom", "llama"],
)
def test_converts_and_answers(
    make: Callable[..., dict[str, bytes]], layer: str, stored: str, bits: int, tmp_path: Path
) -> None:
    source, out = tmp_path / f"BELLE-{make.__name__}", tmp_path / "m.gguf"
    source.mkdir()
    for name, content in make(bits=bits).items():
        (source / name).write_bytes(content)
    assert list(source.glob(f"*-{bits}bit-128g.pt"))
    made = belle("convert", str(source), "-o", str(out), "--json")
    assert made.returncode == 0, made.stderr
    (file,) = json.loads(made.stdout)["files"]
    assert file["exactness"]["near-exact"] == (8 if make is belle_bloom else 14), "32-bit scales become 16-bit"
    moved = [tensor for tensor in file["proof"]["tensors"] if tensor["exactness"] == "near-exact"]
    assert {tensor["type"] for tensor in moved} == {"Q5_0" if bits == 4 else "Q8_0"}
    assert max(tensor["rms_steps"] for tensor in moved) < (0.001 if bits == 4 else 0.3)

    with open_checkpoint(source) as checkpoint:
        meant = view_quantized(checkpoint.tensors, {}).tensors[f"{layer}.weight"].float_rows(0, 256)
    kept = GgufFile(out)
    got = dequantize(np.asarray(kept.data(stored)).reshape(256, -1), kept.tensors[stored].type)
    assert np.abs(got - meant).max() < 0.02 * np.abs(meant).max()
    assert not [name for name in kept.tensors if name.endswith("bias")] or make is belle_bloom

    said = belle("chat", "--model", str(out), "--prompt", "你好", "--max-tokens", "8", "--seed", "1", "--json")
    assert said.returncode == 0, said.stderr
    answer = json.loads(said.stdout)
    assert answer["prompt_tokens"] > 10
    assert answer["completion_tokens"] > 0
