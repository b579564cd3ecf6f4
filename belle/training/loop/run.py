"""The files and the progress of a run: its log, its checkpoints, where it resumes, and the signals that end it.

It knows nothing of how the model is trained; the loop and PPO both report to it.
"""

from __future__ import annotations

import contextlib
import math
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.durable import write_text
from belle.errors import KnownError
from belle.training.checkpoints.manifest import Manifest, read_manifest
from belle.training.checkpoints.run_state import RunState
from belle.training.checkpoints.store import CheckpointStore
from belle.training.cluster.ranks import Ranks, on_all_ranks
from belle.training.loop.interrupts import Interrupts, Stopped
from belle.training.loop.resume import allowed_changes, check_same_recipe
from belle.training.recipe.load import dump_recipe, recipe_values
from belle.training.recipe.schema import Recipe
from belle.training.run_folder import RunFolder
from belle.training.tracking.console import LiveView
from belle.training.tracking.run_record import RunRecord
from belle.training.tracking.tracker import Tracker, memory_in_use

if TYPE_CHECKING:
    from belle.training.engines.engine import TrainingEngine
    from belle.training.loop.objective import StepResult
    from belle.training.samples.prepare import Fingerprinted

# Sums since the last logged line, kept in the checkpoint so that a resumed run writes the same line.
_WINDOW = "window."


class Run:
    """The files of a run, and the step it has reached.

    Attributes:
        folder: of the run.
        state: step, position in the data, counters.
        checkpoint, manifest: what a resumed run starts from; None in a new run.
        inputs: fingerprints of the data by key of the recipe; a resumed run must have the same.
    """

    def __init__(self, recipe: Recipe, ranks: Ranks, interrupts: Interrupts) -> None:
        self._recipe = recipe
        self._ranks = ranks
        self._interrupts = interrupts
        self._values = recipe_values(recipe)
        self._live: LiveView | None = None
        self._engine: TrainingEngine | None = None
        self._write_tokenizer: Callable[[Path], None] | None = None
        self._saved_step = -1
        self.state = RunState()
        self.inputs: dict[str, Any] = {}
        self.folder = folder = recipe.run_folder
        if not recipe.resume:
            check_free(folder, ranks)
        self._store = CheckpointStore(folder, keep_last=recipe.keep_last, ranks=ranks, notice=self.say)
        self._store.claim()
        self.checkpoint: Path | None = self._store.newest() if recipe.resume else None
        self.manifest: Manifest | None = None
        if self.checkpoint is not None:
            self.manifest = read_manifest(self.checkpoint)
            check_same_recipe(self.manifest.recipe, self._values, self.checkpoint)
            self.say(f"going on from {self.checkpoint}")
            for sentence in allowed_changes(self.manifest.recipe, self._values):
                self.say(sentence)
        elif recipe.resume:
            self.say(f"no checkpoint in {folder.path}: starting at the beginning")
        if ranks.rank == 0:
            write_text(folder.recipe, dump_recipe(recipe))
        self.tracker = Tracker(
            folder,
            names=recipe.tracking,
            recipe=self._values,
            step=self.manifest.step if self.manifest else 0,
            rank=ranks.rank,
            notice=self.say,
        )
        self.record = RunRecord(
            folder,
            stage=recipe.stage,
            rank=ranks.rank,
            world_size=ranks.world_size,
            resumed=self.manifest is not None,
        )

    def say(self, text: str) -> None:
        """A line for the person, once and not once per process."""
        if self._ranks.rank:
            return
        if self._live is not None:
            self._live.note(text)
        else:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def remember(self, key: str, data: Fingerprinted) -> None:
        """Note which files a run is made of, under a key of the recipe.

        Raises KnownError("data_changed") when a resumed run has others.
        """
        from belle.training.samples.prepare import check_unchanged

        if self.manifest is not None:
            check_unchanged(data, self.inputs_before(key))
        self.inputs[key] = list(data.inputs)

    def inputs_before(self, key: str) -> Sequence[Mapping[str, Any]]:
        """What a resumed run had in `inputs` under that key; nothing in a new run."""
        inputs: Mapping[str, Any] = self.manifest.extra.get("inputs", {}) if self.manifest else {}
        before: Sequence[Mapping[str, Any]] = inputs.get(key, [])
        return before

    def attach(self, engine: TrainingEngine, write_tokenizer: Callable[[Path], None]) -> None:
        """Set the engine whose state is saved; in a resumed run, load the checkpoint into it. Raises KnownError.

        Args:
            write_tokenizer: writes what a checkpoint needs beside its weights to be a complete model; called in
                process 0.
        """
        self._engine = engine
        self._write_tokenizer = write_tokenizer
        if self.checkpoint is not None:
            engine.load_state(self.checkpoint)

    def begin(self, total_steps: int) -> None:
        """Start the steps: from now on a signal ends the run after the current step.

        A resumed run gets the counters and all random number generators of its checkpoint back. Call it when everything
        else is built: whatever draws a random number between here and the first step changes the run.

        Raises KnownError("already_past") when the run went on for longer than the recipe now says.
        """
        self._interrupts.defer()
        if self.checkpoint is not None:
            self.state = RunState.load(self.checkpoint, self._ranks.rank, self._ranks.world_size)
            self._saved_step = self.state.step
        if self.state.step > total_steps:
            raise KnownError(
                "already_past",
                f"The run in {self.folder.path} is at step {self.state.step} already, and is to end at"
                f" step {total_steps}.",
                "Raise max_steps or epochs, or start a new run in another output_dir.",
            )
        self.record.update(steps=total_steps)
        if self._ranks.rank == 0:
            self._live = LiveView(
                f"{self._recipe.stage}  {self._recipe.output_dir}", total_steps, first_step=self.state.step
            )

    def count(self, result: StepResult, learning_rate: float, *, seconds: float) -> None:
        """Add a step to the means that the next line of the log shows."""
        sums = {"loss": result.loss * result.weight, "weight": result.weight, "seconds": seconds, "steps": 1.0}
        sums |= {"tokens": result.tokens} | {f"metric.{n}": v * result.weight for n, v in result.metrics.items()}
        counters = self.state.counters
        for name, value in sums.items():
            counters[_WINDOW + name] = counters.get(_WINDOW + name, 0.0) + value
        counters[_WINDOW + "lr"] = learning_rate
        counters[_WINDOW + "grad_norm"] = result.grad_norm
        for name in ("tokens", "seconds"):
            counters[name] = counters.get(name, 0.0) + sums[name]
        counters["trained_tokens"] = counters.get("trained_tokens", 0.0) + result.weight

    def log_window(self, epoch: float, metrics: Mapping[str, float] | None = None) -> None:
        """Write the means since the last line, and further figures of this step."""
        counters = self.state.counters
        window = {name.removeprefix(_WINDOW): counters.pop(name) for name in list(counters) if name.startswith(_WINDOW)}
        weight = max(window.pop("weight", 0.0), 1e-9)
        values = {
            "loss": window["loss"] / weight,
            "lr": window["lr"],
            "grad_norm": window["grad_norm"],
            "epoch": epoch,
            "tokens": counters["tokens"],
            "tokens_per_s": window["tokens"] / max(window["seconds"], 1e-9),
            "seconds": counters["seconds"],
        }
        values |= {name.removeprefix("metric."): v / weight for name, v in window.items() if name.startswith("metric.")}
        self.log({**values, **(metrics or {})})

    def log(self, values: Mapping[str, float]) -> None:
        """Write figures of the current step, to metrics.jsonl, the trackers and the screen."""
        if self._engine is not None:
            values = {**values, "memory": float(memory_in_use(self._engine.device))}
        self.tracker.log(self.state.step, values)
        if self._live is not None:
            self._live.update(self.state.step, values)

    def log_evaluation(self, values: Mapping[str, float], *, n_bytes: int | None = None) -> None:
        """Write the figures of `loop.evaluate` as `eval_…`, with perplexity and, given `n_bytes`, bits per byte.

        Bits per byte compare models with different vocabularies; a loss per token does not.
        """
        loss, weight = values["loss"], values["weight"]
        metrics = {f"eval_{name}": value for name, value in values.items() if name != "weight"}
        if self._recipe.traits.next_token:
            metrics["eval_perplexity"] = math.exp(min(loss, 700.0))  # e⁷¹⁰ is beyond float64
        if n_bytes:
            metrics["eval_bits_per_byte"] = loss * weight / (math.log(2) * n_bytes)
        self.log(metrics)

    def sample(self, prompt: str, text: str) -> None:
        """Write one of the model's answers at this step."""
        self.tracker.sample(self.state.step, prompt, text)
        if self._live is not None:
            self._live.sample(self.state.step, prompt, text)

    def save(self, *, wait: bool = True) -> Path:
        """Write a checkpoint of this step, unless it was written before. All processes call it. Raises KnownError.

        Without `wait` a thread hashes and syncs the files while training goes on; its errors are raised by the next
        `save` or by `finish`.
        """
        folder = self.folder.checkpoint(self.state.step)
        if self._saved_step == self.state.step:
            if wait:
                self._store.settle()
            return folder
        engine = self._engine
        assert engine is not None

        def write(into: Path) -> None:
            engine.save_state(into)
            self.state.save(into, self._ranks.rank)
            if self._write_tokenizer is not None and self._ranks.rank == 0:
                self._write_tokenizer(into)

        self.tracker.sync()
        folder = self._store.save(self.state.step, write, recipe=self._values, extra={"inputs": self.inputs}, wait=wait)
        self._saved_step = self.state.step
        return folder

    def end_step(self, *, last: bool, save_every: int) -> None:
        """Save when it is due, after the last step, and after a signal. All processes call it.

        Raises Stopped after a signal, naming the checkpoint; KnownError as `save`.
        """
        stop = self.signal_anywhere()
        if last or stop or is_due(save_every, self.state.step):
            saved = self.save(wait=last or bool(stop))
            if stop and not last:
                raise Stopped(stop, f"{saved} was written: go on with --resume.")

    def signal_anywhere(self) -> int:
        """The signal that any process received, 0 for none. All processes call it, and all of them stop or none does:
        one that ended alone would leave the others waiting for its gradients."""
        import torch

        received = self._interrupts.received
        if self._engine is None or self._engine.world_size == 1:
            return received
        anyone = self._engine.all_sum(torch.tensor([float(received > 0)])).item()
        return received or (int(signal.SIGTERM) if anyone else 0)

    def at_this_step(self, error: KnownError) -> KnownError:
        """An error of the current step, with the step and the last checkpoint in its message."""
        with contextlib.suppress(KnownError):  # the error itself is what matters
            self._store.settle()
        steps = self.folder.steps()
        last = f"The last checkpoint is step-{steps[-1]}" if steps else "There is no checkpoint yet"
        return KnownError(
            error.kind, f"Step {self.state.step + 1}: {error.message} {last}.", error.advice, **error.details
        )

    def finish(self, status: str, reason: str = "") -> None:
        """Close everything and note how it ended: `finished`, `stopped` or `failed`."""
        self.record.finish(status, reason)
        if self._live is not None:
            self._live.close()
            self._live = None
        self.tracker.close()
        try:
            self._store.close()
        except Exception:
            # The error that ended the run is reported already, and may be why its last checkpoint failed.
            if status != "failed":
                raise


def check_free(folder: RunFolder, ranks: Ranks) -> None:
    """Raises KnownError("output_not_empty") when there is a run in `folder`. All processes call it."""

    def check() -> None:
        if ranks.rank == 0 and folder.holds_run():
            raise KnownError(
                "output_not_empty",
                f"{folder.path} holds a run already.",
                "Go on with it with --resume, or choose another folder with --set output_dir=DIR.",
                path=str(folder.path),
            )

    on_all_ranks(ranks, check)


def is_due(every: int, step: int) -> bool:
    """Whether something that is done every so many steps is done after this one; 0: never."""
    return every > 0 and step % every == 0
