"""Checkpoints made by the real GPTQModel on the CPU, converted: every weight called exact is `scale * (code - zero)`.

The reference is GPTQModel's own arithmetic on the saved tensors, computed here in plain numpy from safetensors.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("GPTQMODEL_CPU_WORKERS", "2")
pytest.importorskip("gptqmodel", reason="GPTQModel is not installed (make test-all installs it)")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # Other people's libraries warn of what is theirs.
    pytest.mark.filterwarnings("default"),
]

import torch  # noqa: E402
from gguf import GGUFReader  # noqa: E402
from gguf.quants import dequantize  # noqa: E402
from gptqmodel import GPTQModel, QuantizeConfig  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: E402

from convert.options import ConvertOptions  # noqa: E402
from convert.pipeline import convert  # noqa: E402

WIDTH = 256
TEXT = [
    "The keeper of the lighthouse wrote down the weather every morning, and the names of the ships.",
    "春雨细细地落在老街上，清晨的空气里有泥土的气味。",
    "def add(left, right):\n    return left + right\n",
] * 24


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random LLaMA with a trained byte-level tokenizer."""
    folder = tmp_path_factory.mktemp("base")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    fast.save_pretrained(folder)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).to(torch.float16).save_pretrained(folder)
    return folder


def quantized(base: Path, out: Path, *, bits: int, sym: bool, desc_act: bool, group_size: int = 128) -> Path:
    settings = QuantizeConfig(bits=bits, group_size=group_size, sym=sym, desc_act=desc_act)
    model = GPTQModel.load(str(base), settings, device="cpu")
    model.quantize(TEXT, batch_size=4)
    model.save(str(out))
    return out


def unpacked(words: np.ndarray, bits: int) -> np.ndarray:
    """Codes packed along axis 0, computed digit by digit."""
    stream = words.view(np.uint32).astype(np.uint64)
    per_word = 32 // bits
    return np.stack([(stream >> (i * bits)) & ((1 << bits) - 1) for i in range(per_word)], 1).reshape(
        -1, words.shape[1]
    )


def reference(tensors: dict[str, np.ndarray], name: str, bits: int) -> np.ndarray:
    """`scale * (code - zero)` of version 1: GPTQModel took 1 from whole words of zeros."""
    ones = np.uint32(sum(1 << (i * bits) for i in range(32 // bits)))
    q = unpacked(tensors[name + ".qweight"], bits)
    words = (tensors[name + ".qzeros"].view(np.uint32) + ones).view(np.int32)
    zeros = unpacked(np.ascontiguousarray(words.T), bits).T
    groups = tensors[name + ".g_idx"]
    scales = tensors[name + ".scales"].astype(np.float32)
    return (scales[groups] * (q.astype(np.int64) - zeros[groups].astype(np.int64))).T.astype(np.float32)


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """llama.cpp's order of the rows of q and k."""
    n_out, n_in = weight.shape
    return weight.reshape(heads, 2, n_out // heads // 2, n_in).swapaxes(1, 2).reshape(n_out, n_in)


@pytest.mark.parametrize(
    ("bits", "sym", "desc_act", "target"),
    [(4, True, False, "Q4_0"), (4, False, False, "Q5_0"), (8, True, False, "Q8_0"), (4, True, True, "Q4_0")],
)
def test_every_weight_called_exact_is_exact(
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bits: int,
    sym: bool,
    desc_act: bool,
    target: str,
) -> None:
    monkeypatch.chdir(tmp_path)  # GPTQModel leaves its logs in the present folder
    source = quantized(base, tmp_path / "gptq", bits=bits, sym=sym, desc_act=desc_act)
    report = convert(source, tmp_path / "out.gguf", ConvertOptions())
    tensors: dict[str, np.ndarray] = {}
    for file in source.glob("*.safetensors"):
        loaded = load_file(file)
        tensors |= {n: t.float().numpy() if t.is_floating_point() else t.numpy() for n, t in loaded.items()}
    found = {t.name: t for t in GGUFReader(tmp_path / "out.gguf").tensors}
    said = {t.name: t.exactness for t in report.files[0].tensors}
    names = {
        "attn_q": ("self_attn.q_proj", 4),
        "attn_k": ("self_attn.k_proj", 2),
        "attn_v": ("self_attn.v_proj", 0),
        "attn_output": ("self_attn.o_proj", 0),
        "ffn_gate": ("mlp.gate_proj", 0),
        "ffn_up": ("mlp.up_proj", 0),
        "ffn_down": ("mlp.down_proj", 0),
    }
    exact = 0
    for layer in range(2):
        order = np.argsort(tensors[f"model.layers.{layer}.mlp.down_proj.g_idx"], kind="stable")
        for short, (long, heads) in names.items():
            name = f"blk.{layer}.{short}.weight"
            if not said[name].startswith("exact"):
                assert desc_act, f"{name} is {said[name]}"
                continue
            expected = reference(tensors, f"model.layers.{layer}.{long}", bits)
            if heads:
                expected = permuted(expected, heads)
            if short in ("ffn_gate", "ffn_up"):
                expected = expected[order]
            elif short == "ffn_down":
                expected = expected[:, order]
            tensor = found[name]
            if not desc_act:
                assert tensor.tensor_type.name == target
            got = dequantize(tensor.data, tensor.tensor_type).reshape(expected.shape)
            np.testing.assert_array_equal(got, expected, err_msg=name)
            exact += 1
    assert exact == (14 if not desc_act else 2)
