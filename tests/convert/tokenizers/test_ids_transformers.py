"""Vocabularies of each kind, trained on the spot: llama.cpp must give the ids that transformers gives."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import pytest

from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.gguf.writer import serialize
from convert.metadata import text
from convert.tokenizers import check_tokenizer, read_tokenizer
from convert.tokenizers.check import SAMPLES
from convert.tokenizers.reference import JsonEncoder
from tests.convert.tokenizers.folders import BYTE_LEVEL, CORPUS, FolderCheckpoint, reference_encoder
from tests.convert.tokenizers.test_read import LLAMA3, QWEN2, split

tokenizers = pytest.importorskip("tokenizers")
transformers = pytest.importorskip("transformers")

TEXTS = [*SAMPLES, CORPUS]
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
PRE_TOKENIZERS = {
    "bloom": [split(BLOOM), BYTE_LEVEL],
    "qwen2": [split(QWEN2), BYTE_LEVEL],
    "dbrx": [split(LLAMA3), BYTE_LEVEL],
    "gpt-2": [{**BYTE_LEVEL, "use_regex": True}],
    "smollm": [{"type": "Digits", "individual_digits": True}, {**BYTE_LEVEL, "use_regex": True}],
}


def llama_ids(
    checkpoint: FolderCheckpoint, folder: Path, n: int, texts: list[str], *, special: bool
) -> list[list[int]]:
    import llama_cpp

    path = folder / "vocabulary.gguf"
    entries = [text("general.architecture", "llama"), *read_tokenizer(checkpoint, n).metadata()]
    path.write_bytes(serialize(entries, []))
    model = Model(path, n_gpu_layers=0, log=NativeLog(), on_progress=lambda _: True, vocabulary_only=True)
    vocabulary = llama_cpp.llama_model_get_vocab(model.handle)
    result = []
    for each in texts:
        raw = each.encode()
        ids = (llama_cpp.llama_token * (len(raw) + 8))()
        number = llama_cpp.llama_tokenize(vocabulary, raw, len(raw), ids, ctypes.c_int32(len(ids)), special, True)
        result.append(list(ids[:number]))
    model.close()
    return result


def train_byte_level(folder: Path, pre: str) -> Any:
    import json

    steps = {"type": "Sequence", "pretokenizers": PRE_TOKENIZERS[pre]}
    empty = {
        "version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": steps, "post_processor": BYTE_LEVEL,
        "decoder": BYTE_LEVEL, "model": {"type": "BPE", "vocab": {}, "merges": []},
    }  # fmt: skip
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(empty))
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<unk>", "<s>", "</s>", "<pad>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True), trainer)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    fast.save_pretrained(folder)
    return fast


@pytest.mark.parametrize("pre", PRE_TOKENIZERS)
def test_byte_level(tmp_path: Path, pre: str) -> None:
    theirs = train_byte_level(tmp_path, pre)
    checkpoint = FolderCheckpoint(tmp_path)
    tokenizer = read_tokenizer(checkpoint, len(theirs))
    assert tokenizer.pre == pre
    assert tokenizer.special_ids == {"bos": 1, "eos": 2, "unk": 0, "pad": 3}
    assert check_tokenizer(tokenizer, checkpoint) == len(SAMPLES)
    texts = [*TEXTS, "<|im_start|>user\n你好<|im_end|>\n<s></s>"]
    for special in (False, True):
        expected = [theirs.encode(each, add_special_tokens=special) for each in texts]
        assert llama_ids(checkpoint, tmp_path, len(theirs), texts, special=special) == expected
    reference = reference_encoder(checkpoint)
    assert [reference.encode(each) for each in TEXTS] == [
        theirs.encode(each, add_special_tokens=False) for each in TEXTS
    ]


def train_sentencepiece(folder: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    (folder / "corpus.txt").write_text(CORPUS, encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "corpus.txt"), model_prefix=str(folder / "tokenizer"), vocab_size=560, model_type="bpe",
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2,
        hard_vocab_limit=False, allow_whitespace_only_pieces=True, split_digits=True,
    )  # fmt: skip
    for rest in ("corpus.txt", "tokenizer.vocab"):
        (folder / rest).unlink()


def test_sentencepiece(tmp_path: Path) -> None:
    import sentencepiece

    train_sentencepiece(tmp_path)
    library = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    checkpoint = FolderCheckpoint(tmp_path)
    expected = [library.encode(each) for each in TEXTS]
    assert llama_ids(checkpoint, tmp_path, library.get_piece_size(), TEXTS, special=False) == expected
    assert [reference_encoder(checkpoint).encode(each) for each in TEXTS] == expected
    with_bos = llama_ids(checkpoint, tmp_path, library.get_piece_size(), TEXTS, special=True)
    assert with_bos == [[1, *ids] for ids in expected]


@pytest.mark.parametrize("add_bos", [False, True])
def test_llama_as_transformers_saves_it(tmp_path: Path, add_bos: bool) -> None:
    """Since version 5 it saves tokenizer.json alone, also where it read tokenizer.model."""
    train_sentencepiece(tmp_path)
    theirs = transformers.LlamaTokenizer.from_pretrained(tmp_path, add_bos_token=add_bos)
    theirs.add_special_tokens({"pad_token": "<pad>"})
    folder = tmp_path / "saved"
    theirs.save_pretrained(folder)
    assert not (folder / "tokenizer.model").exists()
    checkpoint = FolderCheckpoint(folder)
    tokenizer = read_tokenizer(checkpoint, len(theirs))
    assert tokenizer.model == "llama"
    assert tokenizer.special_ids == {"bos": 1, "eos": 2, "unk": 0, "pad": len(theirs) - 1}
    check_tokenizer(tokenizer, checkpoint)
    texts = [each for each in TEXTS if not each.startswith(" ")]
    expected = [theirs.encode(each) for each in texts]
    assert llama_ids(checkpoint, folder, len(theirs), texts, special=True) == expected
    plain = [theirs.encode(each, add_special_tokens=False) for each in TEXTS]
    encoder = reference_encoder(checkpoint)
    assert isinstance(encoder, JsonEncoder)
    assert [encoder.encode(each) for each in TEXTS] == plain


def test_added_tokens_that_people_may_write_are_whole_in_every_program(tmp_path: Path) -> None:
    """Like `<think>` of Qwen3 and DeepSeek: not special, and yet never cut."""
    theirs = train_byte_level(tmp_path, "qwen2")
    theirs.add_tokens([tokenizers.AddedToken(token, normalized=False) for token in ("<think>", "</think>")])
    theirs.save_pretrained(tmp_path)
    checkpoint = FolderCheckpoint(tmp_path)
    tokenizer = read_tokenizer(checkpoint, len(theirs))
    assert check_tokenizer(tokenizer, checkpoint) == len(SAMPLES)
    texts = ["<think>\n你好\n</think>\n\nyes", "a </think>b", "</thin"]
    ours = [reference_encoder(checkpoint).encode(text) for text in texts]
    assert ours == [theirs.encode(text, add_special_tokens=False) for text in texts]
    assert ours == llama_ids(checkpoint, tmp_path, len(theirs), texts, special=False)
