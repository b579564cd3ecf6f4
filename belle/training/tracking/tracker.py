"""The metrics of a run: `metrics.jsonl` always, and the services that the recipe names.

`metrics.jsonl` is the record: one strict JSON object per logged step. The report, the tests and other people's scripts
read it. A resumed run cuts off the lines after its checkpoint, so that every step is in it once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.json_lines import JsonLines, read_rows
from belle.streams import to_stderr
from belle.training.run_folder import RunFolder
from belle.training.tracking.services import SERVICES, RunInfo, Service


class Tracker:
    """Records the metrics and sampled answers of a run. On every rank but 0 it does nothing.

    Args:
        folder: of the run.
        names: services, of `tensorboard`, `wandb`, `mlflow`, `swanlab`.
        recipe: the resolved recipe, JSON-serializable.
        name: of the run; the folder's name when empty.
        step: the step that the run goes on from; 0 for a new run. Later lines are cut.
        rank: number of this process.
        notice: gets one sentence when a service fails.

    Raises KnownError: `unknown_tracker`, `tracker_not_installed`, `disk_full`, `folder_not_writable`.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        names: Sequence[str] = ("tensorboard",),
        recipe: Mapping[str, Any] | None = None,
        name: str = "",
        step: int = 0,
        rank: int = 0,
        notice: Callable[[str], None] = to_stderr,
    ) -> None:
        _check(names)
        self._notice = notice
        self._folder = folder
        self._services: dict[str, Service] = {}
        self._prompts: dict[str, int] = {}
        self._on = rank == 0
        if not self._on:
            return
        last = step or -1  # a new run writes its step 0 itself
        self._metrics = JsonLines(folder.metrics, _up_to(last))
        self._samples = JsonLines(folder.samples, _up_to(last))
        if not step:
            folder.tracker_ids.unlink(missing_ok=True)  # a new run is a new one at the services, too
        run = RunInfo(folder, name or folder.path.resolve().name, recipe or {}, step, notice)
        for service in dict.fromkeys(names):
            try:
                self._services[service] = SERVICES[service](run)
            except KnownError:
                self.close()
                raise
            except Exception as error:  # a service that fails must not end the training
                self._failed(service, error)

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Write the values of a step: numbers, or tensors with one element.

        A second call for the same step adds to its line. NaN and infinity become null. Raises KnownError when the
        file cannot be written.
        """
        if not self._on:
            return
        numbers = {name: _number(value) for name, value in values.items()}
        row = {"step": step, **{name: _json_number(number) for name, number in numbers.items()}}
        if self._metrics.last.get("step") == step:
            self._metrics.replace_last({**self._metrics.last, **row})
        else:
            self._metrics.append(row)
        self._send(lambda service: service.log(step, numbers))

    def sample(self, step: int, prompt: str, text: str) -> None:
        """Write an answer of the model in training. Raises KnownError when the file cannot be written."""
        if not self._on:
            return
        self._samples.append({"step": step, "prompt": prompt, "text": text})
        number = self._prompts.setdefault(prompt, len(self._prompts) + 1)
        self._send(lambda service: service.sample(step, number, prompt, text))

    def sync(self) -> None:
        """Return when every line is on the disk; called before a checkpoint of the same step. Raises KnownError."""
        if self._on:
            self._metrics.sync()
            self._samples.sync()

    def close(self) -> None:
        """End the run at the services and close the files."""
        if not self._on:
            return
        self._send(lambda service: service.close())
        self._services.clear()
        self._metrics.close()
        self._samples.close()

    def _send(self, action: Callable[[Service], None]) -> None:
        for name, service in list(self._services.items()):
            try:
                action(service)
            except Exception as error:  # as in `__init__`
                self._failed(name, error)

    def _failed(self, name: str, error: Exception) -> None:
        self._services.pop(name, None)
        record = self._folder.metrics.name
        self._notice(f"{name} failed and gets nothing any more: {type(error).__name__}: {error}. {record} goes on.")


def read_steps(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of `metrics.jsonl` or `samples.jsonl`, up to the first damaged one. Raises OSError."""
    return read_rows(path, _up_to(math.inf))


def memory_in_use(device: Any = None) -> int:
    """Bytes: the most that was ever allocated on a CUDA `device`, else what this process holds of the main memory."""
    if device is not None and getattr(device, "type", "cpu") == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    import psutil

    return int(psutil.Process().memory_info().rss)


def _check(names: Sequence[str]) -> None:
    for name in names:
        if name not in SERVICES:
            close = get_close_matches(name, SERVICES, 1)
            meant = f"Did you mean {close[0]}?" if close else f"There are {', '.join(SERVICES)}."
            raise KnownError("unknown_tracker", f"“tracking” names {name}, which is not known.", meant, tracker=name)


def _up_to(last: float) -> Callable[[Mapping[str, Any]], None]:
    """Refuses rows of later steps than `last`, and rows without a step."""

    def take(row: Mapping[str, Any]) -> None:
        if not isinstance(row["step"], int) or row["step"] > last:
            raise ValueError(row["step"])

    return take


def _number(value: Any) -> float | int:
    item = getattr(value, "item", None)
    number = item() if item is not None else value
    return number if isinstance(number, int) and not isinstance(number, bool) else float(number)


def _json_number(number: float) -> float | None:
    """None for what JSON has no number for."""
    return None if isinstance(number, float) and not math.isfinite(number) else number
