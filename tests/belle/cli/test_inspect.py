"""`belle inspect` in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belle.cli.main import main
from tests.belle.engine import tiny_gguf
from tests.convert.checkpoints import bloom_checkpoint, llama_shapes
from tests.convert.lora.adapters import adapter_for, save_adapter


def test_a_model_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "starter", "--tensors"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("architecture    llama, Q4_1") for line in lines)
    assert any("byte-level BPE, pre-tokenizer smollm, 49,152 tokens" in line for line in lines)
    assert any("eos 2 <|im_end|>" in line for line in lines)
    assert any("4,096 tokens: " in line for line in lines)
    assert sum(line.startswith("blk.") for line in lines) > 200


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "starter", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["kind"] == "GGUF"
    assert plain["bits_per_weight"] == pytest.approx(5.74, abs=0.01)
    assert "tensors" not in plain
    assert main(["inspect", "starter", "--json", "--tensors"]) == 0
    assert len(json.loads(capsys.readouterr().out)["tensors"]) == 272


def test_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(bloom_checkpoint(tmp_path, layers=1))]) == 0
    shown = capsys.readouterr().out
    assert "checkpoint" in shown
    assert "bloom" in shown
    assert "chat template   none" in shown


def test_few_weights_are_counted_to_the_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shapes = llama_shapes(width=256, ffn=512, layers=1, vocabulary=320, kv_width=256)
    save_adapter(tmp_path, adapter_for(shapes, ("q_proj",)))
    assert main(["inspect", str(tmp_path)]) == 0
    assert "weights         2,048 in 2 tensors" in capsys.readouterr().out


def test_a_file_that_commands_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = tiny_gguf.ENTRIES | {"general.name": "\x1b]0;title\x07\x1b[2Jgone\r", "general.license": "a\x9bb"}
    (tmp_path / "m.gguf").write_bytes(tiny_gguf.whole(entries=entries))
    assert main(["inspect", str(tmp_path / "m.gguf")]) == 0
    shown = capsys.readouterr().out
    assert not any(ord(letter) < 32 and letter != "\n" for letter in shown)
    assert "gone" in shown
    assert "a\\x9bb" in shown


@pytest.mark.parametrize(
    ("name", "words"), [("no-such-model", "There is no model"), ("./nothing.gguf", "does not exist")]
)
def test_what_is_not_there(name: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", name]) == 2
    assert words in capsys.readouterr().err
