"""`belle eval judge`: scores the answers of a run, by rules and by a judge."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from belle import environment
from belle.cli.eval.folders import answers_by_model, run_facts
from belle.cli.eval.judge_pairs import compare, model_pairs
from belle.cli.eval.judge_progress import reply_counter
from belle.cli.eval.judges import judge_decoding, judge_prompts, open_judge
from belle.cli.eval.models import file_name, is_checkpoint
from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.evaluation.answers.answerer import ModelAnswerer
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.items.read import read_set
from belle.evaluation.judge.scores import write_scores
from belle.evaluation.judge.self_checks import known_answers
from belle.evaluation.judge.verdicts import JudgedAnswer, JudgeRun, Verdict, known_scores
from belle.texts import padded


def run(arguments: argparse.Namespace) -> int:
    """Judge each model's answers, or write what a judge is to be asked. Returns 1 when an answer has no score.

    Raises KnownError.
    """
    environment.check_packages("belle eval", "httpx2", "jsonschema", "regex")
    terminal = Terminal()
    items = read_set(arguments.set)
    answers = answers_by_model(arguments.folder, items)
    if not answers:
        message = f"{arguments.folder} has no answers to {items.name}."
        advice = f"Ask first: belle eval run MODEL --set {arguments.set} -o {arguments.folder}"
        raise KnownError("no_answers", message, advice)
    pairs = model_pairs(list(answers), arguments) if arguments.pairs or arguments.against else []
    if arguments.judge and is_checkpoint(arguments.judge):
        raise KnownError(
            "unsupported",
            f"{arguments.judge} is a checkpoint, which cannot be held to the JSON of a verdict.",
            "Convert it with “belle convert” and name the GGUF, or name a server that has loaded it.",
        )
    with open_judge(arguments, terminal) as judge:
        if pairs:
            return compare(judge, pairs, answers, arguments, terminal)
        return _score(judge, items, answers, arguments, terminal)


def _score(
    judge: ModelAnswerer,
    items: EvaluationItems,
    answers: Mapping[str, Sequence[JudgedAnswer]],
    arguments: argparse.Namespace,
    terminal: Terminal,
) -> int:
    """Score each answer by itself."""
    prompts = judge_prompts(arguments)
    path = arguments.folder / "verdicts" / f"{file_name(judge.name)}-{prompts.name}.jsonl"
    judging = JudgeRun(judge, prompts, path, judge_decoding(arguments))

    def judged(name: str, group: Sequence[JudgedAnswer]) -> list[Verdict]:
        with reply_counter(terminal, judge.name, name, f"{len(group):,} answers", path) as count:
            return judging.verdicts(group, count)

    verdicts = {name: judged(name, group) for name, group in answers.items()}
    checks = {name: judged(name, group) for name, group in known_answers(items.items, arguments.self_checks).items()}
    if arguments.batch_out:  # the scores of another judge stay until there are new ones
        return 0
    asked = run_facts(arguments.folder)
    for name, of_model in verdicts.items():
        facts = {"set": items.digest, **judging.facts, "asked": asked[name]}
        write_scores(arguments.folder / "scores" / f"{name}.json", facts, of_model, checks)
        _print_table(items, name, answers[name], of_model)
    _print_checks(checks)
    return 0 if all(verdict.score is not None for of_model in verdicts.values() for verdict in of_model) else 1


def _print_table(
    items: EvaluationItems, model: str, answers: Sequence[JudgedAnswer], verdicts: Sequence[Verdict]
) -> None:
    category = {answer.item.id: answer.item.category for answer in answers}
    print(model)
    print(f"  {'class':<16}{'answers':>9}{'by rules':>10}{'by judge':>10}{'by both':>9}{'no score':>10}{'mean':>8}")
    for name in items.classes:
        of_class = [verdict for verdict in verdicts if category[verdict.item] == name]
        by = {
            who: sum(verdict.by == who and verdict.score is not None for verdict in of_class)
            for who in ("rules", "judge", "both")
        }
        scores = known_scores(of_class)
        mean = f"{sum(scores) / len(scores):.3f}" if scores else "–"
        counts = f"{len(of_class):>9,}{by['rules']:>10,}{by['judge']:>10,}{by['both']:>9,}"
        counts += f"{len(of_class) - len(scores):>10,}"
        print(f"  {padded(name, 16)}{counts}{mean:>8}")
    unread = [verdict for verdict in verdicts if verdict.score is None]
    for verdict in unread[:3]:
        reason = f"the judge {verdict.problem}" if verdict.by == "judge" else verdict.problem
        print(f"  {verdict.item}: {reason}")
    if missing := len(items.items) - len(answers):
        print(f"  {missing:,} items without an answer, which are not judged")


def _print_checks(checks: Mapping[str, Sequence[Verdict]]) -> None:
    """What the judge says of answers whose worth is known."""
    for name, verdicts in checks.items():
        scores = known_scores(verdicts)
        if verdicts:
            mean = f"{sum(scores) / len(scores):.3f}" if scores else "–"
            unread = len(verdicts) - len(scores)
            print(f"self-check, {name}: mean {mean} over {len(scores):,}" + (f", {unread:,} unread" if unread else ""))
