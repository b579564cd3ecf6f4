"""A folder that is not there is said to be so, and never becomes a question to the network."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.cli.main import main
from belle.errors import KnownError
from belle.model_names import check_model_name, is_on_the_hub
from belle.training.recipe.load import load_recipe
from tests.belle.training.runs import TOKENIZER, recipe_file


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models in it, without a network."""
    for name in ("models/llama-7b", "models/qwen", "mine/best"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    def no_network(*_arguments: Any, **_options: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("Qwen/Qwen3-0.6B", True),
        ("bigscience/bloomz-7b1-mt", True),
        ("hub:models/anything", True),
        ("models/nowhere", False),
        ("mine/nowhere", False),
        ("checkpoints/step-100", False),
        ("build/final", False),
        ("./owner/name", False),
        ("../owner/name", False),
        ("/owner/name", False),
        ("~/name", False),
        ("a/b/c", False),
        ("nowhere", False),
        ("owner/recipe.yaml", False),
        ("owner/model.gguf", False),
        ("owner/", False),
        ("owner\\name", False),
        ("", False),
    ],
)
def test_what_is_a_folder_and_what_is_on_the_hub(here: Path, name: str, hub: bool) -> None:
    assert is_on_the_hub(name) is hub


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("models/llama-7", "Did you mean models/llama-7b?"),
        ("models/nowhere", "In models there are: llama-7b, qwen."),
        ("nothing/of/this", "Name a folder that exists"),
        ("modles", "Did you mean models?"),
    ],
)
def test_a_folder_that_is_not_there_is_named_with_near_ones(here: Path, name: str, words: str) -> None:
    with pytest.raises(KnownError, match=r"does not exist") as found:
        check_model_name(name)
    assert found.value.kind == "model_missing"
    assert words in found.value.advice


@pytest.mark.parametrize("name", ["models/nowhere", "./models/nowhere", "models/llama-7"])
def test_no_command_asks_the_network_for_a_folder(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = recipe_file(here / "recipes", model=name)
    adapter = Path(shutil.copytree(TOKENIZER, here / "adapter"))
    (adapter / "adapter_config.json").write_text(f'{{"base_model_name_or_path": "{name}", "peft_type": "LORA"}}')
    data = here / "recipes/data.jsonl"
    for command in (
        ["train", str(recipe)],
        ["train", str(recipe), "--dry-run"],
        ["generate", name, "--data", str(data), "-o", "answers.jsonl"],
        ["generate", str(adapter), "--data", str(data), "-o", "more.jsonl", "--template", "belle"],
        ["merge", str(adapter), "-o", "merged"],
    ):
        assert main(command) == 2, command
        told = capsys.readouterr().err
        assert name.removeprefix("./") in told, command
        assert "Traceback" not in told
        assert "llama-7b" in told or "Copy tokenizer" in told, (command, told)


def test_a_recipe_finds_folders_beside_itself_and_names_those_near(here: Path) -> None:
    (here / "recipes/bases/llama-13b").mkdir(parents=True)
    path = recipe_file(here / "recipes", model="bases/llama-13")
    with pytest.raises(KnownError, match="no such file or folder") as found:
        load_recipe(path)
    assert "bases/llama-13b?" in found.value.advice


@given(st.text(max_size=30) | st.just("a" * 5000) | st.just("models/\0"))
def test_any_name_is_decided(name: str) -> None:
    assert is_on_the_hub(name) in (True, False)
    try:
        check_model_name(name)
    except KnownError as error:
        assert error.kind == "model_missing"
