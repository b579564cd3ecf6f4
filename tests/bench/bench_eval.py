"""What `belle eval` costs: several answers in one batch of the engine, and thousands of requests to a server."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from belle.cli.main import main
from belle.clients.chat.answer_file import AnswerFile
from belle.clients.chat.bulk import answer_all
from belle.clients.chat.client import ChatClient
from belle.clients.chat.endpoints import Endpoint
from belle.clients.chat.requests import Decoding, RowRequest
from belle.evaluation.answers.answerer import EngineAnswerer, engine_answerer
from belle.evaluation.items.read import read_set
from belle.models.catalog import resolve
from tests.bench.measure import Measure, at_least, at_most

AT_ONCE, QUESTIONS, TOKENS, ROUNDS = 8, 16, 96, 3
ROWS, JUDGED = 20_000, 1000
_SERVER = """
import asyncio, json, sys
CHOICE = {"message": {"content": sys.argv[1]}, "finish_reason": "stop"}
BODY = json.dumps({"model": "m", "choices": [CHOICE], "usage": {"prompt_tokens": 5}}).encode()
HEAD = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(BODY)

async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            size = next(line for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(size[15:]))
            writer.write(HEAD + BODY)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def run() -> list[Measure]:
    """All measures."""
    return [_at_once(), *_million_rows(), _judged()]


def _at_once() -> Measure:
    """Tokens per second of eight questions at once ÷ those of one at a time."""
    model = resolve("starter").path
    with engine_answerer(model, n_ctx=4096) as alone, engine_answerer(model, n_ctx=4096, parallel=AT_ONCE) as together:
        ratios = [_speed(together) / _speed(alone) for _ in range(ROUNDS)]
    return at_least(f"{AT_ONCE} answers at once ÷ one at a time, tokens per second", statistics.median(ratios), 1.5)


def _speed(answerer: EngineAnswerer) -> float:
    tokens = 0

    def take(_: RowRequest, outcome: object) -> None:
        nonlocal tokens
        tokens += outcome.completion_tokens  # type: ignore[attr-defined]

    decoding = Decoding(max_tokens=TOKENS, seed=1)
    requests = [
        RowRequest(str(n), ({"role": "user", "content": f"Tell me a long story of ship {n}."},), decoding=decoding)
        for n in range(QUESTIONS)
    ]
    start = time.perf_counter()
    answerer.answer(requests, take)
    return tokens / (time.perf_counter() - start)


def _million_rows() -> list[Measure]:
    """Minutes that a million rows would take at an instant server, and the memory of the client; from fewer rows."""
    with _instant_server() as url, tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        asyncio.run(_ask(url, Path(folder, "answers.jsonl")))
        minutes = (time.perf_counter() - start) / ROWS * 1e6 / 60
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    # What grows with the rows is the set of their ids, about 90 bytes each.
    return [
        at_most("1,000,000 rows against an instant server, minutes", minutes, 30),
        at_most("memory of it, GB", used + 90e6 / 1e9, 1),
    ]


async def _ask(url: str, path: Path) -> None:
    file = AnswerFile(path, {"rows": ROWS})
    requests = (RowRequest(str(n), ({"role": "user", "content": f"What is {n}?"},)) for n in range(ROWS))
    async with ChatClient([Endpoint(url, "m", limit=64)]) as client:
        await answer_all(client, file.missing(requests), file.add)
    file.close()


def _judged() -> Measure:
    """Seconds that `belle eval judge` takes for a thousand items where the judge takes none."""
    with _instant_server('{"reason": "ok", "score": 0.5}') as url, tempfile.TemporaryDirectory() as name:
        items, folder = Path(name, "items.jsonl"), Path(name, "run")
        rows = [
            {"id": str(n), "class": "open qa", "question": f"What is {n}?", "reference": str(n)} for n in range(JUDGED)
        ]
        items.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        answers = [{"run": {"set": read_set(str(items)).digest}}]
        answers += [{"id": f"{n}/1", "choices": [{"text": f"It is {n}. " * 50}]} for n in range(JUDGED)]
        (folder / "answers").mkdir(parents=True)
        file = folder / "answers/model.jsonl"
        file.write_text("".join(f"{json.dumps(row)}\n" for row in answers), encoding="utf-8")
        words = ["eval", "judge", str(folder), "--set", str(items), "--url", url, "--model", "m"]
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            assert main([*words, "--self-checks", "0"]) == 0
        seconds = (time.perf_counter() - start) / JUDGED * 1000
    return at_most("1,000 judged items with an instant judge, seconds", seconds, 20)


@contextmanager
def _instant_server(says: str = "ok") -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", _SERVER, says], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()
