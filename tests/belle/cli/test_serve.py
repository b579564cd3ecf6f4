"""`belle serve` as a person starts it: the first start, the second, and the mistakes that can be made."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import openai
import psutil
import pytest

from belle import network
from belle.cli.main import main
from tests.belle.server.conftest import eventually, request_bytes, start_server, stop_server


def test_the_first_start_makes_a_token_and_the_second_keeps_it(tmp_path: Path) -> None:
    server = start_server("starter", tmp_path, "--ctx", "256", token=None)
    try:
        (token,) = re.findall(r": (\S{40,})$", server.said, flags=re.MULTILINE)
        assert server.client(token).models.list().data[0].id == "starter"
        worker = server.worker()
    finally:
        assert stop_server(server) == 130
    eventually(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, seconds=10)
    again = start_server("starter", tmp_path, "--ctx", "256", token=None)
    try:
        assert token not in again.said and "server-token" in again.said
        assert again.client(token).models.list().data
    finally:
        again.close_clients()
        again.process.send_signal(signal.SIGTERM)
        assert again.process.wait(30) == -signal.SIGTERM
        again.process.stderr.close()  # type: ignore[union-attr]


def test_without_a_token_anybody_on_this_computer_may_ask(tmp_path: Path) -> None:
    server = start_server("starter", tmp_path, "--ctx", "256", "--no-token", "--host", "::1", token=None)
    try:
        with socket.create_connection(("::1", server.port)) as connection:
            connection.sendall(request_bytes("/v1/models", method="GET", headers=["Authorization: x"]))
            assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
    finally:
        stop_server(server)


def test_offline_it_serves_this_computer_alone_and_is_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHATBELLE_OFFLINE", "1")
    assert main(["serve", "--host", "0.0.0.0", "--port", "0"]) == 2
    assert "Serving a model to other computers is refused" in capsys.readouterr().err
    monkeypatch.setenv("HOME", str(tmp_path))
    server = start_server("starter", tmp_path, "--ctx", "256")
    try:
        record = network.activity()["loopback"]
        assert (record.what, record.address, record.is_open) == ("starter", server.url, True)
    finally:
        stop_server(server)
    assert not network.activity()["loopback"].is_open


def test_ctrl_c_in_the_middle_of_an_answer_ends_both(tmp_path: Path) -> None:
    server = start_server("starter", tmp_path, "--ctx", "1024")
    stream = server.client().chat.completions.create(
        model="starter", messages=[{"role": "user", "content": "Tell me a story."}], stream=True, temperature=1.5
    )
    next(iter(stream))
    begun = time.monotonic()
    server.process.send_signal(signal.SIGINT)
    with pytest.raises(openai.APIError, match="ending"):
        list(stream)
    server.close_clients()
    _, said = server.process.communicate(timeout=30)
    assert server.process.returncode == 130
    assert time.monotonic() - begun < 10
    assert said == b""


@pytest.mark.parametrize("when", ["loading", "ready"])
def test_it_ends_with_its_input(tmp_path: Path, when: str) -> None:
    command = [sys.executable, "-m", "belle", "serve", "--port", "0", "--no-token", "--end-with-input"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None and process.stderr is not None
        if when == "ready":
            assert b"http://" in process.stderr.readline()
        process.stdin.close()
        assert process.wait(30) == 0
        assert b"Traceback" not in process.stderr.read()


def test_ctrl_c_while_the_model_is_loaded_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "belle", "serve", "--port", "0", "--no-token"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "HOME": str(tmp_path)})
    eventually(lambda: psutil.Process(process.pid).children())
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["missing.gguf"], "missing.gguf"),
        (["no-such-model"], "no-such-model"),
        (["--host", "no.such.host.invalid", "--no-token"], "without a token"),
        (["--host", "no.such.host.invalid"], "not an address of this computer"),
        (["--host", "203.0.113.7"], "not an address of this computer"),
        (["--token", "short"], "8 to 512"),
        (["--template", "nonsense"], "nonsense"),
    ],
)
def test_mistakes_are_told_in_words(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["serve", "--port", "0", *words]) == 2
    said = capsys.readouterr().err
    assert expected.casefold() in said.casefold()
    assert "Traceback" not in said


def test_a_port_in_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["serve", "--port", str(port), "--no-token"]) == 2
    assert f"Port {port}" in capsys.readouterr().err


def test_a_file_that_is_no_model_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF nonsense")
    assert main(["serve", str(path), "--port", "0", "--no-token"]) == 2
    assert "broken.gguf" in capsys.readouterr().err
