"""`belle data generate`: has models write training data."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from belle import environment, paths, units
from belle.cli.data.generate_models import GenerationModels, open_generator_and_judge, reply_price
from belle.cli.terminal import Terminal
from belle.clients.chat.answer_file import RowShard
from belle.clients.chat.bulk import SpendingLimit
from belle.clients.chat.requests import Decoding
from belle.data.contamination import EvaluationSet
from belle.errors import KnownError
from belle.evaluation.items.read import OWN, read_set
from belle.synthesis.about_passages import PassageMaker
from belle.synthesis.asks import STEPS
from belle.synthesis.dialogues import DialogueMaker
from belle.synthesis.filters import REASONS, QuestionLimits
from belle.synthesis.instructions import InstructionMaker
from belle.synthesis.journal import ReplyJournal
from belle.synthesis.labels import LabelCounts, LabelDimension, read_labels
from belle.synthesis.maker import MakerOptions, RowMaker
from belle.synthesis.novelty import SeenQuestions
from belle.synthesis.passages import TextPassage, read_passages
from belle.synthesis.pipeline import PipelineOptions, RowPipeline, RunCounts
from belle.synthesis.run import Ending, GenerationRun, RowFile, RunLimits
from belle.synthesis.seeds import Task, own_seeds_file, read_seeds

_DEFAULT_ROWS = 100


@dataclass(frozen=True, slots=True)
class _Sources:
    """What rows are about."""

    seeds: list[Task]
    passages: list[TextPassage]
    labels: tuple[LabelDimension, ...]

    @property
    def digest(self) -> str:
        """Of all of it."""
        told = repr((self.seeds, self.passages, [(d.key, d.name, sorted(d.weights.items())) for d in self.labels]))
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def generate(arguments: argparse.Namespace) -> int:
    """Generate the rows. Returns 1 where some are missing; raises KnownError."""
    environment.check_packages("belle data generate", "httpx2", "jsonschema", "regex")
    terminal = Terminal()
    shard = RowShard.parse(arguments.shard)
    arguments.output = shard.path(arguments.output)
    sources = _read_sources(arguments, shard)
    evaluation = _evaluation(arguments)
    rows = _rows(arguments, sources, shard)
    with ExitStack() as stack:
        models = stack.enter_context(open_generator_and_judge(arguments, terminal))
        asking = _asking(arguments, shard)
        output = stack.enter_context(_closing_rows(arguments.output))
        pipeline = RowPipeline(
            _maker(arguments, sources, asking),
            PipelineOptions(
                rows,
                arguments.agree,
                models.judge is not None,
                QuestionLimits(arguments.shortest, arguments.longest),
                arguments.supported,
            ),
            asking,
            seen=_seen(arguments.near, sources.seeds),
            evaluation=evaluation,
            write=output.write,
        )
        journal = stack.enter_context(_closing_journal(arguments, sources, models, pipeline))
        ending = _run(arguments, models, pipeline, journal, terminal)
    if arguments.json:
        print(json.dumps(_as_json(pipeline.counts, ending), ensure_ascii=False, indent=1))
    else:
        _print_table(arguments, pipeline.counts, ending, rows)
    return 0 if ending == "complete" and pipeline.counts.accepted >= (rows or 1) else 1


def _rows(arguments: argparse.Namespace, sources: _Sources, shard: RowShard) -> int | None:
    """How many rows to write; None for all that the passages give. Raises KnownError."""
    rows = arguments.n or (None if sources.passages else _DEFAULT_ROWS)
    if rows is None:
        return None
    if rows < shard.count:
        raise KnownError("usage", f"{rows:,} rows are too few for {shard.count:,} shards.", "Give a larger --n.")
    return shard.share(rows)


def _read_sources(arguments: argparse.Namespace, shard: RowShard) -> _Sources:
    about_passages = arguments.kind in ("qa", "choices")
    if about_passages and not arguments.passages:
        message = f"{arguments.kind} are about passages, and there are none."
        raise KnownError("usage", message, "Give texts: --passages FILE…")
    if arguments.kind == "instructions" and arguments.passages:
        message = "--passages belongs to qa, choices and dialogues."
        raise KnownError("usage", message, "Tasks are made from --seeds.")
    if arguments.kind != "instructions" and arguments.evolve:
        raise KnownError("usage", "--evolve belongs to instructions: it rewrites tasks.", "Leave it out.")
    if arguments.passages and arguments.seeds:
        raise KnownError("usage", "--seeds and --passages exclude each other.", "Give what the rows are to be about.")
    seeds = [] if arguments.passages else read_seeds(arguments.seeds or own_seeds_file(), arguments.language)
    return _Sources(
        seeds,
        _read_passages(arguments.passages, shard) if arguments.passages else [],
        read_labels(arguments.labels) if arguments.labels else (),
    )


def _read_passages(texts: list[Path], shard: RowShard) -> list[TextPassage]:
    """Those of the shard. Raises KnownError."""
    passages = read_passages(texts)
    if len(passages) < shard.count:
        message = f"There are {len(passages):,} passages, too few for {shard.count:,} shards."
        raise KnownError("usage", message, "Make fewer shards.")
    return list(shard.of(passages))


def _asking(arguments: argparse.Namespace, shard: RowShard) -> MakerOptions:
    tokens, seed = arguments.max_tokens, arguments.seed
    return MakerOptions(
        arguments.language,
        Decoding(temperature=arguments.temperature, top_p=0.95, max_tokens=tokens, seed=seed),
        Decoding(temperature=arguments.answer_temperature, max_tokens=tokens, seed=seed),
        seed,
        shard,
    )


def _maker(arguments: argparse.Namespace, sources: _Sources, asking: MakerOptions) -> RowMaker:
    labels = LabelCounts(sources.labels)
    match arguments.kind:
        case "instructions":
            return InstructionMaker(
                sources.seeds,
                labels,
                asking,
                per_request=arguments.per_request,
                examples=arguments.examples,
                evolve=arguments.evolve,
            )
        case "dialogues":
            return DialogueMaker(sources.seeds, sources.passages, labels, asking, most_turns=arguments.turns)
    return PassageMaker(arguments.kind, sources.passages, labels, asking)


def _seen(threshold: float, seeds: list[Task]) -> SeenQuestions:
    seen = SeenQuestions(threshold)
    for seed in seeds:
        seen.add(seed.question)
        seen.add(seed.instruction)
    return seen


def _evaluation(arguments: argparse.Namespace) -> EvaluationSet | None:
    """The questions that no row may hold: the program's own, and those of the person's files."""
    own = [] if arguments.allow_own_evaluation else [paths.asset("evaluation") / "items.jsonl"]
    if not own and not arguments.against:
        return None
    evaluation = EvaluationSet([*own, *arguments.against])
    for item in read_set(OWN).items if own else ():
        for turn in item.turns:
            evaluation.add(turn, OWN, 0)
    return evaluation


@contextmanager
def _closing_rows(path: Path) -> Iterator[RowFile]:
    file = RowFile(path, _replies_of(path))
    try:
        yield file
    finally:
        file.close()


@contextmanager
def _closing_journal(
    arguments: argparse.Namespace, sources: _Sources, models: GenerationModels, pipeline: RowPipeline
) -> Iterator[ReplyJournal]:
    identity = _identity(arguments, sources, models)
    journal = ReplyJournal(_replies_of(arguments.output), identity, pipeline.take)
    try:
        yield journal
    finally:
        journal.close()


def _replies_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.replies")


def _identity(arguments: argparse.Namespace, sources: _Sources, models: GenerationModels) -> dict[str, Any]:
    """What the rows depend on; a run with another --n, budget or --give-up goes on with the same replies."""
    shard = {} if RowShard.parse(arguments.shard).count == 1 else {"shard": arguments.shard}
    names = ("kind", "language", "per_request", "examples", "evolve", "turns", "temperature", "answer_temperature")
    more = ("max_tokens", "seed", "near", "shortest", "longest", "supported", "agree", "allow_own_evaluation")
    return {
        "model": dict(models.generator.identity),
        "judge": None if models.judge is None else dict(models.judge.identity),
        "sources": sources.digest,
        "against": list(arguments.against),
        **{name: getattr(arguments, name) for name in (*names, *more)},
        **shard,
    }


def _run(
    arguments: argparse.Namespace,
    models: GenerationModels,
    pipeline: RowPipeline,
    journal: ReplyJournal,
    terminal: Terminal,
) -> Ending:
    spending = SpendingLimit(arguments.max_total_tokens, arguments.max_cost)
    generation = GenerationRun(
        pipeline,
        journal,
        models.generator,
        models.judge,
        RunLimits(spending, arguments.give_up),
        price=reply_price(arguments),
        on_progress=_progress(pipeline, terminal),
    )
    try:
        return generation.run()
    except KeyboardInterrupt:
        terminal.clear_line()
        counts = pipeline.counts
        said = f"Interrupted: {counts.accepted:,} rows in {arguments.output}, {counts.tokens:,} tokens."
        terminal.note(f"{said} The same command goes on.")
        raise
    finally:
        terminal.clear_line()


def _progress(pipeline: RowPipeline, terminal: Terminal) -> Callable[[RunCounts], None]:
    started, accepted_before, rows = monotonic(), pipeline.counts.accepted, pipeline.wanted

    def show(counts: RunCounts) -> None:
        done = counts.accepted - accepted_before
        of = f" of {rows:,}" if rows else ""
        left = ""
        if rows and done > 0:
            seconds = (monotonic() - started) / done * (rows - counts.accepted)
            left = f", {units.rough_duration(seconds)} left"
        replies, out = counts.requests.total(), counts.left_out.total()
        terminal.progress(f"{counts.accepted:,}{of} rows, {replies:,} replies, {out:,} left out{left}")

    return show


def _as_json(counts: RunCounts, ending: Ending) -> dict[str, Any]:
    return counts.as_dict() | {"ending": ending}


def _print_table(arguments: argparse.Namespace, counts: RunCounts, ending: Ending, rows: int | None) -> None:
    of = f" of {rows:,}" if rows else ""
    print(f"{arguments.output}: {counts.accepted:,}{of} rows ({arguments.kind})")
    asked = ", ".join(f"{title} {counts.requests[step]:,}" for step, title in STEPS.items() if counts.requests[step])
    failed = f", without a reply {counts.failed:,}" if counts.failed else ""
    print(f"  asked: {asked or 'nothing'}{failed}")
    proposals = counts.requests["propose"]
    print(f"  proposals read: {proposals - counts.unread:,} of {proposals:,}, {counts.whole:,} to their end")
    print(f"  candidates: {counts.candidates:,}, left out: {counts.left_out.total():,}")
    for reason, count in counts.left_out.most_common():
        print(f"    {count:>7,}  {REASONS[reason]}")
    if arguments.judge:
        print(f"  rows without a judge's score: {counts.unjudged:,}")
    if counts.surplus:
        print(f"  more than asked for: {counts.surplus:,}, which a run with a larger --n takes")
    cost = f"; cost: {counts.cost:.4g}" if counts.cost else ""
    print(f"  tokens: {counts.prompt_tokens:,} read, {counts.completion_tokens:,} written{cost}")
    if said := _why(arguments, counts, ending, rows):
        print(said)


def _why(arguments: argparse.Namespace, counts: RunCounts, ending: Ending, rows: int | None) -> str:
    """Why there are no more rows; "" where there are as many as were asked for."""
    if ending == "spent":
        return "The limit is reached. The same command with a higher one goes on."
    if ending == "barren":
        reason = max(counts.left_out, key=lambda name: counts.left_out[name], default="no-reply")
        said = f"The last {arguments.give_up:,} replies brought nothing; most often {REASONS[reason]}."
        return f"{said} A larger model may do better; the same command tries again."
    if ending == "unanswered":
        return f"{counts.unproposed:,} proposals have no reply. The same command asks for them again."
    return "All passages are asked about." if counts.accepted < (rows or 1) else ""
