"""A process that has imported what training needs and forks the programs that a test starts.

To import torch, transformers and DeepSpeed takes more than five seconds of processor time, to train a tiny model a
tenth of one. What is forked is a process of its own all the same, in a session of its own, with its own pipes, signals
and exit status; only the imports are those of its parent.

    process = fork_program("belle", ["train", "recipe.yaml"], environment)

The server reads requests from a socket (its standard input) until that is closed: a line of JSON, and with it four
descriptors: those of the program's stdin, stdout and stderr, and a pipe for its pid and then its wait status.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]


class ForkedProgram:
    """A running program, with those methods of `subprocess.Popen` that tests use; streams are text, stdin optional."""

    def __init__(self, server: socket.socket, request: dict[str, Any], *, stdin: bool) -> None:
        self.returncode: int | None = None
        theirs_in, ours_in = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY), -1)
        (ours_out, theirs_out), (ours_err, theirs_err), (status, theirs_status) = os.pipe(), os.pipe(), os.pipe()
        theirs = [theirs_in, theirs_out, theirs_err, theirs_status]
        socket.send_fds(server, [json.dumps(request).encode() + b"\n"], theirs)
        for descriptor in theirs:
            os.close(descriptor)
        self.stdin: IO[str] | None = os.fdopen(ours_in, "w") if stdin else None
        self.stdout: IO[str] = os.fdopen(ours_out)
        self.stderr: IO[str] = os.fdopen(ours_err)
        self._status = os.fdopen(status)
        self.pid = int(self._status.readline())

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Read all that it writes and wait for its end. Raises subprocess.TimeoutExpired."""
        written: dict[IO[str], str] = {}

        def read(stream: IO[str]) -> None:
            with stream:
                written[stream] = stream.read()

        readers = [threading.Thread(target=read, args=(stream,), daemon=True) for stream in (self.stdout, self.stderr)]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join()
        return written[self.stdout], written[self.stderr]

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout)[0]:
            with self._status:
                self.returncode = os.waitstatus_to_exitcode(int(self._status.readline()))
        return self.returncode


def fork_program(module: str, words: Sequence[str], environment: Mapping[str, str], *, stdin: bool) -> ForkedProgram:
    """`python -m module words…` in this folder, with only these variables, as a fork of the server."""
    request = {"module": module, "words": list(words), "environment": dict(environment), "folder": str(Path.cwd())}
    return ForkedProgram(_SERVER.connection(), request, stdin=stdin)


class _Server:
    """The server of this process: started with the first program, ended with this process."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def connection(self) -> socket.socket:
        if self._socket is None:
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
            self._socket, theirs = socket.socketpair()
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-m", __name__], stdin=theirs, env=environment, cwd=ROOT, start_new_session=True
                )
            atexit.register(self._end, process)
        return self._socket

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        assert self._socket is not None
        self._socket.close()
        process.wait()


_SERVER = _Server()


def _serve() -> None:
    import bitsandbytes  # noqa: F401
    import deepspeed  # noqa: F401
    import peft  # noqa: F401
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401

    import belle.cli.train.command
    import belle.training.stages.next_token
    import belle.training.stages.run  # noqa: F401

    torch.set_num_threads(1)
    requests = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever waits for a program is waited for by nobody
    while True:
        line, descriptors, _, _ = socket.recv_fds(requests, 1 << 16, 4)
        if not line:
            return
        while not line.endswith(b"\n"):
            line += requests.recv(1 << 16)
        if os.fork() == 0:
            requests.close()
            _start_and_wait(json.loads(line), descriptors)
            return  # only the program itself comes here, and ends as any other
        for descriptor in descriptors:
            os.close(descriptor)


def _start_and_wait(request: dict[str, Any], descriptors: list[int]) -> None:
    """Fork the program; write its pid and, when it has ended, its wait status. Returns in the program alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, status = descriptors
    child = os.fork()
    if child == 0:
        os.close(status)
        _become(request, streams)
        return
    for stream in (*streams, 0, 1, 2):
        os.close(stream)
    os.write(status, f"{child}\n".encode())
    _, ended = os.waitpid(child, 0)
    os.write(status, f"{ended}\n".encode())
    os._exit(0)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Python's own objects describe the server's streams: whether they can be sought in, for example.
    sys.stdin = sys.__stdin__ = os.fdopen(0, closefd=False)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", closefd=False)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)  # type: ignore[misc]
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = [request["module"], *request["words"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
