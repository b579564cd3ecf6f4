"""Real models whose guesses are evaluated whenever there are any, so that what is tested does not depend on times."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from belle.engine.answer.speculation import speculator
from belle.engine.answer.speculation.exact_batches import exact_sizes
from belle.engine.llama.context import StopFlag
from belle.engine.llama.native_log import NativeLog
from belle.engine.loaded import LoadedModel
from belle.engine.process.commands import Generate, Load
from belle.engine.process.events import Done, Event
from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.prompts import Message


class Loaded:
    """A model in this process, and the events of its answers."""

    def __init__(self, log: NativeLog, path: Path, **options: Any) -> None:
        self.is_stopped, self.events = False, list[Event]()
        self.on_event: Callable[[Event], object] = lambda _: None
        self.model = LoadedModel(
            Load(str(path), threads=1, n_gpu_layers=0, **options),
            on_progress=lambda _: True,
            stop=StopFlag(),
            is_stopped=lambda _: self.is_stopped,
            emit=self._emit,
            log=log,
        )

    def ask(self, *texts: str, **options: Any) -> Done:
        """The answer to a conversation, which a person has begun."""
        self.events.clear()
        self.is_stopped = False
        talk = [Message(("user", "assistant")[index % 2], text) for index, text in enumerate(texts)]
        ends: list[Done | KnownError] = []
        session = self.model.session
        session.generate(Generate(1, tuple(talk), **options), perf_counter(), ends.append)
        while session.is_answering:
            session.step()
        (done,) = ends
        assert isinstance(done, Done)
        return done

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)


def all_of_them(chain: Sequence[float], _: object, sizes: Collection[int], __: float = 0.0) -> int:
    """In place of `best_length`: as many guesses as are possible, whatever they cost."""
    return max((length for length in range(1, len(chain) + 1) if length + 1 in sizes), default=0)


@pytest.fixture(scope="module")
def eager() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speculator, "best_length", all_of_them)
        patch.setattr(speculator.SpeculationGain, "is_loss", False)
        yield


@pytest.fixture(scope="module")
def guessing(starter: Path, native_log: NativeLog, eager: None) -> Iterator[Loaded]:
    """The starter model, with all guesses. Skips where this build of llama.cpp has no exact batches."""
    if not exact_sizes(read_header(starter), native_log):
        pytest.skip("this build of llama.cpp computes no batch as it computes single tokens")
    loaded = Loaded(native_log, starter)
    yield loaded
    loaded.model.close()


@pytest.fixture(scope="module")
def plain(starter: Path, native_log: NativeLog) -> Iterator[Loaded]:
    """The starter model, token by token."""
    loaded = Loaded(native_log, starter, speculation=False)
    yield loaded
    loaded.model.close()
