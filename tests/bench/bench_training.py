"""Training on this machine: our batches against transformers' default, our step and data preparation against trl's,
and what the loss takes where the vocabulary is large.

    python -m tests.bench training                             # about ten minutes on two cores
    BENCH_TRAINING_ROWS=20000 python -m tests.bench training   # a fifth of the conversations for the preparation
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import Measure, at_least, at_most
from tests.bench.training_parts import ROOT, write_conversations

ROWS = int(os.environ.get("BENCH_TRAINING_ROWS", "100000"))
STEP_ROWS = 2000
TRL_SETTINGS = ("plain", "grouped", "padding_free", "packed")


def run() -> list[Measure]:
    """Every part in a process of its own, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_conversations(folder / "steps.jsonl", STEP_ROWS)
        write_conversations(folder / "rows.jsonl", ROWS)
        ours = part("steps", folder, "group")
        default = part("steps", folder, "default")
        trl = {setting: part("trl_steps", folder, setting)["tokens"] for setting in TRL_SETTINGS}
        best = max(trl, key=lambda setting: trl[setting])
        prepared, mapped = part("prepare", folder, "ours"), part("prepare", folder, "trl")
        loss = part("loss", folder, "ours")
    return [
        at_least(
            "trained tokens/s ÷ padding to the longest in the batch",
            ours["trained"] / default["trained"],
            2.0,
        ),
        at_least(f"tokens/s ÷ trl SFTTrainer ({best})", ours["tokens"] / trl[best], 1.0),
        at_least(f"data preparation, rows/s ÷ trl's map ({ROWS:,} rows)", prepared["rows"] / mapped["rows"], 2.0),
        at_most(f"peak memory of data preparation in MB ({ROWS:,} rows)", prepared["peak_mb"], 1000),
        at_most("peak memory of the loss ÷ full logits (vocabulary 250,880)", loss["ratio"], 0.35),
    ]


def part(name: str, folder: Path, which: str) -> dict[str, float]:
    """One measurement of `training_parts`."""
    command = [sys.executable, "-m", "tests.bench.training_parts", name, str(folder), which]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"  {name} {which}: {found}", file=sys.stderr, flush=True)
    return found
