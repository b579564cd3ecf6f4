"""The program that `belle train --launch` starts on every machine: torchrun's agent, controlled over stdin.

ssh forwards no signals, and a broken connection ends nothing on the other side. So the first line of stdin is the
request in JSON, every further line is the number of a signal for the processes, and end of file means: stop everything.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import belle
from belle.documents import parse_json

# Files up to this size are compared byte by byte, larger ones by their size.
_HASHED_BYTES = 16 << 20
_LAST_LINES = 12
_JOIN_SECONDS = 300
_END_SECONDS = 30


def digest(path: Path) -> str:
    """A text that differs between two versions of a file: its sha256 or, if large, its size; empty without a file."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            return "folder"
        if size > _HASHED_BYTES:
            return f"{size} bytes"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def serve() -> int:
    """Run the request in the first line of stdin on this machine. Returns the exit status."""
    request = parse_json(sys.stdin.readline())
    if problems := _differences(request):
        sys.stderr.write(
            f"belle: {request['host']}: {'; '.join(problems)}.\n"
            "       Every machine needs the same program and files under the same paths, best on a shared disk.\n"
        )
        return 2
    os.environ.update(request["environment"])
    # Otherwise libraries start a thread per core in every process, and these compete for the cores.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // request["slots"])))
    os.environ["PYTHONUNBUFFERED"] = "1"
    signalled = threading.Event()
    threading.Thread(target=_listen, args=(signalled,), daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="chatbelle-launch-") as logs:
        return _run(request, Path(logs), signalled)


def _differences(request: Mapping[str, Any]) -> list[str]:
    """Change to the run's folder; return how this machine differs from the launcher's, one phrase each."""
    problems = []
    try:
        os.chdir(request["folder"])
    except OSError as error:
        problems.append(f"the folder {request['folder']} cannot be opened: {error.strerror}")
    if request["version"] != belle.__version__:
        problems.append(f"ChatBELLE {belle.__version__} is installed, not {request['version']}")
    for name, expected in request["files"].items():
        if (own := digest(Path(name))) != expected:
            problems.append(f"{name} {'differs' if own else 'does not exist'}")
    return problems


def _run(request: Mapping[str, Any], logs: Path, signalled: threading.Event) -> int:
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.ERROR)  # what torch logs of a process that ended is reported below
    host = request["host"]
    config = LaunchConfig(
        min_nodes=request["hosts"],
        max_nodes=request["hosts"],
        nproc_per_node=request["slots"],
        run_id="belle",
        rdzv_backend="static",
        rdzv_endpoint=request["endpoint"],
        rdzv_configs={"rank": request["number"], "timeout": _JOIN_SECONDS},
        max_restarts=0,
        shutdown_timeout=_END_SECONDS,
        logs_specs=DefaultLogsSpecs(log_dir=str(logs), tee=Std.ALL),
        log_line_prefix_template=f"[{host} ${{rank}}] ",
    )
    program, *arguments = request["command"]
    try:
        elastic_launch(config, program)(*arguments)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        status: int = failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode
        if not signalled.is_set():
            sys.stderr.write(f"belle: process {rank} of {host} ended with status {status}.\n")
            sys.stderr.writelines(f"    {line}\n" for line in _last_lines(logs, failure.local_rank))
        return status
    except SignalException as stopped:
        return 128 + int(stopped.sigval)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        sys.stderr.write(f"belle: {host}: the machines do not find each other at {request['endpoint']}: {reason}\n")
        return 2
    return 0


def _last_lines(logs: Path, local_rank: int) -> list[str]:
    """The last lines of the process's stderr, or of its stdout when that is empty."""
    for name in ("stderr.log", "stdout.log"):
        for file in logs.glob(f"*/attempt_0/{local_rank}/{name}"):
            if lines := file.read_text(encoding="utf-8", errors="replace").splitlines():
                return lines[-_LAST_LINES:]
    return []


def _listen(signalled: threading.Event) -> None:
    """Pass on the signals that stdin names; end everything when stdin ends."""
    import psutil

    for line in sys.stdin:
        signalled.set()
        for process in psutil.Process().children():
            with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                # Each process leads a group. Only SIGKILL goes to the whole group: after the other signals the process
                # ends its children itself.
                number = int(line)
                os.killpg(process.pid, number) if number == signal.SIGKILL else process.send_signal(number)
    # torchrun's agent ends its processes when it gets this signal; before it has any, it just ends.
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(serve())
