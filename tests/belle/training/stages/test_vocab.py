"""Vocabulary extension: the same ids in three programs, old ids unchanged, rows that begin as what they replace."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import sentencepiece
import torch
from sentencepiece import sentencepiece_model_pb2
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from belle.errors import KnownError
from belle.training.recipe.load import load_recipe
from belle.training.recipe.schema import Recipe
from belle.training.stages.run import run_recipe
from belle.training.stages.vocab import extend
from belle.training.tokenizer.identity import compare
from belle.training.tokenizer.new_pieces import is_cjk, merge_pieces, old_ids_of, read_model, train_pieces
from convert.llama_ids import llama_ids

ROOT = Path(__file__).parents[4]
TOKENIZER = ROOT / "train" / "tiny" / "tokenizer"
CHINESE = ROOT / "assets" / "text" / "zh.txt"
ENGLISH = ROOT / "assets" / "text" / "en.txt"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model whose tokenizer knows English alone."""
    folder = tmp_path_factory.mktemp("base")
    text = ENGLISH.read_text(encoding="utf-8")
    (folder / "tokenizer.model").write_bytes(train_pieces([text], size=800, character_coverage=1.0, sentences=10**6))
    config = json.loads((TOKENIZER / "tokenizer_config.json").read_text())
    config = {"tokenizer_class": config["tokenizer_class"], "pad_token": "<unk>", "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    torch.manual_seed(5)
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=800, **shape)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def recipe(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "vocab.yaml").write_text(
        f"stage: vocab\noutput_dir: {folder / 'out'}\nmodel: {base}\ndata: [{CHINESE}]\nfreeze: new_rows\n"
        "max_length: 64\nbatch_size: 16\nmax_steps: 3\nlearning_rate: 1e-2\ntracking: []\n"
        "vocab: {size: 2400, checked_texts: 60}\n"
    )
    return load_recipe(folder / "vocab.yaml")


@pytest.fixture(scope="module")
def extended(recipe: Recipe) -> Path:
    folder = recipe.output_dir / "extended"
    extend(recipe, folder, llama_ids)
    return folder


def test_chinese_takes_fewer_tokens_and_english_keeps_its_ids(extended: Path) -> None:
    report = json.loads((extended / "vocabulary.json").read_text())
    assert report["tokens_per_character"] < 0.6 * report["tokens_per_character_before"]
    assert report["other_languages_changed"] == 0
    assert report["texts"] == 60
    assert report["differ_llama_cpp"] == 0
    assert report["differ_transformers"] <= report["differ_base"]


def test_scores_of_zero_are_found_out(base: Path, extended: Path, tmp_path: Path) -> None:
    """The customary recipe, which makes transformers and SentencePiece disagree."""
    wrong = tmp_path / "wrong"
    shutil.copytree(extended, wrong)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString((extended / "tokenizer.model").read_bytes())
    for piece in proto.pieces[800:]:
        piece.score = 0.0
    (wrong / "tokenizer.model").write_bytes(proto.SerializeToString())
    texts = [line for line in CHINESE.read_text(encoding="utf-8").splitlines() if line][:60]
    identity = compare(base, wrong, texts, llama_ids)
    assert identity.differ_transformers > 10
    with pytest.raises(KnownError, match="other ids than SentencePiece"):
        identity.check()


def test_a_new_row_begins_as_the_mean_of_what_spelled_it(base: Path, extended: Path) -> None:
    old, new = (AutoModelForCausalLM.from_pretrained(folder) for folder in (base, extended))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(extended / "tokenizer.model"))
    first = new.config.first_new_token
    assert first == 800
    for layer in ("get_input_embeddings", "get_output_embeddings"):
        before, after = getattr(old, layer)().weight, getattr(new, layer)().weight
        assert torch.equal(before, after[:800])
        for token in (first, len(after) - 1):
            (ids,) = old_ids_of(read_model(base), [processor.id_to_piece(token)])
            assert torch.allclose(after[token], before[ids].mean(0))


def test_the_new_rows_alone_are_trained(recipe: Recipe, extended: Path) -> None:
    final = run_recipe(recipe, llama_ids=llama_ids)
    before, after = (AutoModelForCausalLM.from_pretrained(folder) for folder in (extended, final))
    changed = {
        name
        for name, weight in after.named_parameters()
        if not torch.equal(weight, dict(before.named_parameters())[name])
    }
    assert changed == {"model.embed_tokens.weight", "lm_head.weight"}
    for name in changed:
        ours, theirs = (dict(model.named_parameters())[name] for model in (after, before))
        assert torch.equal(ours[:800], theirs[:800])
    assert after.config.first_new_token == 800
    lines = (recipe.output_dir / "metrics.jsonl").read_text().splitlines()
    assert {"step", "loss"} <= json.loads(lines[0]).keys()


def test_added_tokens_keep_their_ids() -> None:
    texts = {400: ENGLISH, 2000: CHINESE}
    old, new = (
        train_pieces([file.read_text(encoding="utf-8")], size=size, character_coverage=1.0, sentences=10**6)
        for size, file in texts.items()
    )
    added = {400: ("<pad>", True), 0: ("<unk>", True)}
    merged = merge_pieces(old, new, only_cjk=True, added_tokens=added)
    processor = sentencepiece.SentencePieceProcessor(model_proto=merged.model)
    assert processor.id_to_piece(400) == "<pad>"
    assert processor.is_control(400)
    assert merged.first_new == 401
    assert all(is_cjk(piece) for piece in merged.pieces)
    with pytest.raises(KnownError, match="none with the id 400"):
        merge_pieces(old, new, only_cjk=True, added_tokens={402: ("<pad>", True)})


def test_what_cannot_be_extended_is_said(recipe: Recipe, base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "no-model"
    shutil.copytree(base, folder)
    (folder / "tokenizer.model").unlink()
    with pytest.raises(KnownError, match=r"no tokenizer\.model"):
        extend(replace(recipe, model=str(folder)), tmp_path / "out", llama_ids)
    with pytest.raises(KnownError, match="Give more text"):
        train_pieces(["short"], size=5000, character_coverage=1.0, sentences=200)
    assert not (tmp_path / "out").exists()
