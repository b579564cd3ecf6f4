"""`--tasks`: asks every model the same items, one model after the other, so that one is in memory at a time."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from belle.engine.llama.memory import check_fits
from belle.errors import KnownError
from belle.evaluation.sources.model_files import model_files
from belle.evaluation.tasks.answer_rules import is_settled
from belle.evaluation.tasks.items import Item, ItemSet
from belle.evaluation.tasks.paired import model_figures
from belle.evaluation.tasks.prompts import TaskPrompts
from belle.evaluation.tasks.records import Score, TaskRecords
from belle.evaluation.tasks.result import TaskMeasurement
from belle.evaluation.tasks.sequence_scorer import NotFiniteError, SequenceScorer, TooLongError
from belle.gguf.reader import GgufHeader, read_header
from belle.prompts import PromptTemplate, get_template, template_from_gguf

MOST_TOKENS = {"choice": 16, "exact": 32, "free": 32}
"""Most tokens of a generated answer, by the kind of item: a letter comes early or not at all."""

_SMALLEST_CONTEXT = 512
_ASKED_AS = 1  # to be increased when prompts or records change: then older records are not continued

Progress = Callable[[str, int, int, float], None]
"""Called with the model's name, questions asked, questions in all (of all models), and seconds left."""


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """How items are asked.

    Attributes:
        form: "chat" (the model's own template), "plain", the id of a built-in template; "" for chat where the reference
            brings a template and plain where it does not.
        shots: solved examples before every question.
        threads: for evaluation; 0 for one per physical core.
    """

    form: str = ""
    shots: int = 0
    resume: bool = False
    threads: int = 0


class TaskRun:
    """A reference and its candidates on one set of items.

    Args:
        models: GGUF files, the reference first.
        items: the questions.
        options: how they are asked.
        folder: for the answers, `tasks-0.jsonl` of the reference and so on.
        hashes: of the models, from `ModelFiles.hashes`, where they are known already.

    Raises KnownError: what `check_tasks` raises.
    """

    def __init__(
        self,
        models: Sequence[Path],
        items: ItemSet,
        options: TaskOptions,
        folder: Path,
        hashes: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self._items, self._options, self._folder = items, options, folder
        self._headers, self._form = check_tasks(models, items, options)
        self.hashes = list(hashes) or [model_files(path).hashes() for path in models]
        self._scores: list[dict[str, Score]] = [{} for _ in models]
        self._seconds = [0.0 for _ in models]
        self._failures = ["" for _ in models]
        self._most_tails = max(max(len(item.choices), 1) for item in items.items)

    @property
    def n_done(self) -> int:
        """Items that the reference has answered."""
        return len(self._scores[0])

    def run(self, on_progress: Progress = lambda *_: None) -> None:
        """Ask what has not been asked yet. A candidate that fails is given up; for the reference, raises KnownError.

        `figures` reports what was answered, also after an exception.
        """
        total = len(self._items.items) * len(self._headers)
        asked_now, began = 0, monotonic()
        for i, header in enumerate(self._headers):
            records = TaskRecords(self._folder / f"tasks-{i}.jsonl", self._identity(i), resume=self._options.resume)
            self._scores[i] = records.scores
            waiting = [item for item in self._items.items if item.id not in records.scores]
            done_before = i * len(self._items.items) + len(self._items.items) - len(waiting)
            with contextlib.closing(records):
                if not waiting:
                    continue
                started = monotonic()
                try:
                    for count, score in enumerate(self._ask(header, waiting), 1):
                        records.add(score)
                        asked_now += 1
                        done = done_before + count
                        on_progress(header.path.name, done, total, (monotonic() - began) / asked_now * (total - done))
                except NotFiniteError:
                    if i == 0:
                        raise KnownError(
                            "reference_not_finite",
                            f"{header.path.name} predicts NaN or infinity: nothing can be compared with it.",
                            "The file is damaged, or was converted into a type that its weights do not fit.",
                        ) from None
                    self._failures[i] = "It predicts NaN or infinity."
                except KnownError as error:
                    if i == 0 or error.kind in ("disk_full", "folder_not_writable"):
                        raise
                    self._failures[i] = error.message
                finally:
                    self._seconds[i] = monotonic() - started

    def figures(self) -> TaskMeasurement:
        """The figures so far; also after `run` has raised."""
        items = self._items
        models = [
            model_figures(
                header.path.name,
                items.items,
                self._scores[i],
                reference=self._scores[0] if i else None,
                seconds=self._seconds[i],
                failure=self._failures[i],
            )
            for i, header in enumerate(self._headers)
        ]
        return TaskMeasurement(
            items=items.name,
            sha256=items.sha256,
            n_items=len(items.items),
            n_left_out=items.left_out,
            kinds=dict(Counter(item.kind for item in items.items)),
            categories=items.counts(),
            form=self._form,
            shots=self._options.shots,
            most_tokens=MOST_TOKENS,
            reference=models[0],
            candidates=models[1:],
        )

    def _identity(self, i: int) -> dict[str, Any]:
        return {
            "model": dict(self.hashes[i]),
            "items": self._items.sha256,
            "form": self._form,
            "shots": self._options.shots,
            "most_tokens": MOST_TOKENS,
            "asked_as": _ASKED_AS,
        }

    def _ask(self, header: GgufHeader, items: Sequence[Item]) -> Iterator[Score]:
        scorer = SequenceScorer(header.path, most_tails=self._most_tails, threads=self._options.threads)
        with contextlib.closing(scorer):
            prompts = TaskPrompts(scorer.vocabulary, _template(header, self._form, scorer))
            for item in items:
                try:
                    yield self._score(scorer, prompts, item)
                except TooLongError:
                    yield Score(item.id, [], [], expected=False, output="", too_long=True)

    def _score(self, scorer: SequenceScorer, prompts: TaskPrompts, item: Item) -> Score:
        asked = prompts.of(item, self._items.examples_for(item, self._options.shots))
        # In this order: the prompts by letter and for generation share the longest beginning, which stays in the cache.
        text = scorer.expected(asked.text)
        letter = scorer.expected(asked.letter) if asked.letter else []
        output = scorer.generate(
            asked.generation, MOST_TOKENS[item.kind], prompts.stop, lambda text: is_settled(item, text)
        )
        return Score(
            id=item.id,
            letter=[round(one.log_p, 6) for one in letter],
            text=[round(one.log_p, 6) for one in text],
            expected=not item.choices and text[0].greedy,
            output=output,
        )


def check_tasks(models: Sequence[Path], items: ItemSet, options: TaskOptions) -> tuple[list[GgufHeader], str]:
    """Check what would fail after hours of work. Returns the models' headers, and the form of the questions.

    Raises KnownError: what `read_header` raises, "too_big_for_memory", "bad_option", "not_gguf", "no_template",
    "unknown_template", "no_examples".
    """
    if options.shots < 0:
        raise KnownError("bad_option", f"--shots is {options.shots}; it must be 0 or more.")
    headers = [_header(path) for path in models]
    form = options.form or ("chat" if headers[0].chat_template else "plain")
    for header in headers:
        check_fits(header, min(_SMALLEST_CONTEXT, header.n_ctx_train or _SMALLEST_CONTEXT))
        _check_template(header, form)
    for item in {item.category: item for item in items.items}.values():
        items.examples_for(item, options.shots)
    return headers, form


def _header(path: Path) -> GgufHeader:
    if path.is_dir():
        raise KnownError(
            "not_gguf",
            f"{path} is a checkpoint: --tasks asks GGUF files only.",
            "Convert it first: belle convert.",
            path=str(path),
        )
    return read_header(path)


def _check_template(header: GgufHeader, form: str) -> None:
    if form not in ("chat", "plain"):
        get_template(form)
    elif form == "chat" and not header.chat_template:
        raise KnownError(
            "no_template",
            f"{header.path.name} contains no prompt template.",
            "Ask with --tasks-format plain, or name a built-in template.",
            path=str(header.path),
        )


def _template(header: GgufHeader, form: str, scorer: SequenceScorer) -> PromptTemplate | None:
    if form == "plain":
        return None
    if form != "chat":
        return get_template(form)
    bos, eos = (scorer.vocabulary.text(token) for token in (scorer.vocabulary.bos, scorer.vocabulary.eos))
    return template_from_gguf(header.chat_template, bos_token=bos, eos_token=eos)
