"""Tiny training runs for tests: a LLaMA of a few thousand weights, ten conversations, and all else as in real runs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import yaml

from belle.training.recipe.load import load_recipe
from belle.training.recipe.schema import Recipe
from belle.training.stages.run import run_recipe
from tests.support.fork_server import ForkedProgram, fork_program

ROOT = Path(__file__).parents[3]
TOKENIZER = ROOT / "train/tiny/tokenizer"

CONVERSATIONS = [
    [("你好", "你好！")],
    [("Hello", "Hello! How can I help you?")],
    [("天空是什么颜色的？", "蓝色。"), ("草呢？", "绿色。")],
    [("1+1=?", "2")],
    [("Name a colour.", "Blue is a colour that many people like very much.")],
    [("讲一句话。", "千里之行，始于足下。")],
    [("Say yes.", "Yes.")],
    [("谢谢", "不客气。"), ("再见", "再见！")],
    [("What is the sea?", "Salt water.")],
    [("一加二？", "三。")],
]


def write_conversations(path: Path, count: int = len(CONVERSATIONS)) -> Path:
    """The first `count` conversations, in BELLE's format."""
    with path.open("w", encoding="utf-8") as file:
        for turns in CONVERSATIONS[:count]:
            row = [
                {"from": who, "value": text}
                for turn in turns
                for who, text in zip(("human", "assistant"), turn, strict=True)
            ]
            file.write(json.dumps({"conversations": row}, ensure_ascii=False) + "\n")
    return path


def recipe_file(folder: Path, **changes: Any) -> Path:
    """A recipe for an sft run in `folder`; the keys of `changes` replace its own."""
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {
        "stage": "sft",
        "output_dir": str(folder / "run"),
        "init": {
            "tokenizer": str(TOKENIZER),
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
        },
        "data": [str(write_conversations(folder / "data.jsonl"))],
        "max_length": 128,
        "batch_size": 4,
        "epochs": 2,
        "learning_rate": 1e-2,
        "tracking": [],
        "processes": 1,
        "keep_last": 0,
    }
    if "model" in changes:
        values.pop("init")
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**values, **changes}))
    return path


def run(folder: Path, overrides: Sequence[str] = (), **changes: Any) -> Path:
    """Train in this process. Returns the run's folder."""
    recipe: Recipe = load_recipe(recipe_file(folder, **changes), overrides)
    run_recipe(recipe)
    return recipe.output_dir


def metrics(run_folder: Path, name: str) -> list[Any]:
    """One value of every line of metrics.jsonl."""
    lines = (run_folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)[name] for line in lines]


def weights(path: Path) -> Mapping[str, Any]:
    """The tensors of a safetensors file."""
    from safetensors.torch import load_file

    loaded: Mapping[str, Any] = load_file(path)
    return loaded


def largest_difference(one: Path, other: Path) -> float:
    """Between two safetensors files with the same names."""
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


Process = subprocess.Popen[str] | ForkedProgram


def start(arguments: Sequence[str], *, rank: int = 0, world_size: int = 1, port: int = 0) -> Process:
    """`belle train` as a process of its own, as one of `world_size`."""
    return _start(["-m", "belle", "train", *arguments], rank, world_size, port)


def start_ranks(arguments: Sequence[str], world_size: int = 2) -> list[Process]:
    """The same run in several processes that are connected over gloo."""
    return start_processes_of(["-m", "belle", "train", *arguments], world_size)


def start_processes_of(python_arguments: Sequence[str], world_size: int = 2, *, stdin: bool = False) -> list[Process]:
    """Python with these arguments in several processes, with the environment variables of `torchrun`."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    return [_start(python_arguments, rank, world_size, port, stdin) for rank in range(world_size)]


def _start(python_arguments: Sequence[str], rank: int, world_size: int, port: int, stdin: bool = False) -> Process:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": str(ROOT)}
    if world_size > 1:
        environment |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world_size)}
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    if sys.platform == "linux" and python_arguments[0] == "-m":
        _, module, *words = python_arguments
        return fork_program(module, words, environment, stdin=stdin)
    # A process group of its own, so that a test can signal the group as a terminal does.
    return subprocess.Popen(
        [sys.executable, *python_arguments],
        stdin=subprocess.PIPE if stdin else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def finish(processes: Sequence[Process]) -> None:
    """Wait for all of them; each must end with status 0."""
    for process in processes:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, out + err


def wait_for(condition: Callable[[], bool], process: Process) -> None:
    """Wait until the condition is true; the process must still run."""
    deadline = monotonic() + 240
    while not condition():
        assert process.poll() is None, process.communicate()
        assert monotonic() < deadline, "it took too long"
        sleep(0.02)


def wait_for_lines(path: Path, count: int) -> None:
    """Wait until a file has that many lines."""
    deadline = monotonic() + 240
    while not path.exists() or path.read_text().count("\n") < count:
        assert monotonic() < deadline, f"{path} has not got {count} lines"
        sleep(0.05)
