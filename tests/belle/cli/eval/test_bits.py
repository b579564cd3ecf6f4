"""What fewer bits change, from the weights to the table: both files measured, asked, scored and reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belle.cli.main import main
from tests.support.quantized import quantize_starter

ITEMS = [
    {"id": str(n), "class": "math", "question": f"What is {n} + 2?", "checks": [{"type": "number", "value": n + 2}]}
    for n in range(6)
]


@pytest.mark.slow
def test_the_measured_loss_stands_beside_the_flips_of_the_same_files(
    tmp_path: Path, starter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few_bits = quantize_starter(tmp_path / "few-bits.gguf")
    text, items, folder = tmp_path / "text.txt", tmp_path / "items.jsonl", tmp_path / "out"
    text.write_text("The quick brown fox jumps over the lazy dog, and the dog sleeps on. " * 40, encoding="utf-8")
    items.write_text("".join(f"{json.dumps(item)}\n" for item in ITEMS), encoding="utf-8")
    measured = ["--text", str(text), "--ctx", "64", "--chunks", "2", "--threads", "2", "-o", str(tmp_path / "measured")]
    assert main(["measure", str(starter), str(few_bits), *measured]) == 0
    asked = ["--set", str(items), "-o", str(folder), "--max-tokens", "12", "--threads", "2"]
    assert main(["eval", "run", str(starter), str(few_bits), *asked]) == 0
    assert main(["eval", "judge", str(folder), "--set", str(items), "--judge", str(starter), "--threads", "2"]) == 0
    capsys.readouterr()
    words = ["--set", str(items), "--reference", starter.stem, "--measure", str(tmp_path / "measured")]
    assert main(["eval", "report", str(folder), *words, "-o", str(tmp_path / "r.json")]) == 0
    told = capsys.readouterr().out
    assert "Mean KL" in told
    loss = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["quantization"]
    figures = {figure["name"]: figure["value"] for figure in loss["models"][0]["measured"]}
    assert figures["Mean KL"] > 0
    assert figures["Size"] == few_bits.stat().st_size
    assert loss["models"][0]["n_rules"] == len(ITEMS)
    assert loss["notes"] == []
