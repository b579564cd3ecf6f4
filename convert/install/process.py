"""A process that installs, imports or converts one model: `python -m convert.install.process`.

The window starts it, so that whatever goes wrong in it costs the job alone. The first line on stdin is the job, a JSON
object with `do` and the arguments of that job. Every line on stdout is a JSON object with one of these keys:

    step       the progress, see `belle.clients.progress.Step`
    done       the job is complete; its result
    failed     a known error: kind, message, advice, details
    stopped    it was stopped; what is done is kept, and the same job goes on from there

The end of stdin means stop, so that no such process outlives its window.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from belle.clients.progress import InstallStoppedError, Listener, Step
from belle.documents import parse_json_row
from belle.errors import KnownError
from belle.texts import json_text, utf8

Run = Callable[[Mapping[str, Any], Listener, threading.Event], dict[str, Any]]


def main() -> None:
    """Do one job."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the window's terminal is for the window alone
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    questions = os.fdopen(os.dup(0), "rb", buffering=0)
    job = parse_json_row(questions.readline())
    stop = threading.Event()
    threading.Thread(target=_wait_for_end, args=(questions, stop), daemon=True).start()
    _write(answers, run_job(job, lambda step: _write(answers, {"step": asdict(step)}), stop))
    # Not `sys.exit`: it would wait for a thread that still reads stdin.
    sys.stderr.flush()
    os._exit(0)


def run_job(job: Mapping[str, Any], listener: Listener, stop: threading.Event) -> dict[str, Any]:
    """The last answer to a job."""
    try:
        return {"done": _JOBS[job["do"]](job, listener, stop)}
    except InstallStoppedError:
        return {"stopped": True}
    except KnownError as error:
        return {"failed": error.fields}


def _get(job: Mapping[str, Any], listener: Listener, stop: threading.Event) -> dict[str, Any]:
    from belle.models.catalog import load_catalog
    from convert.install.job import InstallOptions, install

    entry = load_catalog().find(job["name"])
    if entry is None:
        raise KnownError("unknown_model", f"There is no model called “{job['name']}”.", "", name=job["name"])
    weights = job.get("llama_weights")
    options = InstallOptions(endpoint=job.get("endpoint"), llama_weights=Path(weights) if weights else None)
    result = install(entry, options, listener=listener, stop=stop)
    return {"name": entry.name, "path": str(result.path), "n_bytes": result.n_bytes, "notes": list(result.notes)}


def _import(job: Mapping[str, Any], listener: Listener, stop: threading.Event) -> dict[str, Any]:
    from convert.install.library import take_over

    def follow(step: Step) -> None:
        if stop.is_set():
            raise InstallStoppedError
        listener(step)

    model, header = take_over(Path(job["path"]), copy=True, listener=follow)
    return {"name": model.name, "path": str(model.path), "n_bytes": header.size_bytes}


def _convert(job: Mapping[str, Any], listener: Listener, stop: threading.Event) -> dict[str, Any]:
    from convert.install.local import convert_local

    adapter = job.get("adapter")
    model = convert_local(Path(job["path"]), adapter=Path(adapter) if adapter else None, listener=listener, stop=stop)
    return {"name": model.name, "path": str(model.path), "n_bytes": model.path.stat().st_size}


_JOBS: Mapping[str, Run] = {"get": _get, "import": _import, "convert": _convert}


def _wait_for_end(questions: IO[bytes], stop: threading.Event) -> None:
    while questions.read(1):
        pass
    stop.set()


def _write(answers: IO[bytes], answer: Mapping[str, Any]) -> None:
    try:
        answers.write(utf8(json_text(answer)) + b"\n")
        answers.flush()
    except BrokenPipeError:
        os._exit(0)  # the window has ended


if __name__ == "__main__":
    main()
