"""The scores of a finished run on a set of items, by the rules of the items alone: no judge is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from belle.clients.chat.requests import Decoding
from belle.evaluation.answers.run import AnswerOptions, answer_set
from belle.evaluation.items.item import EvaluationItems
from belle.evaluation.judge.verdicts import answers_of, rules_verdict
from belle.training.recipe.schema import Recipe


def with_rules(items: EvaluationItems) -> EvaluationItems:
    """The items that rules decide, as a set of its own."""
    return replace(items, items=tuple(item for item in items.items if item.checks))


def item_scores(
    recipe: Recipe,
    items: EvaluationItems,
    answers: Path,
    *,
    max_tokens: int,
    on_answer: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, float]:
    """The score of each item that was answered and scored, 0…1, by its id.

    Args:
        recipe: of a finished run.
        items: whose rules decide.
        answers: the file of its answers, with which an interrupted evaluation goes on.
        max_tokens: of an answer.
        on_answer: called with the number of answers and of items.

    Raises KnownError: those of loading, answering and writing.
    """
    from belle.training.export.checkpoint_answerer import CheckpointAnswerer

    final = recipe.run_folder.final
    template = recipe.template if recipe.template not in ("auto", "model") else None
    answerer = CheckpointAnswerer(str(final), name=final.parent.name, template=template, batch_size=8)
    options = AnswerOptions(decoding=Decoding(max_tokens=max_tokens, seed=1))
    answer_set(items, answerer, answers, options, on_progress=lambda progress: on_answer(progress.done, progress.total))
    verdicts = filter(None, map(rules_verdict, answers_of(items, answers)))
    return {verdict.item: verdict.score for verdict in verdicts if verdict.score is not None}
