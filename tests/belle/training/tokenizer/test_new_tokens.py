"""A template whose tokens the vocabulary lacks: they are added, learned, saved, merged and exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from belle.errors import KnownError
from tests.belle.training.runs import run, weights

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

CHATML = {"template": "chatml", "add_tokens": True}
LEARN: dict[str, Any] = {
    "epochs": 60,
    "batch_size": 4,
    "learning_rate": 1e-2,
    "sample_prompts": ["What is the sea?", "1+1=?"],
    "sample_tokens": 24,
}
ANSWERS = {"What is the sea?": "Salt water.", "1+1=?": "2"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("base"), max_steps=1) / "final"


def rows(path: Path, name: str = "embed_tokens") -> int:
    return next(tensor.shape[0] for key, tensor in weights(path).items() if name in key)


def samples(folder: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    return {line["prompt"]: line["text"] for line in lines}


def chatted(folder: Path, path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["convert", str(folder), "-o", str(path), "--type", "f32"]) == 0
    capsys.readouterr()
    greedy = ["--temperature", "0", "--repeat-penalty", "1", "--threads", "1"]
    assert main(["chat", "-m", str(path), "-p", "What is the sea?", "--json", *greedy]) == 0
    return str(json.loads(capsys.readouterr().out)["text"])


def test_without_add_tokens_the_missing_tokens_are_named_and_nothing_is_trained(tmp_path: Path, base: Path) -> None:
    with pytest.raises(KnownError) as caught:
        run(tmp_path, model=str(base), template="chatml")
    assert caught.value.kind == "template_tokens_missing"
    assert "<|im_start|> and <|im_end|>" in caught.value.message
    assert "add_tokens: true" in caught.value.advice


def test_new_rows_begin_as_the_mean_of_the_others(base: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from belle.prompts import get_template
    from belle.training.model.embedding_rows import add_rows
    from belle.training.tokenizer.templates import add_missing_tokens, new_tokens
    from belle.training.tokenizer.tokenizer import load_tokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), load_tokenizer(base)
    before = model.get_input_embeddings().weight.detach().clone()
    add_missing_tokens(get_template("chatml"), tokenizer, say=lambda _: None)
    assert add_rows(model, tokenizer, partitioned=False) == ("embed_tokens", "lm_head")
    after = model.get_input_embeddings().weight.detach()
    assert len(new_tokens(tokenizer)) == 2
    assert after.shape[0] == before.shape[0] + 2 == model.config.vocab_size
    assert torch.equal(after[:-2], before)
    assert torch.allclose(after[-2:], before.mean(dim=0).expand(2, -1), atol=1e-6)


def test_a_model_learns_them_and_ends_its_answers_in_llama_cpp(
    tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(tmp_path, model=str(base), **CHATML, **LEARN)
    assert "<|im_start|>, <|im_end|> added" in capsys.readouterr().out
    assert samples(folder) == ANSWERS
    assert rows(folder / "final/model.safetensors") == rows(base / "model.safetensors") + 2
    assert chatted(folder / "final", tmp_path / "m.gguf", capsys) == "Salt water."


def test_an_adapter_learns_them_and_is_merged(tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = {**LEARN, "epochs": 80}
    folder = run(tmp_path, model=str(base), lora={"r": 8, "dropout": 0.0}, **CHATML, **changes)
    assert samples(folder) == ANSWERS
    assert rows(folder / "final/adapter_model.safetensors") == rows(base / "model.safetensors") + 2
    assert main(["merge", str(folder / "final"), "-o", str(tmp_path / "merged")]) == 0
    assert rows(tmp_path / "merged/model.safetensors") == rows(base / "model.safetensors") + 2
    assert chatted(tmp_path / "merged", tmp_path / "m.gguf", capsys) == "Salt water."
