"""A run as it is seen from outside: what it logs, what it saves, where it goes on, and the signals that end it.

It knows nothing of how the model is trained; the loop and PPO both report to it.
"""

from __future__ import annotations

import contextlib
import math
import signal
import sys
from collections.abc import Callable, Mapping
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

# Sums since the last logged line, kept in the checkpoint so that a resumed run writes the same line.
_WINDOW = "window."


class Run:
    """The files of a run, and how far it is.

    Attributes:
        folder: where they lie.
        state: step, position in the data, counters.
        inputs: fingerprints of the data by key of the recipe; a resumed run must have the same.
    """

    def __init__(self, recipe: Recipe, ranks: Ranks, interrupts: Interrupts) -> None:
        self._recipe = recipe
        self._ranks = ranks
        self._interrupts = interrupts
        self._values = recipe_values(recipe)
        self._live: LiveView | None = None
        self._engine: TrainingEngine | None = None
        self._companions: Callable[[Path], None] | None = None
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

    def attach(self, engine: TrainingEngine, companions: Callable[[Path], None]) -> None:
        """The engine whose state is saved; takes up the checkpoint's when there is one. Raises KnownError.

        Args:
            companions: writes what makes a checkpoint a model of its own beside its weights; called in process 0.
        """
        self._engine = engine
        self._companions = companions
        if self.checkpoint is not None:
            engine.load_state(self.checkpoint)

    def begin(self, total_steps: int) -> None:
        """From here on every random number counts: put the generators where the checkpoint left them.

        A signal now ends the run after the step that is being computed.

        Raises KnownError("already_past") when the run went on for longer than the recipe now says.
        """
        self._interrupts.count_steps()
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
        """Add a step to what the next line of the log shows."""
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
        """Write what `loop.evaluate` found, as `eval_…`, with perplexity, and bits per byte where the bytes are known.

        Bits per byte compare models with different vocabularies; a loss per token does not.
        """
        loss, weight = values["loss"], values["weight"]
        metrics = {f"eval_{name}": value for name, value in values.items() if name != "weight"}
        if self._recipe.traits.next_token:
            metrics["eval_perplexity"] = math.exp(min(loss, 700.0))
        if n_bytes:
            metrics["eval_bits_per_byte"] = loss * weight / (math.log(2) * n_bytes)
        self.log(metrics)

    def sample(self, prompt: str, text: str) -> None:
        """Write what the model answers at this step."""
        self.tracker.sample(self.state.step, prompt, text)
        if self._live is not None:
            self._live.sample(self.state.step, prompt, text)

    def save(self, *, wait: bool = True) -> Path:
        """Write a checkpoint of this step, unless it is there. All processes call it. Raises KnownError.

        Without `wait` it is put on the disk for good while training goes on; what goes wrong then is raised later.
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
            if self._companions is not None and self._ranks.rank == 0:
                self._companions(into)

        self.tracker.sync()
        folder = self._store.save(self.state.step, write, recipe=self._values, extra={"inputs": self.inputs}, wait=wait)
        self._saved_step = self.state.step
        return folder

    def end_step(self, *, last: bool, save_every: int) -> None:
        """Save where it is due, after the last step, and where a signal came. All processes call it.

        Raises Stopped after a signal, with what was written; KnownError as `save`.
        """
        stop = self.signal_anywhere()
        if last or stop or is_due(save_every, self.state.step):
            saved = self.save(wait=last or bool(stop))
            if stop and not last:
                raise Stopped(stop, f"{saved} was written: go on with --resume.")

    def signal_anywhere(self) -> int:
        """The signal that any process got, 0 for none; the same in all of them."""
        import torch

        received = self._interrupts.received
        if self._engine is None or self._engine.world_size == 1:
            return received
        anyone = self._engine.all_sum(torch.tensor([float(received > 0)])).item()
        return received or (int(signal.SIGTERM) if anyone else 0)

    def at_this_step(self, error: KnownError) -> KnownError:
        """An error of the current step, with the step and the last good checkpoint in its words."""
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
            # What ended the run is told already, and may be why its last checkpoint could not be finished.
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
    """Whether something that is done each so many steps is done after this one; 0: never."""
    return every > 0 and step % every == 0
