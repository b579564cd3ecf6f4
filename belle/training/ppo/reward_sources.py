"""The sources of PPO's rewards: a reward model, or a rule; and scores scaled by their running statistics."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from belle.prompts import PromptTemplate
    from belle.training.engines.engine import TrainingEngine
    from belle.training.model.load import ModelLoader
    from belle.training.ppo.rollout import Dialogues
    from belle.training.recipe.options import PpoOptions
    from belle.training.samples.batching import EpochPlan

Reward = Callable[["TrainingEngine", "Dialogues", "EpochPlan"], "Tensor"]
"""Gives the scores of all answers, in fp32 `[answers]`. All processes call it, each with its micro-batches."""


def make_reward(
    options: PpoOptions,
    *,
    tokenizer: Any,
    template: PromptTemplate,
    frozen_model: Callable[[ModelLoader], nn.Module],
) -> Reward:
    """The reward that the options name.

    Args:
        tokenizer: transformers' tokenizer of the policy.
        template: of the prompts: what ends an answer.
        frozen_model: loads a model that is only evaluated, as `TrainingSession.frozen_model`.

    Raises KnownError: `reward_unknown`, and those of `load_finished_model`.
    """
    if options.reward_model is not None:
        return _by_model(options.reward_model, frozen_model, pad_id=int(tokenizer.pad_token_id))
    assert options.reward_function is not None
    return _by_rule(options.reward_function, tokenizer, template)


def _by_model(folder: Path, frozen_model: Callable[[ModelLoader], nn.Module], *, pad_id: int) -> Reward:
    import torch

    from belle.training.model.reward_model import load_finished_model, scores
    from belle.training.samples.collate import collate

    model = frozen_model(
        lambda options, builder, tokenizer, _: load_finished_model(folder, options, builder, tokenizer)
    )

    def score(engine: TrainingEngine, dialogues: Dialogues, plan: EpochPlan) -> Tensor:
        table = torch.zeros(len(dialogues.prompts), dtype=torch.float64)
        with torch.no_grad(), engine.autocast():
            for k in range(len(plan)):
                batch = collate(dialogues, plan[k], pad_id=pad_id).to(engine.device)
                table[batch.samples] = scores(model, batch).cpu().double()
        return engine.all_sum(table).float()

    return score


def _by_rule(name: str, tokenizer: Any, template: PromptTemplate) -> Reward:
    import torch

    from belle.training.model.answer import answer_text

    rule = reward_function(name)

    def score(_engine: TrainingEngine, dialogues: Dialogues, _plan: EpochPlan) -> Tensor:
        answers = dialogues.answers
        texts = (
            answer_text(tokenizer, template, tokens[:length])
            for tokens, length in zip(answers.tokens, answers.lengths, strict=True)
        )
        return torch.tensor([rule(text) for text in texts], dtype=torch.float32)

    return score


RewardFunction = Callable[[str], float]


def reward_function(name: str) -> RewardFunction:
    """The rule of that name, from an answer's text to its score.

    - `length:N`: 1 for an answer of N characters, less by 1 / N for each character more or fewer.
    - `contains:TEXT`: 1 for an answer with TEXT in it, else 0.
    - `matches:REGEX`: 1 for an answer that the regular expression matches somewhere, else 0.

    Raises KnownError("reward_unknown").
    """
    kind, separator, argument = name.partition(":")
    make = _FUNCTIONS.get(kind)
    if make is None or not separator or not argument:
        raise _unknown(name, f"The rules are: {', '.join(f'{kind}:…' for kind in _FUNCTIONS)}.")
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
        raise _unknown(f"matches:{argument}", f"It is not a valid regular expression: {error}.") from None
    return lambda text: float(pattern.search(text) is not None)


_FUNCTIONS = {"length": _length, "contains": _contains, "matches": _matches}


def _unknown(name: str, advice: str) -> KnownError:
    return KnownError("reward_unknown", f"The reward_function {name} does not exist.", advice, name=name)


# Keys of a run's counters.
_COUNT, _MEAN, _SQUARES = "scores", "score_mean", "score_squares"


class ScoreStatistics:
    """Running mean and standard deviation of all scores so far (Chan, Golub and LeVeque 1983).

    Args:
        counters: of the run: the statistics are stored there, so that checkpoints contain them.
    """

    def __init__(self, counters: MutableMapping[str, float]) -> None:
        self._counters = counters

    def add(self, scores: Sequence[float]) -> None:
        """Add the scores of a batch."""
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
        """The mean of all scores so far."""
        return self._counters[_MEAN]

    @property
    def deviation(self) -> float:
        """Their standard deviation; 1 while they are all the same."""
        deviation = math.sqrt(self._counters[_SQUARES] / self._counters[_COUNT])
        return deviation if deviation > 0 else 1.0
