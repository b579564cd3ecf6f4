"""What the server costs: HTTP and JSON beside the engine, and what clients save that share a prefix, or come together.

Measured in processor time of the server and its worker, with one thread, so that another program on the machine does
not count. The engine alone is the worker by itself.
"""

from __future__ import annotations

import itertools
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from http.client import HTTPConnection
from typing import Any

import psutil

from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done
from belle.prompts import Message
from tests.bench.bench_engine import ENDLESS, _starter
from tests.bench.measure import Measure, at_least

ROUNDS = 9
TOKENS = 64
SAMPLING = Sampling(temperature=1.5, seed=1)
CLIENTS = 4
SHARED_TOKENS = 1500
ANSWER_TOKENS = 16
_PREFIX = "The ship sailed on over the calm sea to the north. "
_numbers = itertools.count()


def run() -> list[Measure]:
    """All measures."""
    with _served() as (port, spent):
        return [_through_http(port, spent), _shared_prefix(port, spent), _at_once(port, spent)]


def _through_http(port: int, spent: Callable[[], float]) -> Measure:
    """Processor time of an answer by the engine alone ÷ that of an answer through HTTP, streamed.

    That of the engine is with its client, which reads the events in this process as the server does in its own.
    """
    ratios = []
    with open_engine(Load(str(_starter()), n_ctx=4096, threads=1)) as engine:
        worker = psutil.Process(engine.client.pid)

        def alone() -> float:
            return _cost(lambda: _cpu(worker) + time.process_time(), lambda question: _ask_engine(engine, question))

        def through_http() -> float:
            return _cost(spent, lambda question: _ask(port, _talk(question), TOKENS, stream=True))

        for _ in range(ROUNDS + 1):
            # Alone, HTTP, alone: a machine that gets slower meanwhile is no fault of the server.
            before, cost, after = alone(), through_http(), alone()
            ratios.append((before + after) / 2 / cost)
    return at_least("server through HTTP, one client ÷ engine alone", statistics.median(ratios[1:]), 0.97)


def _cost(spent: Callable[[], float], ask: Callable[[str], int]) -> float:
    """Processor time of an answer of `TOKENS` tokens; one that ends before is no measure."""
    while True:
        # As long as every other question, and with a beginning of its own, so that nothing of it is in the cache.
        question = f"{next(_numbers):06d} {ENDLESS}"
        start = spent()
        if ask(question) == TOKENS:
            return spent() - start


def _ask_engine(engine: BlockingEngine, question: str) -> int:
    *_, done = engine.generate(Generate(next(_numbers), (Message("user", question),), SAMPLING, max_tokens=TOKENS))
    assert isinstance(done, Done)
    return done.stats.completion_tokens


def _shared_prefix(port: int, spent: Callable[[], float]) -> Measure:
    """Processor time of four clients with prompts of their own ÷ that of four who share all but the question."""
    ratios = []
    for _ in range(2):
        own = [_prefix() for _ in range(CLIENTS)]
        shared = [_prefix()] * CLIENTS
        ratios.append(_four_clients(port, own, spent) / _four_clients(port, shared, spent))
    return at_least("four clients sharing 1,500 tokens ÷ four without", statistics.median(ratios), 3)


def _at_once(port: int, spent: Callable[[], float]) -> Measure:
    """Processor time of four answers one after the other ÷ that of the same four at once."""
    ratios = []
    for _ in range(2):
        times = []
        for clients in (1, CLIENTS):
            # Each with a beginning of its own, so that nothing of it is in the cache.
            questions = [f"{next(_numbers):06d} {ENDLESS}" for _ in range(CLIENTS)]
            before = spent()
            with ThreadPoolExecutor(clients) as pool:
                list(pool.map(lambda question: _ask(port, _talk(question), TOKENS, user=question), questions))
            times.append(spent() - before)
        ratios.append(times[0] / times[1])
    return at_least("four answers one after the other ÷ four at once", statistics.median(ratios), 1.1)


def _talk(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def _four_clients(port: int, prefixes: Sequence[str], spent: Callable[[], float]) -> float:
    def ask(number: int) -> None:
        talk = [{"role": "system", "content": prefixes[number]}, {"role": "user", "content": f"Question {number}?"}]
        _ask(port, talk, ANSWER_TOKENS, user=str(number))

    before = spent()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(ask, range(CLIENTS)))
    return spent() - before


def _prefix() -> str:
    """A text of the wanted length that no other begins like."""
    return f"Report {next(_numbers)}. " + _PREFIX * (SHARED_TOKENS // 11)


def _ask(port: int, messages: list[dict[str, str]], max_tokens: int, *, stream: bool = False, user: str = "") -> int:
    """An answer; the number of its tokens."""
    body: dict[str, Any] = {
        "model": "starter", "messages": messages, "max_tokens": max_tokens, "stream": stream, "user": user,
        "stream_options": {"include_usage": True}, **asdict(SAMPLING),
    }  # fmt: skip
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse().read().decode()
    connection.close()
    tokens = re.findall(r'"completion_tokens":\s*(\d+)', answer)
    assert tokens, answer
    return int(tokens[-1])


@contextmanager
def _served() -> Iterator[tuple[int, Callable[[], float]]]:
    """The port of a server, and what tells the processor time that it and its worker have taken."""
    command = [sys.executable, "-m", "belle", "serve", "starter", "--port", "0", "--no-token", "--threads", "1"]
    command += ["--ctx", "8192"]  # room for four prompts that share nothing
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "http://" in line)
        found = re.search(r":(\d+)/v1", line)
        assert found is not None
        server = psutil.Process(process.pid)
        family = [server, *server.children()]
        try:
            yield int(found[1]), lambda: sum(map(_cpu, family))
        finally:
            process.terminate()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
