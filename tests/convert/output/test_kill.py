"""SIGKILL at any moment loses nothing but time: the next run goes on and ends with the same bytes."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from belle.gguf.writer import serialize
from convert.output.part_file import journal_path, part_path
from tests.convert.output.kill_driver import model_of
from tests.convert.tiny_models import plan

KILLS = 20


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "weights.npy"
    rng = np.random.default_rng(5)
    np.save(path, (rng.standard_normal((4, 1500, 1024), dtype=np.float32) * 0.02).astype(np.float16))
    return path


def start(weights: Path, out: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.convert.output.kill_driver", str(weights), str(out)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> None:
    with process:
        assert process.wait(timeout=120) == 0


def check_journal(weights: Path, out: Path) -> int:
    """Every line stands for bytes that are there. Returns how many lines there are."""
    if not journal_path(out).exists() or not part_path(out).exists():
        return 0
    model = model_of(weights)
    plans = plan(model, "q4_k_m")
    data_start = len(serialize(model.metadata, [entry.info for entry in plans]))
    data = part_path(out).read_bytes()
    lines = journal_path(out).read_text().splitlines()[1:]
    for line in lines:
        try:
            tensor, first, last, checksum = json.loads(line)
        except ValueError:
            assert line == lines[-1]
            continue
        begin = data_start + plans[tensor].offset + first * plans[tensor].row_bytes
        assert zlib.crc32(data[begin : begin + (last - first) * plans[tensor].row_bytes]) == checksum
    return len(lines)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_killed_twenty_times(weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.gguf"
    began = time.monotonic()
    finish(start(weights, out))
    seconds = time.monotonic() - began
    whole = out.read_bytes()
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    kills = recorded = 0
    while kills < KILLS:
        process = start(weights, out)
        time.sleep(chance.random() * seconds)
        process.kill()
        with process:
            killed = process.wait(timeout=60) != 0
        kills += killed
        if killed:
            recorded += check_journal(weights, out) > 0
        if out.exists():
            assert out.read_bytes() == whole
            out.unlink()
    assert recorded > 0, "no kill met a conversion under way"
    finish(start(weights, out))
    assert out.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["m.gguf"]
