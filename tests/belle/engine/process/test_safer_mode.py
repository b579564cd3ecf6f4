"""Processors on which llama.cpp's extra kernels die of SIGILL, played by a real illegal instruction."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from belle import paths
from belle.engine.process import safer_mode
from belle.engine.process.commands import Count, Generate, Load, Sampling
from belle.engine.process.events import Counted, Died, Done, Failed, Ready, SaferMode, Text
from belle.errors import KnownError
from belle.prompts import Message
from tests.belle.engine.conftest import Recorder
from tests.belle.engine.tiny_gguf import SPM_WORDS, write_random_model
from tests.support import illegal_kernels

QUESTION = (Message("user", "hello world, hello a b."),)
GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def install(**options: bool) -> None:
        for name, value in illegal_kernels.install(tmp_path, **options).items():
            monkeypatch.setenv(name, value)

    return install


@pytest.fixture
def client(random_model: Path) -> Iterator[Callable[..., Recorder]]:
    """Clients with a model loading, the random one if no other is named."""
    made: list[Recorder] = []

    def start(path: Path = random_model, template: str | None = "plain") -> Recorder:
        recorder = Recorder()
        made.append(recorder)
        recorder.client.start()
        recorder.client.load(Load(str(path), n_ctx=2048, template=template, threads=1))
        return recorder

    yield start
    for recorder in made:
        recorder.client.close()


def answered(recorder: Recorder) -> Done:
    recorder.client.generate(Generate(1, QUESTION, sampling=GREEDY, max_tokens=4))
    return recorder.wait_for(Done)


def test_the_question_is_answered_without_the_kernels_that_do_not_work(
    client: Callable[[], Recorder], broken: Callable[..., None]
) -> None:
    whole = answered(client())
    broken()
    assert not safer_mode.is_remembered()
    recorder = client()
    assert answered(recorder).text == whole.text
    (safer,) = recorder.of_kind(SaferMode)
    assert safer.returncode == -signal.SIGILL
    assert not recorder.of_kind(Died) and not recorder.of_kind(Failed)
    # And the next one knows.
    assert safer_mode.is_remembered()
    recorder = client()
    assert answered(recorder).text == whole.text
    assert not recorder.of_kind(SaferMode)


def test_what_else_was_asked_is_asked_again(client: Callable[[], Recorder], broken: Callable[..., None]) -> None:
    broken()
    recorder = client()
    recorder.wait_for(Ready)
    recorder.client.set_template("chatml")
    recorder.client.generate(Generate(1, QUESTION, sampling=GREEDY, max_tokens=4))
    recorder.client.count(Count(2, QUESTION))
    assert recorder.wait_for(Counted).id == 2
    assert recorder.of_kind(SaferMode) and recorder.of_kind(Done)
    assert recorder.of_kind(Ready)[-1].model.template == "chatml"


def test_a_processor_on_which_nothing_works_is_told_once(
    client: Callable[[], Recorder], broken: Callable[..., None]
) -> None:
    broken(always=True)
    recorder = client()
    recorder.client.generate(Generate(1, QUESTION))
    died = recorder.wait_for(Died)
    assert len(recorder.of_kind(SaferMode)) == 1
    assert died.returncode == -signal.SIGILL and "also without its extra kernels" in died.message
    assert not safer_mode.is_remembered()


def test_a_file_that_crashes_the_load_is_told_and_nothing_is_remembered(
    client: Callable[[Path], Recorder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.belle.engine.tiny_gguf.SPM_WORDS", [*SPM_WORDS, SPM_WORDS[0]])
    write_random_model(tmp_path / "equal.gguf")
    recorder = client(tmp_path / "equal.gguf")
    died = recorder.wait_for(Died)
    assert not recorder.of_kind(SaferMode)
    assert (died.kind, died.returncode) == ("backend_crash", -signal.SIGABRT)
    assert "equal.gguf" in died.message and "two tokens" in died.message
    assert len(died.log.splitlines()) < 10
    assert not safer_mode.is_remembered()


def test_an_answer_that_was_half_told_is_not_told_again(client: Callable[..., Recorder], starter: Path) -> None:
    recorder = client(starter, None)
    # It repeats itself until the context is full, which takes a minute; the random model is through at once.
    story = (Message("user", "Write a very long story about a dog."),)
    recorder.client.generate(Generate(1, story, sampling=GREEDY))
    recorder.wait_for(Text)
    assert recorder.client.pid is not None
    os.kill(recorder.client.pid, signal.SIGILL)
    failed = recorder.wait_for(Failed)
    assert (failed.id, failed.kind) == (1, "backend_crash")
    recorder.wait_for(Ready)
    assert not recorder.of_kind(Done)
    assert answered(recorder).id == 1


@pytest.mark.parametrize(
    ("returncode", "working", "helps"),
    [
        (-signal.SIGILL, False, True), (-signal.SIGILL, True, True), (-signal.SIGSEGV, False, True),
        (-signal.SIGABRT, True, False), (-signal.SIGKILL, False, False), (1, False, False), (0, False, False),
        (None, False, False),
    ],
)  # fmt: skip
def test_when_it_could_help(returncode: int | None, working: bool, helps: bool) -> None:
    assert safer_mode.could_help(returncode, "", working=working) is helps


def test_what_llama_cpp_says_of_a_file_is_not_blamed_on_the_kernels() -> None:
    model, kernel = "/src/llama-vocab.cpp:1: GGML_ASSERT(x) failed", "/src/ggml-cpu/repack.cpp:1: GGML_ASSERT(x) failed"
    assert not safer_mode.could_help(-signal.SIGABRT, model, working=False)
    assert safer_mode.could_help(-signal.SIGABRT, kernel, working=False)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"safer_mode": 5}', b'{"safer_mode": [5, null]}', b"\xff\xfe", b"[" * 60_000]
)
def test_a_file_that_makes_no_sense_is_as_good_as_none(content: bytes) -> None:
    path = paths.safer_mode_file()
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert not safer_mode.is_remembered()
    safer_mode.remember()
    assert safer_mode.is_remembered()


def test_another_build_or_processor_finds_out_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    safer_mode.remember()
    safer_mode.remember()
    assert len(json.loads(paths.safer_mode_file().read_bytes())["safer_mode"]) == 1
    monkeypatch.setattr(safer_mode, "library_digest", lambda: "another")
    assert not safer_mode.is_remembered()
    safer_mode.remember()
    monkeypatch.undo()


def test_a_home_that_cannot_be_written_forgets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file" / "below"))
    safer_mode.remember()
    assert not safer_mode.is_remembered()


def test_the_person_is_told_in_the_terminal(random_model: Path, broken: Callable[..., None]) -> None:
    broken()
    command = [sys.executable, "-m", "belle", "chat", "-m", str(random_model), "--template", "plain"]
    command += ["-p", "hello world, hello a b.", "--max-tokens", "2", "--temperature", "0"]
    told = [subprocess.run(command, capture_output=True, text=True, timeout=120, check=False) for _ in range(2)]
    assert [one.returncode for one in told] == [0, 0], [one.stderr for one in told]
    assert told[0].stdout == told[1].stdout != ""
    assert [one.stderr.count("without") for one in told] == [1, 0]


def test_an_engine_that_died_is_started_again_by_the_next_question(random_model: Path) -> None:
    from belle.engine.process.blocking import open_engine

    with open_engine(Load(str(random_model), template="plain")) as engine:
        assert engine.client.pid is not None
        os.kill(engine.client.pid, signal.SIGKILL)
        with pytest.raises(KnownError) as caught:
            list(engine.generate(Generate(1, QUESTION, max_tokens=2)))
        assert caught.value.kind == "killed"
        assert isinstance(list(engine.generate(Generate(2, QUESTION, max_tokens=2)))[-1], Done)
