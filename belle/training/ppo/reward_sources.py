"""Where PPO's rewards come from: a reward model, or a rule."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError

if TYPE_CHECKING:
    from torch import Tensor

    from belle.training.engines.engine import TrainingEngine
    from belle.training.loop.session import TrainingSession
    from belle.training.ppo.rollout import Dialogues
    from belle.training.recipe.options import PpoOptions
    from belle.training.samples.batching import EpochPlan

Reward = Callable[["TrainingEngine", "Dialogues", "EpochPlan"], "Tensor"]
"""The scores of all answers, in fp32 `[answers]`. All processes call it, each with its micro-batches."""


def make_reward(session: TrainingSession, options: PpoOptions) -> Reward:
    """What the recipe names. Raises KnownError: `reward_unknown`, and those of `load_finished_model`."""
    if options.reward_model is not None:
        return _by_model(session, options.reward_model)
    assert options.reward_function is not None
    return _by_rule(session, options.reward_function)


def _by_model(session: TrainingSession, folder: Path) -> Reward:
    import torch

    from belle.training.model.reward_model import load_finished_model, scores
    from belle.training.samples.collate import collate

    def load(recipe: Any, builder: Any, tokenizer: Any, _say: Any) -> Any:
        return load_finished_model(folder, recipe, builder, tokenizer)

    model = session.frozen_model(load)
    pad_id = int(session.tokenizer.pad_token_id)

    def score(engine: TrainingEngine, dialogues: Dialogues, plan: EpochPlan) -> Tensor:
        table = torch.zeros(len(dialogues.prompts), dtype=torch.float64)
        with torch.no_grad(), engine.autocast():
            for k in range(len(plan)):
                batch = collate(dialogues, plan[k], pad_id=pad_id).to(engine.device)
                table[batch.samples] = scores(model, batch).cpu().double()
        return engine.all_sum(table).float()

    return score


def _by_rule(session: TrainingSession, name: str) -> Reward:
    import torch

    from belle.training.model.answer import answer_text

    rule = reward_function(name)

    def score(_engine: TrainingEngine, dialogues: Dialogues, _plan: EpochPlan) -> Tensor:
        answers = dialogues.answers
        texts = (
            answer_text(session.tokenizer, session.template, tokens[:length])
            for tokens, length in zip(answers.tokens, answers.lengths, strict=True)
        )
        return torch.tensor([rule(text) for text in texts], dtype=torch.float32)

    return score


RewardFunction = Callable[[str], float]


def reward_function(name: str) -> RewardFunction:
    """The rule of that name, from an answer's text to its score.

    - `length:N`: 1 for an answer of N characters, less by 1 / N for each character more or fewer.
    - `contains:TEXT`: 1 for an answer with TEXT in it, else 0.
    - `matches:REGEX`: 1 for an answer in which the regular expression finds something, else 0.

    Raises KnownError("reward_unknown").
    """
    kind, separator, argument = name.partition(":")
    make = _FUNCTIONS.get(kind)
    if make is None or not separator or not argument:
        raise _unknown(name, f"Known are: {', '.join(f'{kind}:…' for kind in _FUNCTIONS)}.")
    return make(argument)


def _length(argument: str) -> RewardFunction:
    if not argument.isascii() or not argument.isdigit() or int(argument) == 0:
        raise _unknown(f"length:{argument}", "Write a number of characters, as in length:40.")
    wanted = int(argument)
    return lambda text: 1 - abs(len(text) - wanted) / wanted


def _contains(argument: str) -> RewardFunction:
    return lambda text: float(argument in text)


def _matches(argument: str) -> RewardFunction:
    try:
        pattern = re.compile(argument)
    except re.error as error:
        raise _unknown(f"matches:{argument}", f"It is no regular expression: {error}.") from None
    return lambda text: float(pattern.search(text) is not None)


_FUNCTIONS = {"length": _length, "contains": _contains, "matches": _matches}


def _unknown(name: str, advice: str) -> KnownError:
    return KnownError("reward_unknown", f"There is no reward_function {name}.", advice, name=name)


# Scores on a common scale: the running mean and deviation of all scores so far.


_COUNT, _MEAN, _SQUARES = "scores", "score_mean", "score_squares"


class ScoreStatistics:
    """Mean and deviation, updated a batch at a time (Chan, Golub and LeVeque 1983).

    Args:
        counters: where the three numbers are kept, so that a checkpoint has them.
    """

    def __init__(self, counters: MutableMapping[str, float]) -> None:
        self._counters = counters

    def add(self, scores: Sequence[float]) -> None:
        """Count these scores in."""
        count, mean = self._counters.get(_COUNT, 0.0), self._counters.get(_MEAN, 0.0)
        own_mean = math.fsum(scores) / len(scores)
        own_squares = math.fsum((score - own_mean) ** 2 for score in scores)
        total = count + len(scores)
        shift = own_mean - mean
        self._counters[_SQUARES] = (
            self._counters.get(_SQUARES, 0.0) + own_squares + shift**2 * count * len(scores) / total
        )
        self._counters[_MEAN] = mean + shift * len(scores) / total
        self._counters[_COUNT] = total

    @property
    def mean(self) -> float:
        """Of all scores so far."""
        return self._counters[_MEAN]

    @property
    def deviation(self) -> float:
        """Their standard deviation; 1 while they are all the same."""
        deviation = math.sqrt(self._counters[_SQUARES] / self._counters[_COUNT])
        return deviation if deviation > 0 else 1.0
