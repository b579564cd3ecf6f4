"""What `belle train --launch` starts on every machine: torchrun's agent, told over stdin what to run.

ssh forwards no signals, and a connection that breaks ends nothing on the other side. So the first line of stdin is the
request, in JSON; every further line is the number of a signal for the processes; and its end means: stop everything.
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


def serve() -> int:
    """Run what the first line of stdin asks for on this machine. Returns the exit status."""
    request = parse_json(sys.stdin.readline())
    if problems := _differences(request):
        sys.stderr.write(
            f"belle: {request['host']}: {'; '.join(problems)}.\n"
            "       Every machine needs the same program and files under the same paths, best on a shared disk.\n"
        )
        return 2
    os.environ.update(request["environment"])
    # A library that starts a thread for each core in every process would have them wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // request["slots"])))
    os.environ["PYTHONUNBUFFERED"] = "1"
    signalled = threading.Event()
    threading.Thread(target=_listen, args=(signalled,), daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="chatbelle-launch-") as logs:
        return _run(request, Path(logs), signalled)


def _differences(request: Mapping[str, Any]) -> list[str]:
    """Go to the run's folder, and say what here is not as it is at the launcher's."""
    problems = []
    try:
        os.chdir(request["folder"])
    except OSError as error:
        problems.append(f"the folder {request['folder']} is not there: {error.strerror}")
    if request["version"] != belle.__version__:
        problems.append(f"ChatBELLE {belle.__version__} is installed, not {request['version']}")
    for name, expected in request["files"].items():
        if (here := digest(Path(name))) != expected:
            problems.append(f"{name} is {'another file' if here else 'not there'}")
    return problems


def _run(request: Mapping[str, Any], logs: Path, signalled: threading.Event) -> int:
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.ERROR)  # what torch logs of a process that ended is said below, in words
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
    """What the process said last: on stderr, or else on stdout."""
    for name in ("stderr.log", "stdout.log"):
        for file in logs.glob(f"*/attempt_0/{local_rank}/{name}"):
            if lines := file.read_text(encoding="utf-8", errors="replace").splitlines():
                return lines[-_LAST_LINES:]
    return []


def _listen(signalled: threading.Event) -> None:
    import psutil

    for line in sys.stdin:
        signalled.set()
        for process in psutil.Process().children():
            with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                # Each leads a group; only what kills is also for what it started.
                number = int(line)
                os.killpg(process.pid, number) if number == signal.SIGKILL else process.send_signal(number)
    # torchrun's agent ends its processes when it is ended; before it has any, this ends it alone.
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(serve())
