"""Two models answer the same request, at once or one after the other, and their answers are compared."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from belle.engine.llama.cores import usable_cores
from belle.engine.process.commands import Generate, Sampling
from belle.errors import KnownError
from desktop.chat.library import ModelLibrary
from desktop.chat.state import Notice
from desktop.compare.differences import WordDifference, differences
from desktop.compare.model_run import ModelRun, ModelRunState
from desktop.compare.parting import Parting, first_parting

if TYPE_CHECKING:
    from desktop.chat.model_host import EngineFactory, ModelToLoad
    from desktop.settings import Settings

_ALTERNATIVES = 5
"""Likeliest tokens that are asked for at each place: the other model's choice is usually among them."""


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """How two answers compare."""

    differences: tuple[WordDifference, ...]
    parting: Parting | None


class ModelComparison(QObject):
    """Has two models answer. `left` and `right` are how far they are.

    Args:
        settings: how models are loaded, and whether each thinks.
        factory: makes engines; None for worker processes.
    """

    changed = Signal(str)  # "left" or "right": its state, other than by text
    text = Signal(str, str)  # "left" or "right", more of the answer
    finished = Signal()  # both have ended; `compared` follows when both have text
    compared = Signal(object)  # ComparisonResult
    _computed = Signal(int, object)

    def __init__(
        self, settings: Settings, *, factory: EngineFactory | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._settings, self._factory = settings, factory
        self._runs: dict[str, ModelRun] = {}
        self._failures: dict[str, ModelRunState] = {}
        self._going: set[str] = set()  # sides whose process has not ended
        self._next: tuple[str, ModelToLoad, Generate] | None = None  # waits for the other to end
        self._number = 0  # of the comparison, so that a late result of an earlier one is dropped
        self._computed.connect(self._on_computed)

    @property
    def is_running(self) -> bool:
        """Whether a model loads or answers."""
        return bool(self._going)

    def state(self, side: str) -> ModelRunState:
        """How far the model of a side is."""
        if side in self._failures:
            return self._failures[side]
        return self._runs[side].state if side in self._runs else ModelRunState()

    def run(self, side: str) -> ModelRun:
        """The run of a side. Raises KeyError before `start`."""
        return self._runs[side]

    def start(self, left: str, right: str, request: Generate, *, together: bool) -> None:
        """Have two models, by catalogue name or path, answer `request`; earlier answers are dropped.

        Both get the same sampling and seed. A model that cannot be loaded costs only its own side.

        Args:
            together: both at once; otherwise the right one is loaded when the left one has ended.
        """
        self.close()
        self._failures, self._next = {}, None
        request = replace(request, sampling=_with_seed(request.sampling), conversation="", logprobs=_ALTERNATIVES)
        self._runs = {side: self._make(side) for side in ("left", "right")}
        for side, ref in (("left", left), ("right", right)):
            try:
                model = self._resolve(ref, together=together)
            except KnownError as error:
                self._failures[side] = ModelRunState("failed", problem=Notice.of(error))
                self.changed.emit(side)
                continue
            own = replace(request, thinking=self._settings.thinking(model.ref))
            if together or not self._going:
                self._start(side, model, own)
            else:
                self._next = side, model, own
        if not self._going:
            self.finished.emit()

    def stop(self) -> None:
        """Stop both; what there is of their answers is compared."""
        self._next = None
        for run in self._runs.values():
            run.stop()

    def close(self) -> None:
        """End both processes, without waiting for that. No result comes afterwards."""
        self._number += 1
        self._next = None
        self._going.clear()
        for run in self._runs.values():
            run.close()
            run.deleteLater()
        self._runs.clear()

    def _make(self, side: str) -> ModelRun:
        run = ModelRun(side, self._factory, self)
        run.changed.connect(self.changed)
        run.text.connect(self.text)
        run.ended.connect(self._on_ended)
        return run

    def _start(self, side: str, model: ModelToLoad, request: Generate) -> None:
        self._going.add(side)
        self._runs[side].start(model, request)

    def _resolve(self, ref: str, *, together: bool) -> ModelToLoad:
        model = ModelLibrary(self._settings).resolve(ref)
        threads = model.load.threads
        if together and threads is None:
            # Two that spin on all cores would wait for each other at every layer.
            threads = max(1, usable_cores()[0] // 2)
        return replace(model, load=replace(model.load, threads=threads, state_folder=None))

    def _on_ended(self, side: str) -> None:
        self._going.discard(side)
        if self._next is not None:
            waiting, self._next = self._next, None
            self._start(*waiting)
        elif not self._going:
            self.finished.emit()
            self._compare()

    def _compare(self) -> None:
        """Compare the answers beside the event loop."""
        texts = self.state("left").text, self.state("right").text
        if not all(texts):
            return
        tokens = self._runs["left"].tokens, self._runs["right"].tokens

        def compute(number: int) -> None:
            result = ComparisonResult(tuple(differences(*texts)), first_parting(*tokens))
            with suppress(RuntimeError):  # the window is closed
                self._computed.emit(number, result)

        threading.Thread(target=compute, args=(self._number,), name="compare", daemon=True).start()

    def _on_computed(self, number: int, result: ComparisonResult) -> None:
        if number == self._number:
            self.compared.emit(result)


def _with_seed(sampling: Sampling) -> Sampling:
    if sampling.seed is not None:
        return sampling
    return replace(sampling, seed=random.randrange(1 << 31))  # noqa: S311  # no secret
