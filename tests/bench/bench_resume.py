"""A conversation that was read before, after a restart of the engine: how long until it goes on?"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from belle.engine.process.blocking import open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done
from belle.models import catalog
from belle.prompts import Message
from tests.bench.measure import Measure, at_most

ROUNDS = 3
HISTORY = "The fox went over the hill and came back with a small stone. " * 140
"""About 2,000 tokens."""
_numbers = itertools.count(1)


def run() -> list[Measure]:
    """Time to the first token of a conversation of 2,000 tokens: with its state on the disk ÷ read anew."""
    ratios = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            cold, answer = _first_token(Path(folder), HISTORY)
            resumed, _ = _first_token(Path(folder), HISTORY, answer, "And then?")
        ratios.append(resumed / cold)
    return [at_most("time to first token of a conversation reopened after a restart ÷ cold", min(ratios), 0.05)]


def _first_token(folder: Path, *texts: str) -> tuple[float, str]:
    """Seconds until the first token of the answer to a conversation, in a new process; and the answer."""
    path = catalog.resolve("starter").path
    messages = tuple(map(Message, itertools.cycle(("user", "assistant")), texts))
    request = Generate(next(_numbers), messages, Sampling(temperature=0.0), max_tokens=8, conversation="bench")
    with open_engine(Load(str(path), n_ctx=4096, state_folder=str(folder))) as engine:
        done = next(event for event in engine.generate(request) if isinstance(event, Done))
    assert done.stats.ttft_s is not None
    return done.stats.ttft_s, done.text
