"""Fine-tuning from start to end: it learns, and every program that reads model folders reads `final/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from belle.errors import KnownError
from tests.belle.training.runs import TOKENIZER, largest_difference, metrics, recipe_file, run, weights

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

LEARN = {
    "epochs": 60,
    "learning_rate": 1e-2,
    "batch_size": 4,
    "sample_prompts": ["你好", "What is the sea?", "1+1=?"],
    "sample_tokens": 24,
}
GREEDY = ["--temperature", "0", "--repeat-penalty", "1", "--threads", "1"]
ANSWERS = {"你好": "你好！", "What is the sea?": "Salt water.", "1+1=?": "2"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained for one step, as something to start from."""
    return run(tmp_path_factory.mktemp("base"), max_steps=1, batch_size=10) / "final"


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that knows its conversations by heart."""
    return run(tmp_path_factory.mktemp("learnt"), **LEARN)


def samples(folder: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    return {row["prompt"]: row["text"] for row in rows}


def test_it_learns_the_answers_and_where_they_end(learnt: Path) -> None:
    losses = metrics(learnt, "loss")
    assert losses[0] > 6
    assert losses[-1] < 0.3
    assert samples(learnt) == ANSWERS


def test_the_final_model_is_one_for_transformers(learnt: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    final = learnt / "final"
    model, report = AutoModelForCausalLM.from_pretrained(final, output_loading_info=True)
    assert not report["missing_keys"]
    tokenizer = AutoTokenizer.from_pretrained(final)
    question = [{"role": "user", "content": "What is the sea?"}]
    ids = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**ids, max_new_tokens=24, do_sample=False)
    assert tokenizer.decode(written[0, ids["input_ids"].shape[1] :], skip_special_tokens=True).strip() == "Salt water."
    settings = json.loads((final / "generation_config.json").read_text())
    assert settings["eos_token_id"] == tokenizer.eos_token_id
    assert settings["pad_token_id"] == tokenizer.pad_token_id != settings["eos_token_id"]
    assert (final / "tokenizer.model").read_bytes() == (TOKENIZER / "tokenizer.model").read_bytes()
    assert json.loads((final / "config.json").read_text())["dtype"] == "float32"


def test_the_final_model_chats_through_llama_cpp_as_it_was_trained(
    learnt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from belle.cli.main import main
    from belle.engine.process.blocking import open_engine
    from belle.engine.process.commands import Generate, Load, Sampling
    from belle.engine.process.events import Text
    from belle.prompts import Message

    path = tmp_path / "model.gguf"
    assert main(["convert", str(learnt / "final"), "-o", str(path), "--type", "f32"]) == 0
    capsys.readouterr()
    assert main(["chat", "-m", str(path), "-p", "What is the sea?", "--json", *GREEDY]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "Salt water."
    talk = [Message("user", "天空是什么颜色的？"), Message("assistant", "蓝色。"), Message("user", "草呢？")]
    with open_engine(Load(str(path), threads=1)) as engine:
        assert engine.model.template == "belle"
        events = engine.generate(Generate(1, tuple(talk), sampling=Sampling(temperature=0.0, repeat_penalty=1.0)))
        assert "".join(event.text for event in events if isinstance(event, Text)) == "绿色。"


def test_perplexity_and_bits_per_byte_of_held_out_text(tmp_path: Path) -> None:
    folder = run(tmp_path, eval_data=[str(tmp_path / "data.jsonl")], eval_every=2, max_steps=5)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "eval_loss" in row] == [2, 4, 5]
    last = rows[-1]
    assert last["eval_perplexity"] == pytest.approx(2.718281828459045 ** last["eval_loss"])
    trained, n_bytes = 0, 0
    from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer
    from tests.belle.training.runs import CONVERSATIONS

    vocabulary = HubVocabulary(load_tokenizer(TOKENIZER))
    for turns in CONVERSATIONS:
        for _, answer in turns:
            trained += len(vocabulary.tokenize(answer)) + 1
            n_bytes += len(answer.encode())
    bits = last["eval_loss"] * trained / 0.6931471805599453 / n_bytes
    # Every answer is decoded with the rest of its conversation here, where SentencePiece's spaces count too.
    assert last["eval_bits_per_byte"] == pytest.approx(bits, rel=0.05)


@pytest.mark.parametrize("quantization", [None, "nf4", "int8"])
def test_an_adapter_is_trained_and_the_base_is_not(tmp_path: Path, base: Path, quantization: str | None) -> None:
    before = (base / "model.safetensors").read_bytes()
    lora = {"r": 4, "alpha": 8, "dropout": 0.0}
    folder = run(
        tmp_path, model=str(base), lora=lora, quantization=quantization, epochs=12, learning_rate=0.02, batch_size=10
    )
    losses = metrics(folder, "loss")
    # Every step sees all the data, so that losses can be compared; a random head limits what adapters can reach.
    assert losses[-1] < losses[0] - 0.05
    assert (base / "model.safetensors").read_bytes() == before
    config = json.loads((folder / "final/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base)
    assert config["r"] == 4
    tensors = weights(folder / "final/adapter_model.safetensors")
    assert len(tensors) == 2 * 7 * 2  # A and B of seven matrices in two layers
    assert all(bool(tensor.any()) for tensor in tensors.values())
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"torch.float32"}
    assert not (folder / "final/model.safetensors").exists()
    assert json.loads((folder / "final/tokenizer_config.json").read_text())["belle_template"] == "belle"


def test_an_adapter_that_goes_on_is_resumed_exactly(tmp_path: Path, base: Path) -> None:
    import shutil
    from dataclasses import replace

    from belle.training.recipe.load import load_recipe
    from belle.training.stages.run import run_recipe

    lora = {"r": 4, "dropout": 0.3, "modules_to_save": ["lm_head"]}
    folder = run(tmp_path, model=str(base), lora=lora, save_every=3, epochs=2, learning_rate=0.02)
    whole = (folder / "final/adapter_model.safetensors").read_bytes()
    assert any("lm_head" in name for name in weights(folder / "final/adapter_model.safetensors"))
    shutil.rmtree(folder / "final")
    shutil.rmtree(folder / "step-6")
    run_recipe(replace(load_recipe(tmp_path / "recipe.yaml"), resume=True))
    assert (folder / "final/adapter_model.safetensors").read_bytes() == whole


def test_only_new_rows_are_trained(tmp_path: Path, base: Path) -> None:
    import shutil

    extended = shutil.copytree(base, tmp_path / "extended")
    config = json.loads((extended / "config.json").read_text())
    (extended / "config.json").write_text(json.dumps({**config, "first_new_token": 300}))
    folder = run(tmp_path, model=str(extended), freeze="new_rows", weight_decay=0.1, epochs=2)
    before, after = weights(base / "model.safetensors"), weights(folder / "final/model.safetensors")
    for name in before:
        rows = (before[name] != after[name]).reshape(len(before[name]), -1).any(dim=1)
        if name in ("model.embed_tokens.weight", "lm_head.weight"):
            assert not rows[:300].any()
            assert rows[300:].any()
        else:
            assert not rows.any(), name
    with pytest.raises(KnownError) as caught:
        run(tmp_path / "other", model=str(base), freeze="new_rows")
    assert caught.value.kind == "no_new_rows"


@pytest.mark.parametrize(
    "options", [{"gradient_checkpointing": True}, {"batching": "pack", "batch_size": 1}, {"batching": "pad"}]
)
def test_ways_to_compute_the_same(tmp_path: Path, options: dict[str, Any]) -> None:
    one = run(tmp_path / "one", batching="group", max_steps=1, accumulation=1, batch_size=10)
    other = run(tmp_path / "other", **{"max_steps": 1, "batch_size": 10, **options})
    if options.get("batching") != "pack":  # there, a step sees a block of samples, not all of them
        assert metrics(other, "loss") == pytest.approx(metrics(one, "loss"), rel=1e-5)
        assert largest_difference(one / "final/model.safetensors", other / "final/model.safetensors") < 1e-4
    assert metrics(other, "loss")[0] == pytest.approx(metrics(one, "loss")[0], rel=0.1)


def test_noise_is_added_only_while_training() -> None:
    import torch

    from belle.training.model.prepare import add_noise

    embedding = torch.nn.Embedding(10, 4)
    add_noise(embedding, alpha=6.0)
    ids = torch.arange(8).reshape(1, 8)
    clean = embedding.weight[ids]
    noise = (embedding(ids) - clean).abs()
    assert 0 < noise.max() <= 6.0 / (8 * 4) ** 0.5
    embedding.eval()
    assert torch.equal(embedding(ids), clean)


def wrong(tmp_path: Path, base: Path, name: str) -> dict[str, Any]:
    """Changes to a recipe (and files for it) that cannot work."""
    import shutil

    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(base, tmp_path / "copy")
    if name == "vocabulary_too_large":
        shutil.rmtree(copy)
        narrow = {"tokenizer": str(TOKENIZER), "hidden_size": 32, "num_hidden_layers": 1}
        copy = run(tmp_path / "narrow", init=narrow, max_steps=1) / "final"
        config = json.loads((copy / "config.json").read_text())
        tensors = load_file(copy / "model.safetensors")
        for key in ("model.embed_tokens.weight", "lm_head.weight"):
            tensors[key] = tensors[key][:-1].clone()
        save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
        (copy / "config.json").write_text(json.dumps({**config, "vocab_size": config["vocab_size"] - 1}))
    elif name == "no_tokenizer":
        for file in copy.glob("tokenizer*"):
            file.unlink()
    elif name == "weights_missing":
        tensors = load_file(copy / "model.safetensors")
        del tensors["lm_head.weight"]
        save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    elif name == "model_missing":
        (copy / "model.safetensors").unlink()
    elif name == "lora_target_missing":
        return {"model": str(copy), "lora": {"targets": ["query_key_value"]}}
    elif name == "adapter_empty":
        return {"model": str(copy), "lora": {"r": 2}, "learning_rate": 1e-60}
    elif name in ("no_samples", "file_empty"):
        row = {"conversations": [{"from": "human", "value": "unanswered"}]}
        (tmp_path / "empty.jsonl").write_text(json.dumps(row) if name == "no_samples" else "")
        return {"model": str(copy), "data": [str(tmp_path / "empty.jsonl")]}
    return {"model": str(copy)}


@pytest.mark.parametrize(
    "kind",
    [
        "vocabulary_too_large", "no_tokenizer", "weights_missing", "model_missing", "lora_target_missing",
        "adapter_empty", "no_samples", "file_empty",
    ],
)  # fmt: skip
def test_what_cannot_work_is_named(tmp_path: Path, base: Path, kind: str) -> None:
    with pytest.raises(KnownError) as caught:
        run(tmp_path, max_steps=1, **wrong(tmp_path, base, kind))
    assert caught.value.kind == kind
    record = json.loads((tmp_path / "run/run.json").read_text())["sessions"][-1]
    assert (record["status"], record["reason"]) == ("failed", str(caught.value))


def test_an_adapter_is_no_model_but_can_be_trained_on(tmp_path: Path, base: Path) -> None:
    first = run(tmp_path / "first", model=str(base), lora={"r": 2}, max_steps=2) / "final"
    with pytest.raises(KnownError, match="belle merge"):
        run(tmp_path / "whole", model=str(first))
    second = run(tmp_path / "second", model=str(first), lora={}, max_steps=1, learning_rate=1e-30) / "final"
    assert largest_difference(first / "adapter_model.safetensors", second / "adapter_model.safetensors") < 1e-12


def test_a_final_model_that_lies_wrong_on_the_disk_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    save = LlamaForCausalLM.save_pretrained

    def without_norms(model: Any, folder: Path, *, state_dict: dict[str, Any], **options: Any) -> None:
        save(model, folder, state_dict={k: v for k, v in state_dict.items() if "norm" not in k}, **options)

    monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", without_norms)
    with pytest.raises(KnownError, match=r"lacks the weights model\.layers\.0\.input_layernorm") as caught:
        run(tmp_path, max_steps=1)
    assert caught.value.kind == "export_wrong"
    assert not (tmp_path / "run/final").exists()


def test_recipes_are_chained(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    recipe_file(tmp_path / "base", max_steps=1)
    folder = run(tmp_path, model=str(tmp_path / "base/recipe.yaml"), max_steps=1)
    written = (tmp_path / "base/run/final/model.safetensors").stat().st_mtime_ns
    assert f"model: {tmp_path}/base/run/final\n" in (folder / "recipe.yaml").read_text()
    run(tmp_path / "again", model=str(tmp_path / "base/recipe.yaml"), max_steps=1)
    assert (tmp_path / "base/run/final/model.safetensors").stat().st_mtime_ns == written


def test_a_gpu_that_is_too_small_is_named_before_the_model_is_loaded(tmp_path: Path) -> None:
    from belle.training.estimate.fits import check_fits
    from belle.training.recipe.load import load_recipe

    recipe = load_recipe(recipe_file(tmp_path))
    check_fits(recipe, processes=1, available=1 << 30, device="GPU")
    with pytest.raises(KnownError, match="LoRA") as caught:
        check_fits(recipe, processes=1, available=1 << 20, device="GPU")
    assert caught.value.kind == "gpu_memory"


def test_a_chat_model_that_pads_with_its_end_learns_in_its_own_template_where_answers_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests.belle.chat_programs import LLAMA_3

    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    turns = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer.add_special_tokens({"additional_special_tokens": turns})
    tokenizer.pad_token = tokenizer.eos_token = "<|eot_id|>"
    tokenizer.chat_template = LLAMA_3
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    init = {"tokenizer": str(tmp_path / "tokenizer"), **shape}
    folder = run(tmp_path, init=init, **LEARN)
    assert "template: the model's own" in capsys.readouterr().out
    assert samples(folder) == ANSWERS
    final = AutoTokenizer.from_pretrained(folder / "final")
    assert final.chat_template == LLAMA_3
    question = [{"role": "user", "content": "What is the sea?"}]
    ids = final.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    model = AutoModelForCausalLM.from_pretrained(folder / "final")
    written = model.generate(**ids, max_new_tokens=24, do_sample=False)[0, ids["input_ids"].shape[1] :]
    assert final.decode(written) == "Salt water.<|eot_id|>"
