"""Several runs, one after the other, in two processes that start once for all tests: importing torch and DeepSpeed
takes longer than training these models.

    RANK=… WORLD_SIZE=2 python -m tests.belle.training.rank_script < names of JOBS.json, one a line

JOBS.json is a list of {"recipe": FILE, "overrides": […], "resume": bool, "killed": RUN}; with `killed`, the job resumes
a copy of that run, in the state of a run that was killed after step 3. The outcome of each job is written to
JOBS.RANK.json: null, or the kind and the message of the KnownError.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import IO, Any

from belle import durable
from belle.errors import KnownError
from tests.belle.training.runs import ROOT, Process, start_processes_of


def run_jobs(jobs: list[dict[str, Any]], folder: Path) -> list[Any]:
    """Run the jobs in both processes. Returns the outcomes in process 0: None, or (kind, message)."""
    path = folder / "jobs.json"
    path.write_text(json.dumps(jobs))
    return _RANKS.run(path)


def end_ranks() -> None:
    """End the processes, if they were started."""
    _RANKS.end()


class _Ranks:
    """The two processes: started with the first jobs, and again after one of them died."""

    def __init__(self) -> None:
        self._processes: list[Process] = []
        self._threads: list[threading.Thread] = []
        self._outputs: list[list[str]] = []

    def run(self, path: Path) -> list[Any]:
        if not self._processes:
            self._start()
        results = [path.with_suffix(f".{rank}.json") for rank in range(len(self._processes))]
        for process, file in zip(self._processes, results, strict=True):
            file.unlink(missing_ok=True)
            assert process.stdin is not None
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
        while not all(file.exists() for file in results):
            if any(process.poll() is not None for process in self._processes):
                sleep(5)  # the other one may write an error, too
                self.end()
                raise AssertionError("\n".join("".join(lines) for lines in self._outputs))
            sleep(0.02)
        return list(json.loads(results[0].read_text()))

    def end(self) -> None:
        for process in self._processes:
            process.kill()  # it is idle, and torch takes seconds to end in order
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        for thread in self._threads:
            thread.join()
        self._processes, self._threads = [], []

    def _start(self) -> None:
        self._processes = start_processes_of(["-m", __name__], stdin=True)
        streams = [stream for process in self._processes for stream in (process.stdout, process.stderr)]
        self._outputs = [[] for _ in streams]
        self._threads = [
            threading.Thread(target=_collect, args=pair, daemon=True)
            for pair in zip(streams, self._outputs, strict=True)
        ]
        for thread in self._threads:
            thread.start()


def _collect(stream: IO[str], lines: list[str]) -> None:
    with stream:
        lines.extend(stream)


_RANKS = _Ranks()


def _main() -> None:
    import torch

    from belle.training.cluster.processes import stop_processes

    torch.set_num_threads(1)
    for line in sys.stdin:
        path = Path(line.removesuffix("\n"))
        result = path.with_suffix(f".{os.environ['RANK']}.json")
        durable.write_text(result, json.dumps(_run(path)))
    stop_processes()


def _run(path: Path) -> list[Any]:
    from belle.training.recipe.load import load_recipe
    from belle.training.stages.run import run_recipe

    outcomes: list[Any] = []
    for job in json.loads(path.read_text()):
        try:
            recipe = load_recipe(Path(job["recipe"]), job.get("overrides", ()))
            if "killed" in job:
                _copy_as_killed(Path(job["killed"]), recipe.output_dir)
            run_recipe(replace(recipe, resume=job.get("resume", False)))
            outcomes.append(None)
        except KnownError as error:
            outcomes.append([error.kind, str(error)])
    return outcomes


def _copy_as_killed(run_folder: Path, copied: Path) -> None:
    from torch import distributed

    if os.environ["RANK"] == "0":
        shutil.copytree(run_folder, copied, ignore=shutil.ignore_patterns("final", "step-4"))
    distributed.barrier()


if __name__ == "__main__":
    assert ROOT.exists()
    _main()
