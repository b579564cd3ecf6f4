"""Recipes: how they are read, which errors a wrong one gives, and what `--set` does."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from belle.training.recipe.fields import FieldError
from belle.training.recipe.load import dump_recipe, load_recipe
from belle.training.recipe.options import InitOptions, LoraOptions
from belle.training.recipe.schema import Recipe

GOOD = """\
stage: sft
output_dir: build/x
model: someone/model
data: [data.jsonl, {path: more.jsonl, weight: 2}]
learning_rate: 2e-5
lora: {r: 8}
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("data.jsonl", "more.jsonl"):
        (tmp_path / "recipes").mkdir(exist_ok=True)
        (tmp_path / "recipes" / name).write_text("{}\n")
    file = tmp_path / "recipes" / "recipe.yaml"
    file.write_text(GOOD)
    return file


def test_a_recipe_is_read(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.learning_rate == 2e-5  # YAML itself takes 2e-5 for a text
    assert recipe.lora == LoraOptions(r=8)
    assert [file.path for file in recipe.data] == [path.parent / "data.jsonl", path.parent / "more.jsonl"]
    assert [file.weight for file in recipe.data] == [1.0, 2.0]
    assert recipe.output_dir == Path("build/x")
    assert recipe.source == path


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ("larning_rate=3", "larning_rate", "Did you mean “learning_rate”?"),
        ("lora.rr=3", "lora.rr", "Did you mean “lora.r”?"),
        ("lora=3", "lora", "a mapping"),
        ("lora.r=0", "lora.r", "at least 1"),
        ("lora.targets=q_proj", "lora.targets", "“all-linear” or a list"),
        ("epochs=many", "epochs", "a number, not 'many'"),
        ("epochs=.nan", "epochs", "a number"),
        ("epochs=0", "epochs", "above 0"),
        ("epochs=1e300", "epochs", "at most 10,000"),
        ("min_learning_rate=1", "min_learning_rate", "not be above learning_rate, 2e-05"),
        ("seed=18446744073709551616", "seed", "below 2 to the power of 63"),
        ("sample_prompts=[Hello, '']", "sample_prompts[1]", "is empty"),
        ('sample_prompts=["\\ud800"]', "sample_prompts[0]", "half a character"),
        ("model=''", "model", "is missing"),
        ("batch_size=2.5", "batch_size", "a whole number"),
        ("batch_size=true", "batch_size", "a whole number, not true"),
        ("learning_rate=-1", "learning_rate", "above 0"),
        ("betas=[0.9]", "betas", "a list of 2"),
        ("betas=[0.9, 1]", "betas", "below 1"),
        ("stage=sfd", "stage", "Did you mean “sft”?"),
        ("batching=packs", "batching", "Did you mean “pack”?"),
        ("data=[]", "data", "is missing"),
        ("data=nowhere.jsonl", "data", "nowhere.jsonl, which does not exist"),
        ("data=[{path: data.jsonl, wieght: 3}]", "data[0].wieght", "Did you mean “data[0].weight”?"),
        ("eval_every=5", "eval_every", "eval_data"),
        ("model=nowhere", "model", "no such file or folder"),
        ("model=null", "model", "missing"),
        ("quantization=nf5", "quantization", "Did you mean “nf4”?"),
        ("source=x", "source", "not a key"),
        ("deepspeed=nowhere.json", "deepspeed", "does not exist"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(path: Path, change: str, key: str, words: str) -> None:
    with pytest.raises(KnownError) as found:
        load_recipe(path, [change])
    assert found.value.kind == "recipe_wrong"
    assert found.value.details["key"] == key
    assert str(path) in found.value.message
    assert words in str(found.value)


@pytest.mark.parametrize(
    "text", ["- a list", "stage: sft", "a: b: c", "stage: {", "", "stage: sft\noutput_dir: x\nmodel: a/b"]
)
def test_a_file_that_is_not_a_recipe_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(KnownError) as found:
        load_recipe(path)
    assert found.value.kind == "recipe_wrong"


@given(st.binary(max_size=200))
def test_any_file_is_a_recipe_or_a_known_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_bytes(content)
    with pytest.raises(KnownError):
        load_recipe(file)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from([name for name in Recipe.__dataclass_fields__ if name != "output_dir"]), value=VALUES)
@settings(deadline=None)
def test_any_value_is_taken_or_a_known_error(tmp_path_factory: pytest.TempPathFactory, key: str, value: object) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "data.jsonl").write_text("{}\n")
    (folder / "more.jsonl").write_text("{}\n")
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(GOOD), key: value}))
    try:
        assert isinstance(load_recipe(file), Recipe)
    except KnownError as error:
        assert error.kind in ("recipe_wrong", "unknown_template")


def test_the_dump_is_the_same_recipe_from_anywhere(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(path, ["betas=[0.8, 0.9]"])
    copy = tmp_path / "copy.yaml"
    copy.write_text(dump_recipe(recipe))
    monkeypatch.chdir("/")
    again = load_recipe(copy)
    assert replace(again, output_dir=recipe.output_dir) == recipe
    assert again.output_dir == tmp_path / "build/x"
    assert dump_recipe(again) == dump_recipe(replace(recipe, output_dir=tmp_path / "build/x"))


def test_set_reaches_inside_and_replaces_init(path: Path) -> None:
    (path.parent / "tokenizer").mkdir()
    path.write_text(GOOD.replace("model: someone/model", "init: {tokenizer: tokenizer}").replace("lora: {r: 8}", ""))
    recipe = load_recipe(path, ["init.hidden_size=512"])
    assert recipe.init is not None
    assert recipe.init.hidden_size == 512
    assert recipe.init.tokenizer == path.parent / "tokenizer"
    loaded = load_recipe(path, ["model=someone/other", "lora.alpha=3"])
    assert loaded.init is None
    assert loaded.model == "someone/other"
    assert loaded.lora == LoraOptions(alpha=3)


def test_paths_of_the_command_line_are_relative_to_the_current_folder(path: Path, tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text("{}\n")
    assert load_recipe(path, ["data=data.jsonl"]).data[0].path == Path("data.jsonl")
    assert load_recipe(path, ["data=more.jsonl"]).data[0].path == path.parent / "more.jsonl"
    (path.parent / "base.yaml").write_text(GOOD)
    assert load_recipe(path, ["model=base.yaml"]).model == str(path.parent / "base.yaml")


@pytest.mark.parametrize("text", ["learning_rate", "=3", "lora..r=3", "stage.x=3", "model=[", "lora.=3"])
def test_an_override_that_is_not_key_and_value_is_refused(path: Path, text: str) -> None:
    with pytest.raises(KnownError) as found:
        load_recipe(path, [text])
    assert found.value.kind in ("override_wrong", "recipe_wrong")
    assert text.partition("=")[0] in str(found.value)


@pytest.mark.parametrize(
    "changes",
    [
        ["lora=null", "quantization=nf4"],
        ["quantization=nf4", "deepspeed=data.jsonl"],
        ["freeze=new_rows"],
        ["init={tokenizer: .}", "model=a/b", "init={tokenizer: .}"],
    ],
)
def test_keys_that_exclude_each_other_are_refused(path: Path, changes: list[str]) -> None:
    with pytest.raises(KnownError, match=r"exclude|needs"):
        load_recipe(path, changes)


def test_nothing_heavy_is_imported(path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from belle.training.recipe.load import load_recipe;"
        f"load_recipe(Path({str(path)!r}));"
        "print([m for m in ('torch', 'numpy', 'transformers', 'jinja2') if m in sys.modules])"
    )
    root = Path(__file__).parents[4]
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=root, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("key", ["output_dir", "data", "eval_data", "model", "tokenizer", "deepspeed"])
def test_pipes_devices_and_impossible_names_are_refused_before_anything_runs(tmp_path: Path, key: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file.jsonl").write_text('{"instruction": "a", "output": "b"}\n', encoding="utf-8")
    (tmp_path / "recipe.yaml").write_text("stage: sft\noutput_dir: run\nmodel: .\ndata: file.jsonl\ntemplate: belle\n")
    for value, words in ((tmp_path / "pipe", "is a pipe"), ("/dev/full", "is a device"), ("x" * 300, "too long")):
        with pytest.raises(KnownError, match=words):
            load_recipe(tmp_path / "recipe.yaml", [f"{key}={value}"])
    if key == "output_dir":
        with pytest.raises(KnownError, match="is a file; a folder is written"):
            load_recipe(tmp_path / "recipe.yaml", [f"{key}={tmp_path / 'file.jsonl'}"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"initializer_range": -1.0}, "initializer_range must be above 0, and at most 1"),
        ({"initializer_range": 2.0}, "initializer_range must be above 0, and at most 1"),
        ({"rope_theta": 0.0}, "rope_theta must be above 0"),
        ({"rms_norm_eps": -1e-6}, "rms_norm_eps must be above 0"),
    ],
)
def test_impossible_numbers_of_a_new_model_are_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(FieldError, match=words):
        InitOptions(tokenizer=Path("tokenizer"), **changes)  # type: ignore[arg-type]


def test_an_output_dir_that_is_a_file_is_refused_with_its_key(path: Path) -> None:
    with pytest.raises(KnownError) as found:
        load_recipe(path, ["model=.", f"output_dir={path}"])
    assert found.value.advice == "Name another output_dir."
