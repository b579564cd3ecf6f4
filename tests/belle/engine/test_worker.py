"""The worker as a process: bad files, bad lines, stopping, and ends of all kinds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from belle.engine.process.client import EngineClient
from belle.engine.process.commands import Count, Generate, Load, Sampling
from belle.engine.process.events import Counted, Died, Done, Failed, Hello, Loading, Prefill, Ready, Text
from belle.engine.process.protocol import PROTOCOL_VERSION, decode_event, encode
from belle.prompts import Message
from tests.belle.engine import tiny_gguf
from tests.belle.engine.conftest import Recorder
from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.processes import is_running, wait_until_ended

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)
# Long enough that reading it takes seconds anywhere.
LONG_QUESTION = (Message("user", "The fox went to the sea and came back with a fish. " * 500),)
QUESTION = (Message("user", "What is the capital of France?"),)


def generate(request_id: int, messages: tuple[Message, ...] = QUESTION, max_tokens: int | None = 16) -> Generate:
    return Generate(request_id, messages, sampling=GREEDY, max_tokens=max_tokens)


@pytest.fixture
def ready(recorder: Recorder, starter: Path) -> Recorder:
    """A client with the starter model and all the context it can have."""
    recorder.client.load(Load(str(starter), n_ctx=8192, threads=1))
    recorder.wait_for(Ready)
    return recorder


def ask(recorder: Recorder, request_id: int) -> Done:
    recorder.client.generate(generate(request_id))
    return recorder.wait_for(Done, lambda done: done.id == request_id)


class TestBadFiles:
    """The reason in words, and the worker lives on."""

    def test_every_kind_of_bad_file(self, recorder: Recorder, starter: Path, tmp_path: Path) -> None:
        bad = {
            "empty": (b"", "empty_file"),
            "random": (os.urandom(4096).replace(b"GGUF", b"xxxx"), "not_gguf"),
            "future": (tiny_gguf.whole(version=99), "future_version"),
            "counts": (tiny_gguf.whole(n_tensors=1 << 40), "damaged"),
            "header_only": (tiny_gguf.header(), "truncated"),
            # Sound as a GGUF, but llama.cpp has to find out what is wrong with it.
            "no_tensors": (tiny_gguf.whole(), "damaged"),
            "alien": (tiny_gguf.whole(entries=tiny_gguf.ENTRIES | {"general.architecture": "alien"}),
                      "unsupported_architecture"),
        }  # fmt: skip
        with starter.open("rb") as whole:
            bad["truncated"] = whole.read(60_000_000), "truncated"
        for name, (data, kind) in bad.items():
            path = tmp_path / f"{name}.gguf"
            path.write_bytes(data)
            recorder.client.load(Load(str(path)))
            failed = recorder.wait_for(Failed)
            assert (failed.id, failed.kind) == (None, kind), failed
            assert path.name in failed.message and failed.advice
        for path, kind in ((tmp_path / "missing.gguf", "file_missing"), (tmp_path, "is_a_folder")):
            recorder.client.load(Load(str(path)))
            assert recorder.wait_for(Failed).kind == kind
        recorder.client.load(Load(str(starter), n_ctx=512))
        recorder.wait_for(Ready)
        assert ask(recorder, 1).text.strip()

    def test_a_model_that_does_not_fit_is_refused_before_loading(self, recorder: Recorder, tmp_path: Path) -> None:
        path = tmp_path / "huge.gguf"
        write_random_model(path)
        # A sparse file of a petabyte would be a petabyte of weights.
        os.truncate(path, 1 << 43)
        recorder.client.load(Load(str(path)))
        failed = recorder.wait_for(Failed)
        assert failed.kind == "too_big_for_memory"
        assert failed.details["needed"] > failed.details["available"] > 0
        assert not recorder.of_kind(Loading)

    def test_an_unknown_template_is_refused_before_loading(self, recorder: Recorder, starter: Path) -> None:
        recorder.client.load(Load(str(starter), template="nonsense"))
        assert recorder.wait_for(Failed).kind == "unknown_template"
        assert not recorder.of_kind(Loading)

    def test_a_model_whose_template_does_not_work_answers_with_another(
        self, recorder: Recorder, tmp_path: Path
    ) -> None:
        path = tmp_path / "model.gguf"
        write_random_model(path, template="{% for %}")
        recorder.client.load(Load(str(path)))
        info = recorder.wait_for(Ready).model
        assert info.template is None
        assert "damaged: line 1" in info.template_problem
        recorder.client.generate(generate(1))
        assert recorder.wait_for(Failed).kind == "no_template"
        recorder.client.set_template("gguf")
        assert recorder.wait_for(Failed).kind == "template_error"
        recorder.client.set_template("plain")
        assert recorder.wait_for(Ready).model.template == "plain"
        assert ask(recorder, 2).stats.completion_tokens > 0


class TestStop:
    """At once, and the context stays usable."""

    def test_in_the_middle_of_prefill(self, ready: Recorder) -> None:
        ready.client.generate(generate(1, LONG_QUESTION))
        ready.wait_for(Prefill, lambda p: p.done > 0)
        ready.client.stop(1)
        done = ready.wait_for(Done)
        assert (done.id, done.reason, done.text, done.stats.ttft_s) == (1, "stopped", "", None)
        assert ready.of_kind(Prefill)[-1].done < ready.of_kind(Prefill)[-1].total
        assert ask(ready, 2).text.strip()
        assert not ready.of_kind(Text) or ready.of_kind(Text)[0].id == 2

    def test_what_was_read_before_the_stop_is_not_read_again(self, ready: Recorder) -> None:
        ready.client.generate(generate(1, LONG_QUESTION))
        ready.wait_for(Prefill, lambda p: p.done > 100)
        ready.client.stop(1)
        ready.wait_for(Done)
        ready.client.generate(generate(2, LONG_QUESTION))
        again = ready.wait_for(Prefill, lambda p: p.id == 2)
        assert again.reused > 100
        ready.client.stop(2)
        ready.wait_for(Done)

    def test_in_the_middle_of_the_answer(self, ready: Recorder) -> None:
        ready.client.generate(generate(1, (Message("user", "Tell me a very long story."),), max_tokens=None))
        ready.wait_for(Text)
        ready.client.stop(1)
        done = ready.wait_for(Done)
        assert done.reason == "stopped"
        assert done.text == "".join(t.text for t in ready.of_kind(Text))
        assert ask(ready, 2).text.strip()

    def test_a_second_request_is_refused_while_one_is_answered(self, ready: Recorder) -> None:
        ready.client.generate(generate(1, LONG_QUESTION))
        ready.client.generate(generate(2))
        failed = ready.wait_for(Failed)
        assert (failed.id, failed.kind) == (2, "busy")
        ready.client.stop(1)
        assert ready.wait_for(Done).id == 1

    def test_the_next_request_may_follow_the_stop_at_once(self, ready: Recorder) -> None:
        ready.client.generate(generate(1, LONG_QUESTION))
        ready.client.stop(1)
        ready.client.generate(generate(2))
        assert ready.wait_for(Done).id == 1
        done = ready.wait_for(Done)
        assert done.id == 2 and done.text.strip()

    def test_stopping_what_has_ended_has_no_effect(self, ready: Recorder) -> None:
        ask(ready, 1)
        ready.client.stop(1)
        ready.client.stop(99)
        assert ask(ready, 2).text.strip()

    def test_a_count_waits_for_the_answer(self, ready: Recorder) -> None:
        ready.client.generate(generate(1, LONG_QUESTION))
        ready.client.count(Count(5, QUESTION))
        ready.client.stop(1)
        assert ready.wait_for(Counted).id == 5
        assert ready.of_kind(Done)


def start_worker() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "belle.engine.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def raw() -> Iterator[subprocess.Popen[bytes]]:
    """A worker without a client."""
    with start_worker() as process:
        yield process
        process.kill()


def send(process: subprocess.Popen[bytes], *lines: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(b"".join(lines))
    process.stdin.flush()


def receive(process: subprocess.Popen[bytes], kind: type[object]) -> object:
    assert process.stdout is not None
    while True:
        event = decode_event(process.stdout.readline())
        if isinstance(event, kind):
            return event


class TestProcess:
    """Lines in, lines out, and the end."""

    def test_it_says_hello(self, raw: subprocess.Popen[bytes]) -> None:
        hello = receive(raw, Hello)
        assert isinstance(hello, Hello) and (hello.version, hello.pid) == (PROTOCOL_VERSION, raw.pid)

    @pytest.mark.parametrize(
        "line",
        [
            b"nonsense\n", b"{}\n", b'{"op":"dance"}\n', b"[]\n", b"\xff\xfe\n", b"null\n", b'{"op":"load"}\n',
            b'{"op":"generate","id":1}\n', b"[" * 100_000 + b"\n",
        ],
    )  # fmt: skip
    def test_garbage_is_answered_and_survived(self, raw: subprocess.Popen[bytes], line: bytes) -> None:
        send(raw, line, b"\n", encode(Count(3, QUESTION)))
        failed = receive(raw, Failed)
        assert isinstance(failed, Failed) and failed.kind == "protocol_error"
        failed = receive(raw, Failed)
        assert isinstance(failed, Failed) and (failed.id, failed.kind) == (3, "no_model")

    def test_half_an_emoji_does_not_break_the_stream(self, raw: subprocess.Popen[bytes], starter: Path) -> None:
        send(raw, encode(Load(str(starter), n_ctx=512)))
        line = {"op": "generate", "id": 4, "messages": [{"role": "user", "content": "Hi \ud83d"}], "max_tokens": 2}
        send(raw, json.dumps(line).encode() + b"\n", encode(generate(5)))
        done = receive(raw, Done)
        assert isinstance(done, Done) and done.id == 4

    def test_the_end_of_stdin_ends_it(self, raw: subprocess.Popen[bytes]) -> None:
        receive(raw, Hello)
        assert raw.stdin is not None
        raw.stdin.close()
        assert raw.wait(20) == 0

    @pytest.mark.parametrize("moment", [Loading, Prefill, Text])
    def test_the_end_of_stdin_ends_it_whatever_it_is_doing(
        self, raw: subprocess.Popen[bytes], starter: Path, moment: type[object]
    ) -> None:
        story = (Message("user", "Tell me a very long story."),)
        send(raw, encode(Load(str(starter), n_ctx=8192)))
        send(raw, encode(generate(1, story if moment is Text else LONG_QUESTION, max_tokens=None)))
        receive(raw, moment)
        assert raw.stdin is not None
        start = time.monotonic()
        raw.stdin.close()
        assert raw.wait(20) == 0
        assert time.monotonic() - start < 10

    def test_it_ends_though_nobody_reads_what_it_says(self, raw: subprocess.Popen[bytes]) -> None:
        for number in range(3000):
            send(raw, encode(Count(number, ())))
        assert raw.stdin is not None
        raw.stdin.close()
        assert raw.wait(20) == 0

    def test_it_does_not_survive_a_killed_parent(self, starter: Path) -> None:
        program = (
            "import sys, time\n"
            "from belle.engine.process.client import EngineClient\n"
            "from belle.engine.process.commands import Generate, Load\n"
            "from belle.engine.process.events import Prefill\n"
            "from belle.prompts import Message\n"
            "def show(e):\n"
            "    if isinstance(e, Prefill): print(c.pid, flush=True)\n"
            "c = EngineClient(show); c.start(); c.load(Load(sys.argv[1], n_ctx=8192))\n"
            "c.generate(Generate(1, (Message('user', 'The fox. ' * 2000),)))\n"
            "time.sleep(600)\n"
        )
        command = [sys.executable, "-c", program, str(starter)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            assert is_running(pid)
            parent.kill()
        wait_until_ended(pid, 20)

    def test_ctrl_c_is_for_the_client(self, raw: subprocess.Popen[bytes]) -> None:
        receive(raw, Hello)
        raw.send_signal(signal.SIGINT)
        send(raw, encode(Count(3, QUESTION)))
        receive(raw, Failed)

    @pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
    def test_no_native_library_writes_into_the_protocol(self, raw: subprocess.Popen[bytes], starter: Path) -> None:
        receive(raw, Hello)
        assert Path(f"/proc/{raw.pid}/fd/1").samefile(f"/proc/{raw.pid}/fd/2")


class TestClient:
    """What becomes of a worker that ends unasked."""

    @pytest.mark.parametrize(
        ("number", "kind"),
        [(signal.SIGKILL, "killed"), (signal.SIGABRT, "backend_crash"), (signal.SIGTERM, "terminated")],
    )
    def test_a_death_is_told_once_and_a_restart_loads_the_model_again(
        self, ready: Recorder, number: signal.Signals, kind: str
    ) -> None:
        ask(ready, 9)  # what has computed once does not crash for want of the right kernels
        ready.client.generate(generate(1, LONG_QUESTION))
        ready.wait_for(Prefill)
        pid = ready.client.pid
        assert pid is not None
        os.kill(pid, number)
        died = ready.wait_for(Died)
        assert (died.kind, died.returncode) == (kind, -number)
        assert died.message and died.advice
        assert not ready.client.alive
        ready.client.generate(generate(2))
        ready.client.restart()
        ready.wait_for(Ready)
        assert ask(ready, 3).text.strip()
        assert len(ready.of_kind(Died)) == 1

    def test_a_bug_in_the_worker_is_told_with_its_traceback(self, ready: Recorder) -> None:
        ready.client.count(Count(1, messages=(Message("user", 5),)))  # type: ignore[arg-type]
        died = ready.wait_for(Died)
        assert died.kind == "worker_bug"
        assert "Traceback" in died.log

    def test_a_worker_that_does_not_stop_is_ended(self, starter: Path) -> None:
        recorder = Recorder(stop_timeout=0.5)
        recorder.client.start()
        recorder.client.load(Load(str(starter), n_ctx=8192))
        recorder.wait_for(Ready)
        recorder.client.generate(generate(1, LONG_QUESTION))
        recorder.wait_for(Prefill)
        assert recorder.client.pid is not None
        os.kill(recorder.client.pid, signal.SIGSTOP)
        recorder.client.stop(1)
        died = recorder.wait_for(Died)
        assert died.kind == "unresponsive" and "did not stop" in died.message
        recorder.client.close()

    def test_close_ends_a_worker_that_does_not_listen(self, recorder: Recorder) -> None:
        recorder.wait_for(Hello)
        pid = recorder.client.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        recorder.client.close(timeout=0.2)
        assert not psutil.pid_exists(pid)

    def test_nothing_comes_after_close(self, ready: Recorder) -> None:
        ready.client.generate(generate(1, LONG_QUESTION))
        ready.wait_for(Prefill)
        seen: list[object] = []
        ready.client._on_event = seen.append
        ready.client.close()
        seen.clear()
        ready.client.generate(generate(2))
        ready.client.stop(1)
        ready.client.close()
        assert not ready.client.alive and not seen

    def test_a_handler_that_fails_does_not_stop_the_events(
        self, starter: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        seen: list[object] = []

        def handler(event: object) -> None:
            seen.append(event)
            if isinstance(event, Hello):
                raise RuntimeError("a bug of the window")

        client = EngineClient(handler)
        client.start()
        client.count(Count(1, QUESTION))
        deadline = time.monotonic() + 60
        while not any(isinstance(e, Failed) for e in seen):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        client.close()
        assert "a bug of the window" in caplog.text
