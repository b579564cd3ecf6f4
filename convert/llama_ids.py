"""llama.cpp's ids for texts with a checkpoint's tokenizer.

llama.cpp reads tokenizers from GGUF files only, so a model of no size is made with this tokenizer and converted.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from belle.documents import read_json_object
from belle.engine.process.native_calls import call

_CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
}


def llama_ids(folder: Path, texts: Sequence[str]) -> list[list[int]]:
    """The ids of each text, from a process of its own. Raises KnownError for a tokenizer that cannot be converted."""
    ids: list[list[int]] = call("convert.llama_ids:ids_here", folder=str(folder), texts=list(texts))
    return ids


def ids_here(folder: str, texts: list[str]) -> list[list[int]]:
    """The same, in the process that `llama_ids` asks."""
    from belle.engine.llama.file_questions import token_ids
    from convert.pipeline import convert
    from convert.plan.options import ConvertOptions

    with tempfile.TemporaryDirectory(prefix="belle-llama-ids-") as name:
        tiny, gguf = Path(name) / "model", Path(name) / "model.gguf"
        _make_tiny(Path(folder), tiny)
        convert(tiny, gguf, ConvertOptions(types=("f16",), verify=False))
        return token_ids(str(gguf), texts)


def _make_tiny(folder: Path, tiny: Path) -> None:
    import numpy as np
    from numpy.typing import NDArray
    from safetensors.numpy import save_file

    tiny.mkdir()
    for file in folder.iterdir():
        if file.is_file() and (file.name.startswith("tokenizer") or file.suffix == ".jinja"):
            shutil.copy(file, tiny)
    rows = read_json_object(folder / "config.json")["vocab_size"]
    (tiny / "config.json").write_text(json.dumps({**_CONFIG, "vocab_size": rows}), encoding="utf-8")
    square, ones = np.zeros((32, 32), np.float16), np.ones(32, np.float16)
    layer: dict[str, NDArray[np.float16]] = {f"self_attn.{name}_proj": square for name in "qkvo"}
    layer |= {f"mlp.{name}_proj": square for name in ("gate", "up", "down")}
    layer |= {"input_layernorm": ones, "post_attention_layernorm": ones}
    tensors = {f"model.layers.0.{name}.weight": value for name, value in layer.items()}
    tensors |= {"model.norm.weight": ones, "model.embed_tokens.weight": np.zeros((rows, 32), np.float16)}
    save_file(tensors, tiny / "model.safetensors")
