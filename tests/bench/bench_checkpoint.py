"""What a checkpoint costs that cannot be half-written: fsync, sha256 of everything, manifest, rename, the old one gone.

Compared with writing the same files plainly: `save_pretrained` and the optimizer's state, 20 million weights and two
moments each, 240 MB. Both write to new folders on the same disk, in turns; the median of the turns' ratios counts. The
first row is how long training is held up, the second how long it takes until the checkpoint is safe on the disk: that
is beside the training, and bounded by what the disk takes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from belle.training.checkpoints.store import CheckpointStore
from belle.training.run_folder import RunFolder
from tests.bench.measure import Measure, at_most

TURNS = 7


def run() -> list[Measure]:
    """The row of the table."""
    logging.disable_progress_bar()
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=16384,
            hidden_size=384,
            intermediate_size=1024,
            num_hidden_layers=4,
            num_attention_heads=6,
        )
    )
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.zeros(1, 4, dtype=torch.long)).logits.sum().backward()
    optimizer.step()

    def write(folder: Path) -> None:
        model.save_pretrained(folder)
        torch.save(optimizer.state_dict(), folder / "optimizer.pt")

    # In the repository, not in /tmp: that may be memory.
    build = Path(__file__).parents[2] / "build"
    build.mkdir(exist_ok=True)
    held, safe = [], []
    with (
        tempfile.TemporaryDirectory(dir=build) as name,
        CheckpointStore(RunFolder(Path(name, "run")), keep_last=1) as store,
    ):
        for turn in range(-1, TURNS):  # the first, in memory that nobody has used yet, does not count
            plain = Path(name, "plain")
            plain.mkdir()
            usual = _seconds(lambda plain=plain: write(plain))
            shutil.rmtree(plain)
            save = _seconds(lambda turn=turn: store.save(turn + 1, write, recipe={"stage": "sft"}, wait=False))
            start = time.perf_counter()
            store.settle()
            if turn >= 0:
                held.append(save / usual)
                safe.append((save + time.perf_counter() - start) / usual)
    usually = "÷ plain save_pretrained + optimizer state"
    return [
        at_most(f"training: time that a checkpoint holds it up {usually}", statistics.median(held), 1.2),
        at_most(f"training: time until a checkpoint is on the disk {usually}", statistics.median(safe), 4),
    ]


def _seconds(action: Callable[[], object]) -> float:
    os.sync()  # what earlier turns left to be written is not on this one's account
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for row in run():
        print(row)
