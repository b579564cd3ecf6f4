"""A training run is killed, between any two things that it does to files and at any other moment; resumed, it goes on
from a whole checkpoint and ends with the weights, the optimizer and the log of a run that nobody disturbed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from belle.training.checkpoints.store import CheckpointStore
from belle.training.run_folder import RunFolder
from tests.belle.training.runs import metrics, recipe_file

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
STEPS = 10
KILLS = 10
# NEFTune draws random numbers in every step, so that a lost generator would be seen in the weights.
RECIPE = {"neftune_alpha": 5.0, "batch_size": 2, "epochs": 2, "save_every": 3, "keep_last": 2, "log_every": 2}


class Driver:
    """See tests/faults/training_driver.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.training_driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"},
        )
        assert self._line() == "ready\n"

    def run(self, recipe: Path, how: str = "never", amount: float = 0) -> dict[str, Any]:
        """Train on from where the folder stands. Returns the wait status and the number of file events."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{how} {amount} {recipe}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._line())
        killed = answer["status"] == signal.SIGKILL
        assert killed or answer["status"] == 0, "the run failed by itself; its traceback is above"
        return {**answer, "killed": killed}

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            assert self._process.wait(timeout=60) == 0

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.close()


@dataclass(frozen=True)
class Undisturbed:
    """A whole run: its folder, how many things it did to files, and how long it took."""

    run: Path
    events: int
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.monotonic()
    answer = driver.run(recipe_file(folder, **RECIPE))
    run = folder / "run"
    assert {path.name for path in run.glob("step-*")} == {"step-9", f"step-{STEPS}"}
    return Undisturbed(run, answer["events"], time.monotonic() - began)


def newest_step(run: Path) -> int:
    """The step that a resumed run would go on from; 0: from the beginning. Changes nothing."""
    if not run.exists():
        return 0
    copy = run.with_name("copy")
    shutil.copytree(run, copy)
    notices: list[str] = []
    with CheckpointStore(RunFolder(copy), notice=notices.append) as store:
        newest = store.newest()
    shutil.rmtree(copy)
    # What has the name of a checkpoint is whole, at any moment.
    assert notices == []
    return 0 if newest is None else int(newest.name.removeprefix("step-"))


def assert_same(run: Path, whole: Path) -> None:
    """Bit by bit the same weights, optimizer and figures; nothing left over."""
    for name in (f"step-{STEPS}/model.safetensors", f"step-{STEPS}/optimizer.pt", "final/model.safetensors"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    for name in ("step", "loss", "lr", "grad_norm", "tokens", "epoch"):
        assert metrics(run, name) == metrics(whole, name), name
    expected = {path.name for path in whole.iterdir()}
    # Killed between the last checkpoint and the deletion of the oldest, a run has one more.
    extra = {path.name for path in run.iterdir()} - expected
    assert extra <= {"step-3", "step-6"}
    assert {path.name for path in run.iterdir()} == expected | extra


def kill_until_done(driver: Driver, folder: Path, amounts: Iterator[tuple[str, float]], at_most: int) -> int:
    """Kill and resume over and over; after `at_most` kills let it end. Returns how many kills there were."""
    recipe = recipe_file(folder, **RECIPE)
    reached = kills = 0
    while driver.run(recipe, *(next(amounts) if kills < at_most else ("never", 0)))["killed"]:
        kills += 1
        step = newest_step(folder / "run")
        assert step >= reached, "a checkpoint that was whole is gone"
        reached = step
    return kills


def kill_many_times(driver: Driver, whole: Path, folder: Path, amounts: Iterator[tuple[str, float]]) -> None:
    """Again and again, so that what one kill left is met by the next; every run ends like the undisturbed one."""
    kills = number = 0
    while kills < KILLS:
        kills += kill_until_done(driver, folder / str(number), amounts, at_most=5)
        assert_same(folder / str(number) / "run", whole)
        number += 1


def new_chance() -> random.Random:
    """Another one every time; what it was is in the output of a test that fails."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    return random.Random(seed)


def test_killed_between_two_writes(driver: Driver, undisturbed: Undisturbed, tmp_path: Path) -> None:
    chance = new_chance()
    moments = iter(lambda: ("event", chance.randint(1, undisturbed.events)), None)
    kill_many_times(driver, undisturbed.run, tmp_path, moments)


def test_killed_at_any_moment(driver: Driver, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """In the middle of a write by torch or safetensors, of a step, of anything."""
    chance = new_chance()
    moments = iter(lambda: ("after", chance.random() * undisturbed.seconds), None)
    kill_many_times(driver, undisturbed.run, tmp_path, moments)


@pytest.mark.slow
def test_killed_before_every_write(driver: Driver, undisturbed: Undisturbed, tmp_path: Path) -> None:
    for event in range(1, undisturbed.events + 1):
        folder = tmp_path / str(event)
        recipe = recipe_file(folder, **RECIPE)
        assert driver.run(recipe, "event", event)["killed"], event
        newest_step(folder / "run")
        assert not driver.run(recipe)["killed"]
        assert_same(folder / "run", undisturbed.run)
        shutil.rmtree(folder)
