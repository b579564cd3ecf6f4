"""A real model, a real worker, and something to wait for events with."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from belle.engine.llama.native_log import NativeLog
from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.client import EngineClient
from belle.engine.process.commands import Load
from belle.engine.process.events import Event
from tests.belle.engine.tiny_gguf import write_random_model

E = TypeVar("E")
PATIENCE_S = 120.0


class Recorder:
    """A client whose events can be waited for."""

    def __init__(self, **options: float) -> None:
        self._arrived: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.events: list[Event] = []
        self.client = EngineClient(self._arrived.put, **options)

    def wait_for(self, kind: type[E], condition: Callable[[E], bool] = lambda _: True) -> E:
        """The next event of `kind` for which `condition` holds."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            event = self._arrived.get(timeout=max(0.0, deadline - time.monotonic()))
            self.events.append(event)
            if isinstance(event, kind) and condition(event):
                return event

    def of_kind(self, kind: type[E]) -> list[E]:
        """Those seen so far."""
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="session")
def native_log() -> NativeLog:
    """Keeps llama.cpp quiet in this process."""
    return NativeLog()


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model that says random bytes."""
    path = tmp_path_factory.mktemp("models") / "random.gguf"
    write_random_model(path)
    return path


@pytest.fixture(scope="module")
def engine(starter: Path) -> Iterator[BlockingEngine]:
    """The starter model with 2,048 tokens of context and its own template."""
    with open_engine(Load(str(starter), n_ctx=2048, threads=1)) as opened:
        yield opened


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A started client without a model."""
    made = Recorder()
    made.client.start()
    yield made
    made.client.close()
