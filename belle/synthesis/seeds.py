"""Seed tasks, which people wrote: JSON Lines as BELLE and self-instruct have them, or this project's own.

{"id": "seed_task_1", "name": "…", "instruction": "…", "instances": [{"input": "…", "output": "…"}],
 "is_classification": false}
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from belle import paths
from belle.data.check import language_of
from belle.data.files import Record, records
from belle.errors import KnownError
from belle.texts import is_whole

TaskLanguage = Literal["zh", "en"]

_ADVICE = "A seed has “instruction” and “instances”, a list of objects with “input” and “output”."


@dataclass(frozen=True, slots=True)
class Task:
    """A task that is shown to a model as an example.

    Attributes:
        id: of the seed, or of the row.
        input: what the instruction is about; "" where it needs nothing.
        depth: how many rewritings made it; 0 for a seed.
    """

    id: str
    instruction: str
    input: str = ""
    depth: int = 0

    @property
    def question(self) -> str:
        """Instruction and input as they are asked."""
        return f"{self.instruction}\n{self.input}" if self.input else self.instruction


def own_seeds_file() -> Path:
    """The seed tasks that ship with the program."""
    return paths.asset("seed-tasks") / "seed-tasks.jsonl"


def read_seeds(path: Path, language: TaskLanguage) -> list[Task]:
    """The seeds of a file that are in `language`, one of each instance's input at most.

    Raises KnownError ("bad_seeds", which names file and line; "no_seeds"; those of `belle.data.files.records`).
    """
    tasks = [_task(record) for record in records(path)]
    ours = [task for task in tasks if language_of(task.instruction) in (language, "mixed")]
    if not ours:
        message = f"None of the {len(tasks):,} seed tasks of {path} is in the language “{language}”."
        raise KnownError("no_seeds", message, "Give other seeds, or another --language.", path=str(path))
    return ours


def seeds_digest(tasks: Sequence[Task]) -> str:
    """Of all the seeds' texts, for the identity of a run."""
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(repr((task.id, task.instruction, task.input)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def _task(record: Record) -> Task:
    if record.problem:
        raise _bad(record, record.problem)
    value = record.value
    if not isinstance(value, dict):
        raise _bad(record, "it is not an object")
    instruction = value.get("instruction")
    if not isinstance(instruction, str) or not instruction.strip() or not is_whole(instruction):
        raise _bad(record, "“instruction” is not a text")
    return Task(str(value.get("id", record.number)), instruction.strip(), _first_input(record, value))


def _first_input(record: Record, value: dict[str, Any]) -> str:
    instances = value.get("instances")
    if not isinstance(instances, list) or not all(isinstance(instance, dict) for instance in instances):
        raise _bad(record, "“instances” is not a list of objects")
    text = instances[0].get("input", "") if instances else ""
    if not isinstance(text, str) or not is_whole(text):
        raise _bad(record, "an “input” is not a text")
    return text.strip()


def _bad(record: Record, problem: str) -> KnownError:
    message = f"{record.path}, {record.unit} {record.number} is not a seed task: {problem}."
    return KnownError("bad_seeds", message, _ADVICE, path=record.path, number=record.number)
