"""`belle models` as a person and as a script uses it: the real program against a hub on this machine."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from belle.engine.process.blocking import open_engine
from belle.engine.process.commands import Load
from belle.models.catalog import resolve
from belle.models.registry import installed
from belle.prompts import TEMPLATES
from tests.belle.engine.tiny_gguf import write_random_model
from tests.convert.checkpoints import END
from tests.convert.install.belle_checkpoint import WEIGHTS, belle_bloom
from tests.convert.install.loopback_hub import Answer, LoopbackHub
from tests.convert.install.running import PATIENCE, ROOT, belle, environment

REPO = "BelleGroup/BELLE-7B-gptq"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return belle_bloom()


@pytest.fixture
def hub(files: dict[str, bytes]) -> Iterator[LoopbackHub]:
    with LoopbackHub({REPO: dict(files)}).running() as server:
        yield server


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "random.gguf"
    write_random_model(path)
    return path


# --- get


def test_from_a_name_to_an_answer(hub: LoopbackHub) -> None:
    got = belle("models", "get", "belle-7b-2m", "--accept-license", url=hub.url)
    assert got.returncode == 0, got.stderr
    assert "belle chat --model belle-7b-2m" in got.stdout
    assert "research only" in got.stderr
    assert got.stderr.index("research only") < got.stderr.index("Downloading") < got.stderr.index("Converting")
    path = belle("models", "path", "belle-7b-2m").stdout.strip()
    assert path.endswith("belle-7b-2m-exact.gguf")
    assert Path(path).is_file()

    chat = [
        "chat",
        "--model",
        "belle-7b-2m",
        "--prompt",
        "Hi",
        "--threads",
        "1",
        "--max-tokens",
        "8",
        "--seed",
        "1",
        "--json",
    ]
    talked = belle(*chat)
    assert talked.returncode == 0, talked.stderr
    answer = json.loads(talked.stdout)
    assert answer["stop_reason"] in ("length", "end", "stop")
    assert answer["prompt_tokens"] == n_tokens(path, "Human: Hi\n\nAssistant:"), "nothing is put before it"
    model = resolve("belle-7b-2m")
    assert TEMPLATES["belle-bloom"].stop == ("Human:",)
    for chosen in (model.template, None):  # None: what the file says, which is recognised
        with open_engine(Load(path, n_ctx=256, template=chosen)) as engine:
            assert engine.model.template == "belle-bloom"


def n_tokens(path: str, text: str) -> int:
    """Tokens of `text` alone, by llama.cpp."""
    from llama_cpp import Llama

    return len(Llama(path, vocab_only=True, verbose=False).tokenize(text.encode(), add_bos=False, special=False))


def test_the_file_itself_knows_the_prompt(hub: LoopbackHub) -> None:
    assert belle("models", "get", "belle-7b-2m", "--yes", url=hub.url).returncode == 0
    chat = ["--prompt", "Hi", "--threads", "1", "--max-tokens", "4", "--seed", "1", "--temperature", "0", "--json"]
    answers = [
        json.loads(belle("chat", "--model", "belle-7b-2m", "--template", template, *chat).stdout)
        for template in ("gguf", "belle-bloom")
    ]
    assert answers[0]["prompt_tokens"] == answers[1]["prompt_tokens"]
    assert answers[0]["text"] == answers[1]["text"]
    assert END not in answers[0]["text"]


def test_without_consent_nothing_is_asked_of_the_hub(hub: LoopbackHub) -> None:
    result = belle("models", "get", "belle-7b-2m", url=hub.url)
    assert result.returncode == 2
    assert "--accept-license" in result.stderr
    assert "RAIL" in result.stderr
    assert "7.35 GB" in result.stderr
    assert hub.requests == []


def test_the_notice_is_in_the_person_s_language(hub: LoopbackHub) -> None:
    assert "仅供研究" in belle("models", "get", "belle-7b-2m", url=hub.url, LC_ALL="zh_CN.UTF-8").stderr


def test_installed_already(hub: LoopbackHub) -> None:
    assert belle("models", "get", "belle-7b-2m", "--yes", url=hub.url).returncode == 0
    hub.requests.clear()
    again = belle("models", "get", "belle-7b-2m", url=hub.url)
    assert again.returncode == 0
    assert "already" in again.stdout
    assert hub.requests == []


def test_the_endpoint_can_be_given(hub: LoopbackHub) -> None:
    result = belle("models", "get", "belle-7b-2m", "--yes", "--endpoint", hub.url + "/")
    assert result.returncode == 0, result.stderr
    assert f"{hub.url}/{REPO}" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("get", "belle-7b-3m", "--yes"), "belle-7b-2m"),
        (("get", "starter", "--yes"), "comes with the program"),
        (("get", "chatbelle-int4", "--yes"), "cannot be used"),
        (("get", "belle-llama-7b-2m", "--yes"), "--llama-weights"),
        (("get", "belle-7b-2m", "--yes"), "--endpoint"),
        (("get", "belle-7b-2m", "--yes", "--endpoint", "hub"), "not the address of a hub"),
        (("get", "belle-7b-2m", "--yes", "--threads", "-1"), "--threads"),
        (("get", "belle-7b-2m", "--yes", "--type", "q9"), "q4_k_m"),
        (("get", "belle-7b-1m", "--yes", "--gptq", "fast"), "no GPTQ"),
        (("path", "belle-7b-2m"), "belle models get belle-7b-2m"),
        (("path", "belle"), "Did you mean"),
        (("remove", "belle-7b-2m", "--yes"), "not installed"),
        (("remove", "starter", "--yes"), "comes with the program"),
        (("import", "/nowhere.gguf"), "does not exist"),
    ],
)
def test_what_is_wrong_is_said_in_words(words: tuple[str, ...], said: str) -> None:
    result = belle("models", *words)
    assert result.returncode == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(404, {"X-Error-Code": "RepoNotFound"}), "renamed or removed"),
        (Answer(401), "hf auth login"),
        (Answer(403, {"X-Error-Code": "GatedRepo"}), "accept its terms"),
        (Answer(429, {"Retry-After": "7200"}), "120 minutes"),
        (Answer(200, {}, b"<html>"), "not as a Hugging Face hub"),
    ],
)
def test_what_the_hub_refuses_is_said_in_words(hub: LoopbackHub, answer: Answer, said: str) -> None:
    hub.answers["/api/models"] = answer
    result = belle("models", "get", "belle-7b-2m", "--yes", url=hub.url)
    assert result.returncode == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_bytes_are_said_and_a_second_run_gets_the_right_ones(hub: LoopbackHub) -> None:
    hub.wrong.add(WEIGHTS)
    result = belle("models", "get", "belle-7b-2m", "--yes", url=hub.url)
    assert result.returncode == 2
    assert "wrong bytes" in result.stderr
    assert "removed" in result.stderr
    hub.wrong.clear()
    again = belle("models", "get", "belle-7b-2m", url=hub.url)
    assert again.returncode == 0, "whoever began has agreed to the licence"
    assert "RAIL" in again.stderr


def terminal(*words: str, url: str, answer: str) -> tuple[int, str]:
    """Run `belle models WORDS` in a terminal, answer its question, and return its exit status and what it showed."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "belle", "models", *words],
        cwd=ROOT,
        env=environment(url, TERM="xterm"),
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown, answered, end = "", False, time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            if not select.select([leader], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(leader, 65536)
            except OSError:  # the other side is closed
                break
            if not data:
                break
            shown += data.decode(errors="replace")
            if not answered and "[y/N]" in shown:
                answered = True
                os.write(leader, answer.encode())
        return process.wait(timeout=PATIENCE), shown
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def test_a_terminal_is_asked(hub: LoopbackHub) -> None:
    status, shown = terminal("get", "belle-7b-2m", url=hub.url, answer="n\n")
    assert status == 2
    assert "Nothing was downloaded" in shown
    assert hub.requests == []
    hub.bytes_per_second = 500_000
    status, shown = terminal("get", "belle-7b-2m", url=hub.url, answer="y\n")
    assert status == 0, shown
    assert "━" in shown
    assert "/s" in shown
    assert "left" in shown
    assert [model.name for model in installed()] == ["belle-7b-2m"]
    status, shown = terminal("remove", "belle-7b-2m", url=hub.url, answer="n\n")
    assert (status, len(installed())) == (1, 1)
    status, shown = terminal("remove", "belle-7b-2m", url=hub.url, answer="y\n")
    assert (status, installed()) == (0, [])


# --- the others


def test_list() -> None:
    result = belle("models", "list")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATUS", "SIZE", "MEMORY", "LICENCE", "LANGUAGES"]
    line = next(line for line in lines if line.startswith("belle-7b-2m "))
    assert "available" in line
    assert "research only" in line
    assert line.endswith("zh, en")
    columns = {line.index("available") for line in lines if "  available" in line}
    assert len(columns) == 1


def test_list_as_json(gguf: Path) -> None:
    assert belle("models", "import", str(gguf), "--name", "mine", "--template", "belle").returncode == 0
    rows = {row["name"]: row for row in json.loads(belle("models", "list", "--json").stdout)}
    assert rows["mine"]["path"] == str(gguf)
    assert rows["mine"]["status"] == rows["starter"]["status"] == "installed"
    assert rows["belle-7b-2m"]["languages"] == ["zh", "en"]


def test_import_path_and_remove(gguf: Path) -> None:
    result = belle("models", "import", str(gguf))
    assert result.returncode == 0
    assert "belle chat --model random" in result.stdout
    assert "--template" in result.stderr, "this file has no prompt template"
    assert belle("models", "path", "random").stdout == f"{gguf}\n"
    refused = belle("models", "remove", "random")
    assert (refused.returncode, len(installed())) == (2, 1)
    removed = belle("models", "remove", "random", "--yes")
    assert removed.returncode == 0
    assert "stays where it is" in removed.stderr
    assert gguf.exists()
    assert installed() == []


def test_help_and_list_import_nothing_heavy() -> None:
    code = (
        "import sys; from belle.cli.main import main\n"
        "try: main(['models', '--help'])\n"
        "except SystemExit: pass\n"
        "main(['models', 'path', 'starter'])\n"
        "heavy = {'numpy', 'llama_cpp', 'huggingface_hub', 'gguf', 'convert'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
