"""The page as a person starts it, with the answers of two models and a judge that does as it is told."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from belle.evaluation.items.read import read_set
from tests.support.chat_server import ChatServer, Response, Script, answer

ROOT = Path(__file__).parents[4]
A, B = "model-a", "model-b"
SECRET = "sk-a-key-that-nobody-sees"
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><svg onload=alert(1)>"
    "<a href=\"javascript:document.title='owned'\">x</a></textarea></pre></script><iframe srcdoc='<script>1</script>'>"
    "\u202egnp.exe\u202c {{7*7}} ${7*7} \x1b[31m <style>*{display:none}</style>"
)
ITEMS: Sequence[Mapping[str, Any]] = [
    {"id": "sum", "class": "math", "question": "7 + 9 = ?", "checks": [{"type": "number", "value": 16}]},
    {"id": "sky", "class": "open qa", "question": "天空为什么蓝？", "reference": "瑞利散射", "rubric": ["提到散射。"]},
    {"id": "poem", "class": "generation", "question": "A poem about rain.", "rubric": ["It is a poem.", "It rains."]},
    {"id": "walk", "class": "multi-turn", "turns": ["Three sights?", "The way to the second?"], "reference": "Line 1."},
    {"id": "bad", "class": "code", "question": HOSTILE, "reference": HOSTILE, "rubric": [HOSTILE]},
]  # fmt: skip


def write_run(folder: Path, items: Sequence[Mapping[str, Any]] = ITEMS, *, a: str = "", b: str = "") -> Path:
    """The folder of a run with the answers of both models. Returns the path of the set."""
    set_file = folder / "items.jsonl"
    set_file.write_text("".join(f"{json.dumps(item)}\n" for item in items), encoding="utf-8")
    digest = read_set(str(set_file)).digest
    for model, text in ((A, a), (B, b)):
        rows: list[dict[str, Any]] = [{"run": {"set": digest, "model": model}}]
        for item in items:
            turns = item.get("turns", [""])
            for turn in range(1, len(turns) + 1):
                said = HOSTILE if item["id"] == "bad" else text or f"{model} says 16 to {item['id']}, turn {turn}"
                rows.append({"id": f"{item['id']}/{turn}", "choices": [{"text": said}]})
        path = folder / "answers" / f"{model}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return set_file


@dataclass
class PageProcess:
    """`belle eval page` in a process.

    Attributes:
        url: with the token behind “#”.
        folder: of the run.
    """

    process: subprocess.Popen[str]
    url: str
    folder: Path
    client: httpx2.Client

    @property
    def base(self) -> str:
        return self.url.partition("/#")[0]

    @property
    def token(self) -> str:
        return self.url.partition("token=")[2]

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        return self.client.post(f"{self.base}/api/{path}", json=body, headers=self.headers | headers)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(f"{self.base}{path}", headers=headers)

    def anchors(self) -> list[dict[str, Any]]:
        path = self.folder / "anchors.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@contextlib.contextmanager
def page_process(folder: Path, *options: str, window: bool = False, **environment: str) -> Iterator[PageProcess]:
    """The page, once it is ready, ended by Ctrl-C. With `window` it opens a browser."""
    words = [sys.executable, "-m", "belle", "eval", "page", *options, "--by", "li"]
    words += [] if window else ["--no-browser"]
    home = folder / "home"
    home.mkdir(exist_ok=True)
    variables = os.environ | {"HOME": str(home), "XDG_STATE_HOME": str(home), "XDG_DATA_HOME": str(home)} | environment
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=variables)
    assert process.stderr is not None
    said = ""
    while not (found := re.search(r"http://\S+", said)):
        line = process.stderr.readline()
        assert line, f"the page ended: {said}"
        said += line
    try:
        with httpx2.Client(timeout=30, trust_env=False) as client:
            yield PageProcess(process, found[0], folder, client)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert "Traceback" not in process.stderr.read()
        process.stderr.close()


class Judge:
    """What the judge replies next; `script` may be replaced by a test."""

    def __init__(self) -> None:
        self.reset()
        self.server = ChatServer(self._answer)

    def _answer(self, body: dict[str, Any]) -> Response:
        return self.script(body)

    def reset(self) -> None:
        self.script: Script = lambda body: answer('{"reason": "因为", "score": 0.5}')


@pytest.fixture(scope="module")
def judge_server() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.server.close()


@pytest.fixture
def judge(judge_server: Judge) -> Iterator[Judge]:
    judge_server.reset()
    yield judge_server


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, judge_server: Judge) -> Iterator[PageProcess]:
    folder = tmp_path_factory.mktemp("run")
    options = [str(folder), "--set", str(write_run(folder)), "--url", judge_server.server.url, "--model", "m"]
    with page_process(folder, *options, "--key", "$SECRET_KEY", SECRET_KEY=SECRET) as started:
        yield started


def judged(page: PageProcess, **request: Any) -> dict[str, Any]:
    """What the judge says."""
    response = page.post("judge", {"ask": True, **request})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found
