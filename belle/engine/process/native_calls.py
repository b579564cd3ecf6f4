"""Single functions that use llama.cpp or whisper.cpp, called in a process of their own.

`call("package.module:function", …)` is for single calls, such as whether llama.cpp can load a file; whole commands run
in `process/native_process.py`. The process is started with the first call, answers one call after the other, and ends
after a minute without one, so that many calls cost one start. Calls and answers are lines of JSON.
"""

from __future__ import annotations

import atexit
import importlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import IO, Any

from belle.documents import parse_json_row
from belle.engine.process import safer_mode
from belle.engine.process.faults import death
from belle.engine.process.memory_pressure import MemoryWatch
from belle.engine.process.native_process import environment, read_log
from belle.errors import KnownError
from belle.texts import json_text, utf8

_COMMAND = (sys.executable, "-P", "-m", "belle.engine.process.native_calls")
_IDLE_S = 60.0
_STDIN, _STDOUT, _STDERR = 0, 1, 2


def call(function: str, **arguments: Any) -> Any:
    """The value of a function, computed in a process with llama.cpp.

    Args:
        function: `module:name`; the module may import llama_cpp.
        arguments: JSON-serializable, as is the value.

    Raises KnownError: what the function raises, or that native code ended the process.
    """
    return _llama.call({"function": function, "arguments": arguments})


def call_whisper(function: str, **arguments: Any) -> Any:
    """As `call`, for functions that use whisper.cpp: its build of ggml and llama.cpp's do not meet in one process."""
    return _whisper.call({"function": function, "arguments": arguments})


class _Died(Exception):  # noqa: N818 - caught by `_Helper` alone
    """The process ended before it answered; its exit status as `subprocess` has it."""

    def __init__(self, returncode: int) -> None:
        super().__init__(returncode)
        self.returncode = returncode


class _Process:
    """A running process."""

    def __init__(self, *, safer: bool) -> None:
        self.safer = safer
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `end`
        self._asked_at = 0
        self._popen = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment(safer=safer),
            start_new_session=True,  # Ctrl-C in a terminal is for the caller alone
        )

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer. Raises _Died."""
        question_pipe, answer_pipe = self._popen.stdin, self._popen.stdout
        assert question_pipe is not None and answer_pipe is not None
        self._asked_at = os.fstat(self._log.fileno()).st_size
        line = b""
        with suppress(BrokenPipeError):
            question_pipe.write(utf8(json_text(question)) + b"\n")
            question_pipe.flush()
            line = answer_pipe.readline()
        if not line.endswith(b"\n"):
            raise _Died(self._popen.wait())
        answer: dict[str, Any] = parse_json_row(line)
        return answer

    @property
    def log(self) -> str:
        """The end of what native code wrote since the last call."""
        return read_log(self._log, self._asked_at)

    def end(self) -> None:
        """Kill it."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout, self._log):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()


class _Helper:
    """A process of this program, started when it is needed. One call at a time."""

    def __init__(self, who: str) -> None:
        """`who` is its name in error messages."""
        self._who = who
        self._process: _Process | None = None
        self._lock = threading.Lock()

    def call(self, question: dict[str, Any]) -> Any:
        with self._lock:
            answer = self._answer(question)
        if "error" in answer:
            raise KnownError.from_fields(answer["error"])
        if "bug" in answer:
            raise RuntimeError(f"{question['function']} failed in its process:\n{answer['bug']}")
        return answer["value"]

    def end(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        watch = MemoryWatch()
        safer = safer_mode.is_on()
        while True:
            is_new = self._process is None
            process = self._process = self._process or _Process(safer=safer)
            try:
                answer = process.ask(question)
            except _Died as died:
                log = process.log
                self.end()
                if died.returncode == 0 and not is_new:
                    continue  # it ended after a minute without a call, just before this one
                if died.returncode == -signal.SIGILL and not process.safer:
                    safer = True
                    continue
                why = death(died.returncode, log, memory=watch.facts(), safer_too=process.safer, who=self._who)
                raise KnownError(why.kind, why.message, why.advice, returncode=died.returncode, log=log) from None
            except BaseException:
                self.end()  # such as KeyboardInterrupt: this answer must not be read as that of the next call
                raise
            if process.safer and not safer_mode.is_on():
                safer_mode.remember()
            return answer


_llama, _whisper = _Helper("llama.cpp's process"), _Helper("whisper.cpp's process")
atexit.register(_llama.end)
atexit.register(_whisper.end)


def main() -> None:
    """Answer calls until none has come for a minute."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Before llama_cpp is imported: what native code prints to descriptor 1 must not get among the answers.
    answers = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(_STDERR, _STDOUT)
    questions = os.fdopen(_STDIN, "rb", buffering=0)
    # The caller waits for each answer, so there is never a second line in the pipe, and `select` sees every one.
    while select.select([questions], [], [], _IDLE_S)[0] and (line := questions.readline()):
        answers.write(utf8(json_text(_answer(parse_json_row(line)))) + b"\n")
        answers.flush()
    # Not `sys.exit`: it runs the destructors of native libraries, in which some have aborted.
    os._exit(0)


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    module, _, name = question["function"].partition(":")
    try:
        return {"value": getattr(importlib.import_module(module), name)(**question["arguments"])}
    except KnownError as error:
        return {"error": error.fields}
    except Exception:
        import traceback

        return {"bug": traceback.format_exc()}


if __name__ == "__main__":
    main()
