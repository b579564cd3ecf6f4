"""Training runs to be killed: `python -m tests.faults.training_driver`, then lines `KILL_AT RECIPE` on stdin.

Importing torch takes seconds and a tiny run takes one, so this process imports once and forks a child for every line.
The child trains with `--resume`. `KILL_AT` is `never`, or `event N`: before the N-th thing that it does to a file, the
child kills itself with SIGKILL; or `after S`: it is killed after S seconds. The answer is one line of JSON:
`{"status": wait status, "events": how many there were (if it came to its end)}`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink"}


class Events:
    """Counts what the process does to files, and kills it before the N-th."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self._kill_at = kill_at
        sys.addaudithook(self._heard)
        # A sync is no event of Python's, but a place where a machine stops too.
        fsync = os.fsync

        def counted(file: int) -> None:
            self._happens()
            fsync(file)

        os.fsync = counted

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if writes or event in _CHANGES:
            self._happens()

    def _happens(self) -> None:
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def train(recipe: Path, kill_at: int | None) -> int:
    """Run the recipe to its end. Returns the number of events."""
    from dataclasses import replace

    import torch

    from belle.training.recipe.load import load_recipe
    from belle.training.stages.run import run_recipe

    torch.set_num_threads(1)
    loaded = replace(load_recipe(recipe), resume=True)
    events = Events(kill_at)
    run_recipe(loaded)
    return events.count


def forked(recipe: Path, how: str, amount: float) -> dict[str, Any]:
    """Train in a child. Returns the answer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            count = train(recipe, int(amount) if how == "event" else None)
            os.write(writing, str(count).encode())
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    timer = threading.Timer(amount, os.kill, (child, signal.SIGKILL)) if how == "after" else None
    if timer is not None:
        timer.start()
    with os.fdopen(reading) as pipe:
        count = pipe.read()
    if timer is not None:
        timer.cancel()
        timer.join()
    _, status = os.waitpid(child, 0)
    return {"status": status, "events": int(count) if count else None}


def main() -> None:
    import torch  # noqa: F401
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401

    import belle.training.stages.next_token  # noqa: F401

    transformers.logging.set_verbosity_error()
    print("ready", flush=True)
    for line in sys.stdin:
        how, amount, recipe = line.rstrip("\n").split(" ", 2)
        print(json.dumps(forked(Path(recipe), how, float(amount))), flush=True)


if __name__ == "__main__":
    main()
