"""The files in the folder of a run (`output_dir`): the one place that knows their names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_STEP = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class RunFolder:
    """The `output_dir` of a recipe.

    Args:
        path: of the folder, which need not exist.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """The recipe that was run, with every default."""
        return self.path / "recipe.yaml"

    @property
    def metrics(self) -> Path:
        """One line for each logged step."""
        return self.path / "metrics.jsonl"

    @property
    def samples(self) -> Path:
        """The model's answers to `sample_prompts`."""
        return self.path / "samples.jsonl"

    @property
    def record(self) -> Path:
        """When and on which machine the run took place, with which versions, and how it ended."""
        return self.path / "run.json"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    @property
    def tracker_ids(self) -> Path:
        """The run's ids at the tracking services."""
        return self.path / "trackers.json"

    @property
    def lock(self) -> Path:
        """Held by the run that writes here."""
        return self.path / ".lock"

    @property
    def data(self) -> Path:
        """The encoded samples."""
        return self.path / "data"

    @property
    def extended(self) -> Path:
        """The model with an extended vocabulary before it is trained (`stage: vocab`)."""
        return self.path / "extended"

    @property
    def final(self) -> Path:
        """The trained model."""
        return self.path / "final"

    def checkpoint(self, step: int) -> Path:
        """The checkpoint of an optimizer step."""
        return self.path / f"step-{step}"

    def steps(self) -> list[int]:
        """The steps with a checkpoint, whole or damaged, ascending. Raises OSError when the folder cannot be read."""
        names = (_STEP.fullmatch(path.name) for path in self.path.iterdir() if path.is_dir())
        return sorted(int(name[1]) for name in names if name)

    def is_model(self, name: str) -> bool:
        """Whether a folder of that name in the run folder holds a model: `step-N` or `final`."""
        return name == self.final.name or _STEP.fullmatch(name) is not None

    def holds_run(self) -> bool:
        """Whether there are results of a run, which another run must not overwrite."""
        logged = self.metrics.exists() and self.metrics.stat().st_size > 0
        return logged or self.final.exists() or any(self.path.glob("step-*"))
