"""Several runs, one after the other, in processes that start once: importing torch and DeepSpeed takes longer than
training these models.

    RANK=… WORLD_SIZE=… python -m tests.belle.training.rank_script JOBS.json

JOBS.json is a list of {"recipe": FILE, "overrides": […], "resume": bool, "killed": RUN}; with `killed`, the job goes on
from a copy of that run as it would be, had it been killed after step 3. What became of each job is written to
JOBS.RANK.json: null, or the kind and the words of the KnownError.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

from belle.errors import KnownError
from tests.belle.training.runs import ROOT, start_processes_of


def run_jobs(jobs: list[dict[str, Any]], folder: Path, world_size: int = 2) -> list[Any]:
    """Run the jobs in `world_size` processes. Returns what process 0 found of each: None, or (kind, words)."""
    path = folder / "jobs.json"
    path.write_text(json.dumps(jobs))
    logs = [path.with_suffix(f".{rank}.log") for rank in range(world_size)]
    processes = start_processes_of([sys.executable, "-m", __name__, str(path)], world_size)
    threads = [threading.Thread(target=_collect, args=pair) for pair in zip(processes, logs, strict=True)]
    for thread in threads:
        thread.start()
    while any(process.poll() is None for process in processes):
        if any(process.poll() for process in processes):
            sleep(5)  # the others may have something to say, too
            for process in processes:
                process.kill()
        sleep(0.1)
    for thread in threads:
        thread.join()
    assert not any(p.returncode for p in processes), "\n".join(log.read_text() for log in logs)
    return list(json.loads(path.with_suffix(".0.json").read_text()))


def _collect(process: subprocess.Popen[str], log: Path) -> None:
    out, err = process.communicate()
    log.write_text(out + err)


def _main(path: Path) -> None:
    import torch

    from belle.training.processes import stop_processes
    from belle.training.recipe import load_recipe
    from belle.training.stages import run_recipe

    torch.set_num_threads(1)
    found: list[Any] = []
    for job in json.loads(path.read_text()):
        try:
            recipe = load_recipe(Path(job["recipe"]), job.get("overrides", ()))
            if "killed" in job:
                _copy_as_killed(Path(job["killed"]), recipe.output_dir)
            run_recipe(replace(recipe, resume=job.get("resume", False)))
            found.append(None)
        except KnownError as error:
            found.append([error.kind, str(error)])
    stop_processes()
    path.with_suffix(f".{os.environ['RANK']}.json").write_text(json.dumps(found))


def _copy_as_killed(run_folder: Path, copied: Path) -> None:
    from torch import distributed

    if os.environ["RANK"] == "0":
        shutil.copytree(run_folder, copied, ignore=shutil.ignore_patterns("final", "step-4"))
    distributed.barrier()


if __name__ == "__main__":
    assert ROOT.exists()
    _main(Path(sys.argv[1]))
