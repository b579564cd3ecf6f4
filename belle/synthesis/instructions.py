"""Tasks like some that exist, and rewritings of accepted ones (self-instruct: Wang et al. 2022, as in BELLE's 1.5M).

A request shows a few seeds and, once there are enough, tasks that the model wrote before, one to three seeds (self-
instruct shows two and six). They keep the tasks varied, where seeds alone bring the same ones again and again. Each
task is then asked by itself, so that its answer is what the model says to it, and not an afterthought of the request
that wrote it; a task without its material gets both in one reply.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from belle.prompts import Message
from belle.synthesis import prompts
from belle.synthesis.asks import Ask, StepReply
from belle.synthesis.draft import KindName, RowDraft
from belle.synthesis.filters import speaks_of_material
from belle.synthesis.labels import LabelCounts
from belle.synthesis.maker import MakerOptions, ProposalReading, labels_of, provenance
from belle.synthesis.reply_json import objects_in, text_field
from belle.synthesis.seeds import Task

_MACHINE_MADE_SHARE = 4
"""One in so many examples."""

_NO_INPUT = frozenset({"无", "空", "无输入", "none", "n/a", "no input", "empty"})
_ENOUGH_MACHINE_MADE = 8
_MOST_KEPT = 10_000
"""Accepted tasks that are kept to be shown and rewritten, an even draw of all."""

_DEEPEST = 4
"""Rewritings of a rewriting; more of them rarely make sense."""


class InstructionMaker:
    """Makes tasks. Attributes: see `RowMaker`.

    Args:
        seeds: that people wrote.
        labels: that requests are made with.
        options: how is asked.
        per_request: tasks to ask for at once.
        examples: tasks to show.
        evolve: the share of requests that rewrite an accepted task, 0…1.
    """

    kind: KindName = "instructions"
    total: int | None = None

    def __init__(
        self,
        seeds: Sequence[Task],
        labels: LabelCounts,
        options: MakerOptions,
        *,
        per_request: int = 8,
        examples: int = 4,
        evolve: float = 0.0,
    ) -> None:
        self.expected = max(1, round(per_request * (1 - evolve) / 2))
        self._seeds = seeds
        self._labels = labels
        self._options = options
        self._per_request = per_request
        self._examples = examples
        self._evolve = evolve
        self._made = TaskSample(_MOST_KEPT, options.chance("kept"))

    def ask(self, number: int) -> Ask:
        """As `RowMaker.ask`; there is always more."""
        name = f"task-{self._options.shard.number(number):07d}"
        chance = self._options.chance(name)
        labels = self._labels.draw(chance)
        parents = [task for task in self._made.tasks if task.depth < _DEEPEST] if self._evolve else []
        if parents and chance.random() < self._evolve:
            return self._ask_to_evolve(name, chance.choice(parents), chance, labels)
        return self._ask_for_tasks(name, chance, labels)

    def _ask_for_tasks(self, name: str, chance: random.Random, labels: Mapping[str, str]) -> Ask:
        shown = self._draw_examples(chance)
        messages = prompts.propose(shown, self._per_request, self._labels.describe(labels), self._options.language)
        context = {"examples": [task.id for task in shown], "labels": labels, "seed": self._options.seed}
        schema = prompts.tasks_schema(self._per_request)
        return Ask(name, "propose", messages, self._options.proposals, schema, context)

    def _ask_to_evolve(self, name: str, parent: Task, chance: random.Random, labels: Mapping[str, str]) -> Ask:
        operation = chance.choice(list(prompts.OPERATIONS))
        messages = prompts.evolve(parent, operation, self._labels.describe(labels), self._options.language)
        context = {"parent": asdict(parent), "operation": operation, "labels": labels, "seed": self._options.seed}
        return Ask(name, "propose", messages, self._options.proposals, prompts.TASK_SCHEMA, context)

    def _draw_examples(self, chance: random.Random) -> list[Task]:
        enough = len(self._made.tasks) >= _ENOUGH_MACHINE_MADE
        n_made = self._examples // _MACHINE_MADE_SHARE if enough else 0
        seeds = chance.sample(self._seeds, min(self._examples - n_made, len(self._seeds)))
        shown = [*seeds, *chance.sample(self._made.tasks, n_made)]
        chance.shuffle(shown)
        return shown

    def read(self, reply: StepReply) -> ProposalReading:
        """As `RowMaker.read`."""
        parsed = objects_in(reply.text, prompts.TASKS)
        if not parsed.objects:
            return ProposalReading(left_out=("not-json",))
        is_rewriting = "parent" in reply.context
        # A rewriting is one object and no list, so that only the end of the text says whether it is whole.
        whole = not reply.is_cut if is_rewriting else parsed.whole
        entries = parsed.objects[: 1 if is_rewriting else self._per_request]
        drafts = [
            self._draft(reply, number, entry, whole=whole)
            for number, entry in enumerate(entries, 1)
            if text_field(entry, "instruction")
        ]
        return ProposalReading(tuple(drafts), ("incomplete",) * (len(entries) - len(drafts)))

    def _draft(self, reply: StepReply, number: int, entry: Mapping[str, Any], *, whole: bool) -> RowDraft:
        instruction, material = text_field(entry, "instruction"), _sound_input(text_field(entry, "input"))
        origin: dict[str, Any] = {"examples": reply.context.get("examples", [])}
        depth = 0
        if (parent := reply.context.get("parent")) is not None:
            origin = {"parent": parent["id"], "operation": reply.context["operation"]}
            depth = int(parent["depth"]) + 1
        return RowDraft(
            f"{reply.id}-{number}",
            self.kind,
            (Message("user", Task("", instruction, material).question),),
            whole=whole,
            labels=labels_of(reply.context),
            provenance=provenance(reply, **origin),
            instruction=instruction,
            input=material,
            lacks_input=not material and speaks_of_material(instruction),
            depth=depth,
        )

    def accepted(self, draft: RowDraft) -> None:
        """As `RowMaker.accepted`."""
        self._labels.count(draft.labels)
        self._made.add(Task(draft.id, draft.instruction, draft.input, draft.depth))


class TaskSample:
    """An even draw of all tasks that were added, of bounded size (Vitter 1985, algorithm R).

    Attributes:
        tasks: the draw.
    """

    def __init__(self, size: int, chance: random.Random) -> None:
        self.tasks: list[Task] = []
        self._size = size
        self._chance = chance
        self._seen = 0

    def add(self, task: Task) -> None:
        """Add a task, which may be drawn."""
        self._seen += 1
        if len(self.tasks) < self._size:
            self.tasks.append(task)
        elif (index := self._chance.randrange(self._seen)) < self._size:
            self.tasks[index] = task


def _sound_input(text: str) -> str:
    """An input, or "" where the model only says that there is none."""
    return "" if text.strip("（）()<>《》。. ").casefold() in _NO_INPUT else text
