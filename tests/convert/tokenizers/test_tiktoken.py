"""Qwen 1's `qwen.tiktoken` and Baichuan's reserved tokens: the ids are those of the models' own tokenizers."""

from __future__ import annotations

import base64
import random
from itertools import pairwise
from pathlib import Path

import pytest
from gguf.constants import TokenType
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.prompts import Message
from belle.prompts.sandbox import Program
from convert.tokenizers.check import SAMPLES, check_tokenizer
from convert.tokenizers.from_tiktoken import tiktoken_definition
from convert.tokenizers.read import read_tokenizer
from convert.tokenizers.reference import TiktokenEncoder
from convert.tokenizers.unicode_regex import compile_regex
from tests.convert.tokenizers.folders import CORPUS, FolderCheckpoint, llama_pieces, sentencepiece_bytes, write_json

PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen 1's `PAT_STR`."""
GENERATION = {"chat_format": "chatml", "eos_token_id": None}
TALK = [Message("user", "雨？"), Message("assistant", "水。"), Message("user", "雪？")]


def ranks(n_merged: int = 300) -> dict[bytes, int]:
    """All single bytes in a mixed order, as in the real file, and frequent pairs of the corpus after them."""
    singles = [bytes([byte]) for byte in range(256)]
    random.Random(5).shuffle(singles)
    tokens = {token: rank for rank, token in enumerate(singles)}
    parts = [bytes([byte]) for byte in CORPUS.encode()]
    while len(tokens) < 256 + n_merged:
        pairs: dict[bytes, int] = {}
        for left, right in pairwise(parts):
            pairs[left + right] = pairs.get(left + right, 0) + 1
        best = max((pair for pair in pairs if pair not in tokens), key=lambda pair: (pairs[pair], pair))
        tokens[best] = len(tokens)
        merged: list[bytes] = []
        for part in parts:
            if merged and merged[-1] + part == best:
                merged[-1] += part
            else:
                merged.append(part)
        parts = merged
    return tokens


RANKS = ranks()


def qwen_folder(folder: Path, tokens: dict[bytes, int] = RANKS, **config: object) -> FolderCheckpoint:
    lines = [f"{base64.b64encode(token).decode()} {rank}" for token, rank in tokens.items()]
    (folder / "qwen.tiktoken").write_text("\n".join(lines) + "\n")
    write_json(folder, "generation_config.json", GENERATION)
    return FolderCheckpoint(folder, {"model_type": "qwen", **config})


def tiktoken_ids(word: bytes) -> list[int]:
    """Byte pair encoding as tiktoken's `_byte_pair_merge` describes it: the lowest rank of any two neighbours first."""
    parts = [bytes([byte]) for byte in word]
    while True:
        joined = [(RANKS.get(a + b, len(RANKS)), i) for i, (a, b) in enumerate(pairwise(parts))]
        rank, at = min(joined, default=(len(RANKS), 0))
        if rank == len(RANKS):
            return [RANKS[part] for part in parts]
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


def test_qwen_1_has_the_ids_of_its_own_tokenizer(tmp_path: Path) -> None:
    checkpoint = qwen_folder(tmp_path)
    tokenizer = read_tokenizer(checkpoint, len(RANKS) + 240)
    assert (tokenizer.model, tokenizer.pre) == ("gpt2", "qwen2")
    assert check_tokenizer(tokenizer, checkpoint, architecture="qwen") == len(SAMPLES)
    end, begin_turn = len(RANKS), len(RANKS) + 1
    assert tokenizer.tokens[end : end + 4] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|extra_0|>"]
    assert tokenizer.types[begin_turn] is TokenType.CONTROL
    assert tokenizer.special_ids["eos"] == end
    assert tokenizer.flags["add_bos_token"] is False
    assert tokenizer.tokens[end + 208] == f"[PAD{end + 208}]"


def test_qwen_vl_has_nine_more_tokens_for_pictures(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(qwen_folder(tmp_path, visual={"width": 1664}), len(RANKS) + 240)
    assert tokenizer.tokens[len(RANKS) + 208 + 6 : len(RANKS) + 208 + 9] == ["<img>", "</img>", "<imgpad>"]


@given(text=st.text(st.sampled_from(sorted(set(CORPUS) - set(" \n\r\t"))), min_size=1, max_size=30))
def test_any_two_neighbours_are_merged_by_rank(text: str, encoder: TiktokenEncoder) -> None:
    words = [word for word in compile_regex(PATTERN).findall(text) if word]
    assert encoder.encode(text) == [index for word in words for index in tiktoken_ids(word.encode())]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> TiktokenEncoder:
    folder = tmp_path_factory.mktemp("qwen")
    qwen_folder(folder)
    path = folder / "qwen.tiktoken"
    return TiktokenEncoder(path, tiktoken_definition(path, {}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace(" 7\n", "\n"),
        lambda text: text.replace(" 7\n", " 8\n"),
        lambda text: "!!! 0\n" + text,
        lambda text: text.partition("\n")[2],
        lambda text: text + text.partition("\n")[0],
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, damage) -> None:
    checkpoint = qwen_folder(tmp_path)
    path = tmp_path / "qwen.tiktoken"
    path.write_text(damage(path.read_text()))
    with pytest.raises(KnownError) as caught:
        read_tokenizer(checkpoint, len(RANKS) + 240)
    assert caught.value.kind == "damaged_tokenizer"


def test_chatml_is_taken_where_generation_config_says_so_and_only_there(tmp_path: Path) -> None:
    checkpoint = qwen_folder(tmp_path)
    n = len(RANKS) + 240
    template = Program(read_tokenizer(checkpoint, n).chat_templates["default"], bos_token="", eos_token="")
    assert template.render(TALK[:1], add_generation_prompt=True) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n雨？<|im_end|>\n<|im_start|>assistant\n"
    )
    write_json(tmp_path, "generation_config.json", {"chat_format": "raw"})
    assert read_tokenizer(checkpoint, n).chat_templates == {}


@pytest.mark.parametrize(
    ("names", "prompt"),
    [
        (("<reserved_102>", "<reserved_103>"), "A雨？B水。</s>A雪？B"),
        (("<reserved_106>", "<reserved_107>"), "A雨？B水。A雪？B"),
    ],
)
@pytest.mark.parametrize("kind", [1, 4], ids=["normal pieces", "user-defined pieces"])
def test_baichuan_reads_its_reserved_tokens_whole(
    tmp_path: Path, names: tuple[str, str], prompt: str, kind: int
) -> None:
    pieces = [*llama_pieces(), *((name, 0.0, kind) for name in names)]
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_bytes(pieces))
    first = len(pieces) - 2
    write_json(tmp_path, "generation_config.json", {"user_token_id": first, "assistant_token_id": first + 1})
    write_json(tmp_path, "tokenizer_config.json", {"add_bos_token": False, "eos_token": "</s>"})
    checkpoint = FolderCheckpoint(tmp_path, {"model_type": "baichuan"})
    tokenizer = read_tokenizer(checkpoint, len(pieces))
    assert tokenizer.types[first:] == [TokenType.CONTROL] * 2
    assert check_tokenizer(tokenizer, checkpoint) == len(SAMPLES)
    template = Program(tokenizer.chat_templates["default"], bos_token="<s>", eos_token="</s>")
    text = template.render(TALK, add_generation_prompt=True)
    assert text.replace(names[0], "A").replace(names[1], "B") == prompt
