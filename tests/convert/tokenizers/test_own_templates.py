"""The chat templates that a checkpoint has itself, in whichever file; and the choice between them and built-in ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from belle.errors import KnownError
from convert.tokenizers import read_tokenizer
from convert.tokenizers.vocabulary import Tokenizer
from tests.convert.checkpoints import byte_tokenizer
from tests.convert.tokenizers.folders import FolderCheckpoint, llama_folder, llama_pieces

N_LLAMA = len(llama_pieces())


def read(folder: Path, template: str | None = None, **files: Any) -> Tokenizer:
    folder.mkdir(exist_ok=True)
    return read_tokenizer(llama_folder(folder, **files), N_LLAMA, template=template)


def test_from_each_file(tmp_path: Path) -> None:
    assert read(tmp_path / "a", tokenizer_config={"chat_template": "one"}).chat_templates == {"default": "one"}
    named = [{"name": "default", "template": "two"}, {"name": "tools", "template": "three"}]
    tokenizer = read(tmp_path / "b", tokenizer_config={"chat_template": named})
    assert tokenizer.chat_templates == {"default": "two", "tools": "three"}
    by_name = {part["name"]: part["template"] for part in named}
    assert read(tmp_path / "d", tokenizer_config={"chat_template": by_name}).chat_templates == by_name
    entries = {e.key: e.value for e in tokenizer.metadata()}
    assert entries["tokenizer.chat_template"] == "two"
    assert entries["tokenizer.chat_template.tools"] == "three"
    assert entries["tokenizer.chat_templates"] == ["tools"]
    (tmp_path / "b" / "chat_template.jinja").write_text("four")
    assert read(tmp_path / "b").chat_templates == {"default": "four"}
    assert read(tmp_path / "c", chat_template={"chat_template": "five"}).chat_templates == {"default": "five"}


def test_named_ones_without_a_default_are_written_and_reported(tmp_path: Path) -> None:
    for number, stated in enumerate(([{"name": "tool_use", "template": "two"}], {"tool_use": "two"})):
        tokenizer = read(tmp_path / str(number), tokenizer_config={"chat_template": stated})
        assert tokenizer.chat_templates == {"tool_use": "two"}
        assert any("tool_use" in note and "“default”" in note for note in tokenizer.notes)


@pytest.mark.parametrize("names", [["default", "tool_use", "rag"], ["default"], ["rag"]], ids=str)
def test_all_that_transformers_saves_are_read(names: list[str], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    byte_tokenizer(tmp_path, 300)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    theirs.chat_template = {name: f"the {name} one" for name in names}
    theirs.save_pretrained(tmp_path)
    assert (tmp_path / "additional_chat_templates").is_dir() == (names != ["default"])
    ours = read_tokenizer(FolderCheckpoint(tmp_path), 300).chat_templates
    assert ours == theirs.chat_template
    again = transformers.AutoTokenizer.from_pretrained(tmp_path).chat_template
    assert (again if isinstance(again, dict) else {"default": again}) == ours


def test_files_of_further_templates_win_over_what_the_configuration_says(tmp_path: Path) -> None:
    (tmp_path / "additional_chat_templates").mkdir()
    (tmp_path / "additional_chat_templates" / "rag.jinja").write_text("two")
    (tmp_path / "additional_chat_templates" / "._rag.jinja").write_bytes(b"\xff of another system")
    (tmp_path / "additional_chat_templates" / "notes.txt").write_text("three")
    tokenizer = read(tmp_path, tokenizer_config={"chat_template": "one"})
    assert tokenizer.chat_templates == {"rag": "two"}
    assert any("additional_chat_templates names chat templates ('rag')" in note for note in tokenizer.notes)
    entries = {entry.key: entry.value for entry in tokenizer.metadata()}
    assert entries["tokenizer.chat_template.rag"] == "two"
    (tmp_path / "additional_chat_templates" / "rag.jinja").write_bytes(b"\xff")
    with pytest.raises(KnownError, match=r"rag\.jinja is damaged"):
        read(tmp_path)


@pytest.mark.parametrize("given", ["", " \n", [], {}, {"default": ""}, [{"name": "rag", "template": ""}]])
def test_an_empty_one_counts_as_none_and_is_reported(given: Any, tmp_path: Path) -> None:
    for file in ("tokenizer_config", "chat_template"):
        tokenizer = read(tmp_path / file, **{file: {"chat_template": given}})
        assert tokenizer.chat_templates == {}
        assert any(f"{file}.json" in note and "is empty" in note for note in tokenizer.notes)


def test_an_empty_file_counts_as_none_and_is_reported(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("\n")
    tokenizer = read(tmp_path, tokenizer_config={"chat_template": "one"})
    assert tokenizer.chat_templates == {}
    assert any("chat_template.jinja is empty" in note for note in tokenizer.notes)


@pytest.mark.parametrize("given", [
    3, 0, True, False, ["one"], {"default": None}, {"default": ["one"]}, [{"name": "default"}],
    [{"template": "one"}], [{"name": "default", "template": "one"}, {"name": 3, "template": "two"}], [None],
])  # fmt: skip
def test_what_is_no_template_is_refused_unless_one_is_given(given: Any, tmp_path: Path) -> None:
    for file in ("tokenizer_config", "chat_template"):
        with pytest.raises(KnownError, match=f"{file}.json says chat_template") as caught:
            read(tmp_path / file, **{file: {"chat_template": given}})
        assert caught.value.kind == "template_error"
        assert read(tmp_path / file, "none", **{file: {"chat_template": given}}).chat_templates == {}


def test_a_missing_one_is_reported(tmp_path: Path) -> None:
    tokenizer = read(tmp_path / "other-7b")
    assert tokenizer.chat_templates == {}
    assert "--template" in tokenizer.notes[-1]


def test_belle_in_the_cache_of_the_hub(tmp_path: Path) -> None:
    folder = tmp_path / "models--BelleGroup--BELLE-LLaMA-7B-2M-enc" / "snapshots" / "0a1b"
    folder.mkdir(parents=True)
    assert "belle-v0" in read(folder).notes[-1]


def test_belle_by_name(tmp_path: Path) -> None:
    tokenizer = read(tmp_path / "BELLE-Llama2-13B-chat-0.4M")
    assert "Assistant:\\n" in tokenizer.chat_templates["default"]
    assert "belle-llama2" in tokenizer.notes[-1]
    assert tokenizer.flags["add_bos_token"] is False


def test_given(tmp_path: Path) -> None:
    own = {"chat_template": "own"}
    tokenizer = read(tmp_path / "x", "belle-v0", tokenizer_config=own)
    assert "Human: " in tokenizer.chat_templates["default"]
    assert tokenizer.flags["add_bos_token"] is True
    assert read(tmp_path / "x", "none", tokenizer_config=own).chat_templates == {}
    with pytest.raises(KnownError) as caught:
        read(tmp_path / "x", "bell")
    assert caught.value.kind == "unknown_template"
