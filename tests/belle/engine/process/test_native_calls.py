"""Questions to llama.cpp in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from belle.engine.process import native_calls, safer_mode
from belle.engine.process.native_calls import call
from belle.errors import KnownError
from tests.belle.engine import tiny_gguf
from tests.belle.engine.tiny_gguf import SPM_WORDS, write_random_model

TOKENS, READ = "belle.engine.llama.file_questions:token_ids", "belle.engine.llama.file_questions:read_one_token"


@pytest.fixture
def equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GGUF at which llama.cpp ends the process."""
    monkeypatch.setattr(tiny_gguf, "SPM_WORDS", [*SPM_WORDS, SPM_WORDS[0]])
    write_random_model(tmp_path / "equal.gguf")
    return tmp_path / "equal.gguf"


def test_the_process_answers_and_is_kept(random_model: Path) -> None:
    ids = call(TOKENS, path=str(random_model), texts=["hello", "你好", ""])
    assert len(ids) == 3 and ids[2] == []
    process = native_calls._llama._process
    assert call(READ, path=str(random_model)) == 1
    assert native_calls._llama._process is process


def test_a_crash_is_a_known_error_and_the_next_question_is_answered(random_model: Path, equal: Path) -> None:
    for _ in range(2):
        with pytest.raises(KnownError) as caught:
            call(READ, path=str(equal))
        assert caught.value.kind == "backend_crash" and caught.value.details["returncode"] == -signal.SIGABRT
        assert "two tokens" in caught.value.message and len(caught.value.details["log"].splitlines()) < 5
        assert call(READ, path=str(random_model)) == 1


def test_known_errors_come_through_and_bugs_are_loud(tmp_path: Path, random_model: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(random_model.read_bytes()[:-5000])
    with pytest.raises(KnownError) as caught:
        call(READ, path=str(path))
    assert caught.value.kind == "truncated" and caught.value.details["path"] == str(path)
    with pytest.raises(RuntimeError, match="no_such_function"):
        call("belle.engine.llama.file_questions:no_such_function")


def test_a_process_that_went_is_started_again(random_model: Path) -> None:
    call(READ, path=str(random_model))
    process = native_calls._llama._process
    assert process is not None
    # As it does when nobody has asked for a while.
    assert process._popen.stdin is not None
    process._popen.stdin.close()
    assert process._popen.wait(30) == 0
    process._popen.stdin = os.fdopen(os.open(os.devnull, os.O_WRONLY), "wb")
    assert call(READ, path=str(random_model)) == 1


def test_several_threads_may_ask(random_model: Path) -> None:
    texts = [f"hello {n} world" for n in range(8)]
    alone = [call(TOKENS, path=str(random_model), texts=[text]) for text in texts]
    found: dict[int, object] = {}

    def ask(n: int) -> None:
        found[n] = call(TOKENS, path=str(random_model), texts=[texts[n]])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[n] for n in range(8)] == alone


def test_the_process_ends_with_the_program(random_model: Path) -> None:
    program = (
        "import sys; from belle.engine.process import native_calls\n"
        "native_calls.call(sys.argv[1], path=sys.argv[2])\n"
        "print(native_calls._llama._process._popen.pid, 'llama_cpp' in sys.modules)"
    )
    command = [sys.executable, "-c", program, READ, str(random_model)]
    pid, loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not Path("/proc", pid).exists() and loaded == "False"
    assert not safer_mode.is_remembered()
