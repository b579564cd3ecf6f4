"""A sweep: trains and evaluates its runs one after the other, and keeps what each gave.

    DIR/runs/NAME      the run's output_dir
    DIR/logs/NAME.log  what it printed
    DIR/answers/       its answers to the set
    DIR/results/NAME.json

A run that is finished is not trained again, one that was evaluated is not evaluated again, and what was interrupted
goes on. A run that fails is named, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from belle.documents import read_json_object
from belle.durable import write_text
from belle.errors import KnownError
from belle.evaluation.items.item import EvaluationItems
from belle.sweep.grid import SweepRun
from belle.sweep.held_out import ItemLoss, held_out_losses
from belle.sweep.item_scores import item_scores
from belle.sweep.training_runs import Training, train
from belle.texts import json_text
from belle.training.checkpoints.manifest import MANIFEST, file_digest
from belle.training.recipe.load import load_recipe, recipe_values
from belle.training.recipe.schema import Recipe
from belle.training.run_folder import RunFolder
from belle.training.samples.prepare import fingerprint
from belle.training.tracking.run_record import read_record
from belle.units import rough_duration

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class RunResult:
    """What one run gave.

    Attributes:
        run: which.
        problem: why there is no result, a sentence; "" where there is one.
        mix: rows and tokens of the domain and of general data, where the recipe mixes.
        losses: of each row of `eval_data`.
        scores: of each item of the set.
    """

    run: SweepRun
    problem: str = ""
    mix: Mapping[str, Any] = field(default_factory=dict)
    losses: Sequence[ItemLoss] = ()
    scores: Mapping[str, float] = field(default_factory=dict)


class Sweep:
    """The runs of one recipe.

    Args:
        recipe: its file.
        changes: of all runs, as for `--set`.
        folder: of the sweep.
        runs: that differ.
        items: a set with rules, or None.
        max_tokens: of an answer to it.

    Raises KnownError: those of `load_recipe` for any of the runs; `sweep_wrong` where nothing can be compared;
    `sweep_changed` where the folder holds a run with another recipe or other data.
    """

    def __init__(
        self,
        recipe: Path,
        changes: Sequence[str],
        folder: Path,
        runs: Sequence[SweepRun],
        items: EvaluationItems | None = None,
        *,
        max_tokens: int = 256,
    ) -> None:
        self.runs = runs
        self._file = recipe
        self._changes = tuple(changes)
        self._folder = folder
        self._items = items
        self._max_tokens = max_tokens
        self._recipes = {run.name: load_recipe(recipe, self._all_changes(run)) for run in runs}
        for run in runs:
            self._check(run)

    def state(self, run: SweepRun) -> str:
        """`finished`, `begun` or `new`, for a person."""
        training = self._training(run)
        return "finished" if training.is_finished else "begun" if training.is_begun else "new"

    def results(
        self, say: Callable[[str], None] = lambda _: None, show: Callable[[str], None] = lambda _: None
    ) -> list[RunResult]:
        """Train and evaluate all runs.

        Args:
            say: told what a person should know, a line.
            show: told the progress, a line that replaces the one before.

        Raises KnownError for what ends all runs (a full disk), and KeyboardInterrupt.
        """
        results = []
        started, trained = monotonic(), 0
        for number, run in enumerate(self.runs, start=1):
            where = f"{number} of {len(self.runs)}: {run.name}"
            was_finished = self._training(run).is_finished
            result = self._result(run, _prefixed(show, where))
            trained += not was_finished
            left = (monotonic() - started) / max(trained, 1) * (len(self.runs) - number)
            how = f"failed: {result.problem}" if result.problem else "done"
            say(f"{where}: {how}{_left(left) if trained and number < len(self.runs) else ''}")
            results.append(result)
        return results

    def _result(self, run: SweepRun, show: Callable[[str], None]) -> RunResult:
        training = self._training(run)
        if not training.is_finished:
            self._answers(run).unlink(missing_ok=True)  # of another training
            self._write_identity(run)
            problem = train(training, lambda step, steps: show(f"step {step:,} of {steps:,}" if steps else "starting"))
            if problem:
                return RunResult(run, problem)
        try:
            return self._evaluated(run, show)
        except KnownError as error:
            if error.kind in ("disk_full", "folder_not_writable"):
                raise
            return RunResult(run, error.message)

    def _evaluated(self, run: SweepRun, show: Callable[[str], None]) -> RunResult:
        recipe = self._recipes[run.name]
        path = self._folder / "results" / f"{run.name}.json"
        depends_on = self._evaluation_identity(recipe)
        if (known := _read(path, depends_on)) is not None:
            return RunResult(run, mix=known["mix"], losses=[(s, n) for s, n in known["losses"]], scores=known["scores"])
        show("held-out loss")
        losses = held_out_losses(recipe) if recipe.eval_data else []
        scores: dict[str, float] = {}
        if self._items is not None:
            scores = item_scores(
                recipe,
                self._items,
                self._answers(run),
                max_tokens=self._max_tokens,
                on_answer=lambda done, total: show(f"{done:,} of {total:,} answers"),
            )
        result = RunResult(run, mix=read_record(recipe.run_folder).get("mix", {}), losses=losses, scores=scores)
        write_text(path, json_text({"of": depends_on, **asdict(result)}) + "\n")
        return result

    def _evaluation_identity(self, recipe: Recipe) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "model": file_digest(recipe.run_folder.final / MANIFEST).sha256,
            "eval_data": [fingerprint(file)["sha256"] for file in recipe.eval_data],
            "items": sorted(item.id for item in self._items.items) if self._items is not None else None,
            "set": self._items.digest if self._items is not None else None,
            "max_tokens": self._max_tokens if self._items is not None else None,
        }

    def _check(self, run: SweepRun) -> None:
        recipe = self._recipes[run.name]
        if not recipe.traits.next_token:
            message = f"A sweep compares models by what they predict or answer, and stage: {recipe.stage} does neither."
            raise KnownError("sweep_wrong", message, "Take sft, pretrain or mip.")
        if not recipe.eval_data and self._items is None:
            message = f"{self._file} has no eval_data, and no set of items is given: nothing could be compared."
            raise KnownError("sweep_wrong", message, "Name held-out data, or give --eval-set SET.")
        if self._items is not None and not recipe.traits.chats:
            message = f"Models of stage: {recipe.stage} do not answer, so that a set of items says nothing about them."
            raise KnownError("sweep_wrong", message, "Leave --eval-set out, or take stage: mip or sft.")
        before = self._identity_path(run)
        if self._training(run).is_begun and before.is_file() and read_json_object(before) != self._identity(recipe):
            raise KnownError(
                "sweep_changed",
                f"{recipe.output_dir} is a run of another recipe, or with other data.",
                "Give another -o, or change the recipe back.",
                path=str(recipe.output_dir),
            )

    def _identity(self, recipe: Recipe) -> dict[str, Any]:
        general = recipe.mix.general if recipe.mix is not None else ()
        values = {key: value for key, value in recipe_values(recipe).items() if key not in ("eval_data", "output_dir")}
        files = [fingerprint(file) for file in (*recipe.data, *general)]
        return {"recipe": values, "data": [[entry["path"], entry["sha256"]] for entry in files]}

    def _write_identity(self, run: SweepRun) -> None:
        write_text(self._identity_path(run), json_text(self._identity(self._recipes[run.name])) + "\n")

    def _identity_path(self, run: SweepRun) -> Path:
        return self._folder / "recipes" / f"{run.name}.json"

    def _answers(self, run: SweepRun) -> Path:
        return self._folder / "answers" / f"{run.name}.jsonl"

    def _all_changes(self, run: SweepRun) -> tuple[str, ...]:
        return (*self._changes, *run.changes, f"output_dir={self._folder / 'runs' / run.name}")

    def _training(self, run: SweepRun) -> Training:
        folder = RunFolder(self._folder / "runs" / run.name)
        return Training(self._file, (*self._changes, *run.changes), folder, self._folder / "logs" / f"{run.name}.log")


def _read(path: Path, depends_on: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result in a file, where it depends on the same things."""
    try:
        document = read_json_object(path)
    except KnownError:
        return None
    return document if document.get("of") == depends_on else None


def _prefixed(show: Callable[[str], None], where: str) -> Callable[[str], None]:
    return lambda text: show(f"{where}, {text}")


def _left(seconds: float) -> str:
    return f", {rough_duration(seconds)} left"
