"""What a file says of its sampling is taken, as far as it makes sense."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf import GGUFWriter

from belle.engine.answer.file_sampling import sampling_of_file
from belle.engine.process.commands import Sampling
from belle.gguf.reader import read_header

BASE = Sampling(temperature=0.9, top_k=11)


def header(tmp_path: Path, **stated: float | int | str) -> Sampling:
    path = tmp_path / "model.gguf"
    writer = GGUFWriter(str(path), "llama")
    for name, value in stated.items():
        key = f"general.sampling.{name}"
        if isinstance(value, str):
            writer.add_string(key, value)
        elif isinstance(value, int):
            writer.add_int32(key, value)
        else:
            writer.add_float32(key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sampling_of_file(read_header(path), BASE)


def test_what_the_file_states_is_taken(tmp_path: Path) -> None:
    stated = {"temp": 0.6, "top_k": 20, "top_p": 0.95, "min_p": 0.0, "penalty_repeat": 1.05, "penalty_last_n": 128}
    assert header(tmp_path, **stated) == Sampling(0.6, 20, 0.95, 0.0, 1.05, 128)


def test_a_file_that_states_nothing_changes_nothing(tmp_path: Path) -> None:
    assert header(tmp_path) == BASE


@pytest.mark.parametrize(
    ("name", "value"),
    [("temp", -1.0), ("temp", float("nan")), ("temp", "hot"), ("top_k", -5), ("top_p", 7.0), ("penalty_repeat", 0.0)],
)
def test_what_makes_no_sense_is_ignored(tmp_path: Path, name: str, value: float | str) -> None:
    assert header(tmp_path, **{name: value}) == BASE
