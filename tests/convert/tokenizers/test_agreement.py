"""Two files for one tokenizer: if they differ, the one that transformers reads is used, and that is reported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from belle.errors import KnownError
from convert.tokenizers import check_tokenizer, read_tokenizer
from convert.tokenizers.reference import JsonEncoder, SentencePieceEncoder
from tests.convert.tokenizers.folders import FolderCheckpoint, reference_encoder
from tests.convert.tokenizers.test_ids_transformers import TEXTS, llama_ids, train_sentencepiece

transformers = pytest.importorskip("transformers")

Definition = dict[str, Any]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tokenizer.model, and the tokenizer.json that transformers makes of it."""
    first, folder = tmp_path_factory.mktemp("sentencepiece"), tmp_path_factory.mktemp("both")
    train_sentencepiece(first)
    transformers.LlamaTokenizer.from_pretrained(first).save_pretrained(folder)
    shutil.copy(first / "tokenizer.model", folder)
    return folder


def edited(both: Path, folder: Path, edit: Callable[[Definition], None]) -> FolderCheckpoint:
    shutil.copytree(both, folder)
    definition = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    edit(definition)
    (folder / "tokenizer.json").write_text(json.dumps(definition, ensure_ascii=False), encoding="utf-8")
    return FolderCheckpoint(folder)


def size(checkpoint: FolderCheckpoint) -> int:
    definition = json.loads((checkpoint.folder / "tokenizer.json").read_text(encoding="utf-8"))
    ids = [*definition["model"]["vocab"].values(), *(token["id"] for token in definition["added_tokens"])]
    return max(ids) + 1


def reorder(definition: Definition) -> None:
    merges = definition["model"]["merges"]
    merges[3:40] = reversed(merges[3:40])


def forget(definition: Definition) -> None:
    del definition["model"]["merges"][5]


def exchange(definition: Definition) -> None:
    vocabulary = definition["model"]["vocab"]
    first, second = sorted(vocabulary, key=vocabulary.__getitem__)[-2:]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]


def without_prefix(definition: Definition) -> None:
    definition["pre_tokenizer"] = None
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    definition["normalizer"] = space


def lower_case(definition: Definition) -> None:
    definition["normalizer"] = {"type": "Lowercase"}


def add_token(definition: Definition) -> None:
    how = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    token = {"id": len(definition["model"]["vocab"]), "content": "<|turn|>", "special": True} | how
    definition["added_tokens"].append(token)


@pytest.mark.parametrize("edit", [lambda definition: None, add_token], ids=["as saved", "a token added"])
def test_two_files_that_agree_are_read_as_one(edit: Callable[[Definition], None], both: Path, tmp_path: Path) -> None:
    checkpoint = edited(both, tmp_path / "edited", edit)
    made = read_tokenizer(checkpoint, size(checkpoint))
    assert not any("same tokenizer" in note for note in made.notes)
    assert isinstance(reference_encoder(checkpoint), SentencePieceEncoder)


@pytest.mark.parametrize("edit", [reorder, forget, exchange, without_prefix, lower_case])
def test_two_files_that_differ_give_what_transformers_reads_or_are_refused(
    edit: Callable[[Definition], None], both: Path, tmp_path: Path
) -> None:
    checkpoint = edited(both, tmp_path / "edited", edit)
    n = size(checkpoint)
    try:
        made = read_tokenizer(checkpoint, n)
    except KnownError as error:
        assert edit in (forget, lower_case)
        assert error.kind in ("unsupported_tokenizer", "damaged_tokenizer")
        assert error.advice
        return
    assert any("not the same tokenizer" in note and "transformers" in note for note in made.notes)
    assert isinstance(reference_encoder(checkpoint), JsonEncoder)
    check_tokenizer(made, checkpoint)
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(checkpoint.folder / "tokenizer.json"))
    texts = [each for each in TEXTS if not each.startswith(" ")]
    expected = [theirs.encode(each, add_special_tokens=False) for each in texts]
    assert llama_ids(checkpoint, tmp_path, n, texts, special=False) == expected


def test_a_refusal_says_which_file_to_remove(both: Path, tmp_path: Path) -> None:
    checkpoint = edited(both, tmp_path / "edited", forget)
    with pytest.raises(KnownError) as caught:
        read_tokenizer(checkpoint, size(checkpoint))
    assert "not the same tokenizer" in caught.value.message
    assert "the second never does" in caught.value.message
    assert "remove tokenizer.json" in caught.value.advice
