"""What `belle train --launch` runs on every machine: starts its processes, passes on what they say, ends them.

It is spoken to in JSON lines over stdin and stdout, through ssh or a pipe. ssh forwards no signals, and a broken
connection kills nothing on the other side; here a signal is a line, and the end of stdin means: stop everything.

    → {"folder": …, "environment": {…}, "files": {path: digest}, "version": …}      first line
    ← {"event": "hello", "machine": …, "port": …, "problems": […]}
    → {"start": {"command": […], "ranks": [{name: value}, …]}}                      environment of each process
    ← {"event": "line", "rank": 0, "stream": "out", "text": …}
    ← {"event": "exit", "rank": 0, "status": 0}                                     128 + n after a signal n
    → {"signal": 15}
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import belle
from belle.documents import parse_json

# Files up to this size are compared byte by byte, larger ones by their size.
_HASHED_BYTES = 16 << 20
_SECONDS_TO_END = 20.0


def digest(path: Path) -> str:
    """What tells two copies of a file apart; empty when it is not there."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            return "folder"
        if size > _HASHED_BYTES:
            return f"{size} bytes"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


class Node:
    """The processes of one machine, and the talk with the launcher.

    Args:
        out: where events go.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._children: dict[int, subprocess.Popen[str]] = {}
        self._threads: list[threading.Thread] = []
        self._environment: dict[str, str] = dict(os.environ)

    def hello(self, request: Mapping[str, Any]) -> None:
        """Go to the run's folder and say what is not as it is at the launcher's."""
        problems = []
        self._environment |= request["environment"]
        try:
            os.chdir(request["folder"])
        except OSError as error:
            problems.append(f"the folder {request['folder']} is not there: {error.strerror}")
        if request["version"] != belle.__version__:
            problems.append(f"ChatBELLE {belle.__version__} is installed, not {request['version']}")
        for name, expected in request["files"].items():
            found = digest(Path(name))
            if found != expected:
                problems.append(f"{name} is {'another file' if found else 'not there'}")
        with socket.socket() as listener:
            listener.bind(("", 0))
            port = listener.getsockname()[1]
        self._tell(event="hello", machine=machine(), port=port, problems=problems)

    def start(self, command: list[str], ranks: list[dict[str, str]]) -> None:
        """Start one process for each entry of `ranks`."""
        threads = max(1, (os.cpu_count() or 1) // len(ranks))
        for variables in ranks:
            environment = {"OMP_NUM_THREADS": str(threads), **self._environment, **variables}
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={**environment, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
            rank = int(variables["RANK"])
            self._children[rank] = child
            self._threads.append(threading.Thread(target=self._follow, args=(rank, child)))
            self._threads[-1].start()

    def send_signal(self, number: int) -> None:
        """To every process; SIGKILL to what they started, too."""
        for child in self._children.values():
            if child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, number) if number == signal.SIGKILL else os.kill(child.pid, number)

    def end(self) -> None:
        """Stop what still runs, and wait for it."""
        self.send_signal(signal.SIGTERM)
        timer = threading.Timer(_SECONDS_TO_END, self.send_signal, (signal.SIGKILL,))
        timer.start()
        for thread in self._threads:
            thread.join()
        timer.cancel()

    def _follow(self, rank: int, child: subprocess.Popen[str]) -> None:
        pipes = [
            threading.Thread(target=self._pass_on, args=(rank, name, stream))
            for name, stream in (("out", child.stdout), ("err", child.stderr))
        ]
        for pipe in pipes:
            pipe.start()
        for pipe in pipes:
            pipe.join()
        status = child.wait()
        self._tell(event="exit", rank=rank, status=status if status >= 0 else 128 - status)

    def _pass_on(self, rank: int, name: str, stream: Any) -> None:
        for line in stream:
            self._tell(event="line", rank=rank, stream=name, text=line.rstrip("\n"))

    def _tell(self, **event: Any) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._out.write(json.dumps(event) + "\n")
            self._out.flush()


def machine() -> str:
    """A name that only this machine has."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return f"{platform.node()} {boot}".strip()


def main() -> int:
    """Serve one launcher, until it closes stdin."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Not SIG_IGN, which the processes would inherit.
        signal.signal(number, lambda *_: None)
    # Nothing but events may reach the launcher's end of the pipe.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    node = Node(out)
    for line in sys.stdin:
        request = parse_json(line)
        if "folder" in request:
            node.hello(request)
        elif "start" in request:
            node.start(request["start"]["command"], request["start"]["ranks"])
        elif "signal" in request:
            node.send_signal(request["signal"])
    node.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
