"""`belle inspect` of a Whisper: of the file, and of the checkpoint that it is made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from belle.cli.main import main
from belle.errors import KnownError
from convert.inspection import describe
from convert.pipeline import convert
from convert.plan.options import ConvertOptions
from tests.convert.whisper import tiny

pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")

SHAPE = {
    "encoder layers": 2,
    "decoder layers": 1,
    "width": 128,
    "encoder heads": 2,
    "decoder heads": 4,
    "mel bands": 128,
    "vocabulary": 51866,
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = tiny.random_model(51866, num_mel_bins=128, decoder_layers=1, decoder_attention_heads=4)
    return tiny.save(tmp_path_factory.mktemp("belle-whisper"), model)


@pytest.fixture(scope="module")
def file(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "belle-whisper.bin"
    convert(checkpoint, path, ConvertOptions(types=("q5_0",)))
    return path


def test_file_and_checkpoint_are_described_alike(checkpoint: Path, file: Path) -> None:
    one, other = describe(file), describe(checkpoint)
    assert one.kind == "Whisper file"
    assert other.kind == "Whisper checkpoint"
    for description in (one, other):
        assert description.architecture == "whisper"
        assert description.sizes == SHAPE
        assert description.context_length == 448
        assert description.tokenizer is not None
        assert description.tokenizer.n_tokens == 50257
        assert description.notes == ()
    assert one.n_weights == other.n_weights
    assert one.quantization == "Q5_0"
    assert one.facts == {"hears": "30 s at a time", "languages": 100}
    assert one.n_bytes == file.stat().st_size
    assert {share.type for share in one.types} == {"Q5_0", "F16", "F32"}


def test_the_command(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(file), "--tensors"]) == 0
    printed = capsys.readouterr().out
    assert "Whisper file, belle-whisper" in printed
    assert "chat template" not in printed
    assert "decoder.blocks.0.cross_attn.key.weight" in printed
    assert main(["inspect", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sizes"] == SHAPE


@pytest.mark.parametrize(
    ("change", "words"), [({"decoder_ffn_dim": 100}, "four times"), ({"vocab_size": 9}, "vocab_size is 9")]
)
def test_what_prevents_the_conversion_is_a_note(
    change: dict[str, Any], words: str, checkpoint: Path, tmp_path: Path
) -> None:
    for entry in checkpoint.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    config = json.loads((checkpoint / "config.json").read_text())
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    assert any(words in note for note in describe(tmp_path).notes)


def test_a_cut_file_is_incomplete(file: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.bin").write_bytes(file.read_bytes()[:-1])
    with pytest.raises(KnownError, match=r"cut.bin is incomplete"):
        describe(tmp_path / "cut.bin")
