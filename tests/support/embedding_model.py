"""A small embedding model that knows which words mean the same: BERT in form, a mean of word vectors in effect.

Every block passes on what it gets, and the special tokens have no vector. So the embedding of a text is the mean of the
vectors of its words and Chinese characters, those of one meaning have one vector, and unknown ones have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import gguf
import numpy as np

WIDTH = 64
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_CONTROL, _NORMAL = 3, 1


def write_embedding_model(
    path: Path,
    meanings: Iterable[Sequence[str]],
    *,
    name: str = "synonyms",
    pooling: gguf.PoolingType = gguf.PoolingType.MEAN,
    n_ctx: int = 64,
) -> Path:
    """Write the GGUF at `path`.

    Args:
        meanings: words (lower case) and Chinese characters; those of one row mean the same. At most 63 rows.
        name: `general.name`.
        pooling: what the metadata asks for.
        n_ctx: tokens that it reads.
    """
    rows = [list(meaning) for meaning in meanings]
    vectors = [np.zeros(WIDTH)] * len(_SPECIAL)
    for row, direction in zip(rows, _directions(), strict=False):
        vectors += [direction] * len(row)
    words = [word for row in rows for word in row]
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name(name)
    writer.add_context_length(n_ctx)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(1)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([*_SPECIAL, *(f"\u2581{word}" for word in words)])
    writer.add_token_types([_CONTROL] * len(_SPECIAL) + [_NORMAL] * len(words))
    writer.add_token_type_count(2)
    for add, token in (
        (writer.add_pad_token_id, "[PAD]"),
        (writer.add_unk_token_id, "[UNK]"),
        (writer.add_bos_token_id, "[CLS]"),
        (writer.add_sep_token_id, "[SEP]"),
        (writer.add_mask_token_id, "[MASK]"),
    ):
        add(_SPECIAL.index(token))
    for tensor, values in _tensors(np.array(vectors), n_ctx).items():
        writer.add_tensor(tensor, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _directions() -> np.ndarray:
    """Vectors that are orthogonal to each other, and stay so when their mean is subtracted, `[WIDTH - 1, WIDTH]`."""
    random = np.random.default_rng(1).standard_normal((WIDTH, WIDTH))
    random[:, 0] = 1.0
    orthogonal, _ = np.linalg.qr(random)
    return orthogonal.T[1:]


def _tensors(embeddings: np.ndarray, n_ctx: int) -> dict[str, np.ndarray]:
    tensors = {
        "token_embd.weight": embeddings,  # [n_vocab, WIDTH]
        "position_embd.weight": np.zeros((n_ctx, WIDTH)),
        "token_types.weight": np.zeros((2, WIDTH)),
    }
    for norm in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
        tensors |= {f"{norm}.weight": np.ones(WIDTH), f"{norm}.bias": np.zeros(WIDTH)}
    for layer in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"):
        tensors |= {f"blk.0.{layer}.weight": np.zeros((WIDTH, WIDTH)), f"blk.0.{layer}.bias": np.zeros(WIDTH)}
    return tensors
