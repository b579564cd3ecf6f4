"""Where PPO's rewards come from: a reward model, or a rule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle.training.reward_functions import reward_function

if TYPE_CHECKING:
    from torch import Tensor

    from belle.training.engines.engine import Engine
    from belle.training.recipe.preference import PpoOptions
    from belle.training.rollout import Dialogues
    from belle.training.samples.batching import EpochPlan
    from belle.training.session import Session

Reward = Callable[["Engine", "Dialogues", "EpochPlan"], "Tensor"]
"""The scores of all answers, in fp32 `[answers]`. All processes call it, each with its micro-batches."""


def make_reward(session: Session, options: PpoOptions) -> Reward:
    """What the recipe names. Raises KnownError: `reward_unknown`, and those of `load_finished_model`."""
    if options.reward_model is not None:
        return _by_model(session, options.reward_model)
    assert options.reward_function is not None
    return _by_rule(session, options.reward_function)


def _by_model(session: Session, folder: Path) -> Reward:
    import torch

    from belle.training.model.reward_model import load_finished_model, scores
    from belle.training.samples.collate import collate

    def load(recipe: Any, builder: Any, tokenizer: Any, _say: Any) -> Any:
        return load_finished_model(folder, recipe, builder, tokenizer)

    model = session.frozen_model(load)
    pad_id = int(session.tokenizer.pad_token_id)

    def score(engine: Engine, dialogues: Dialogues, plan: EpochPlan) -> Tensor:
        table = torch.zeros(len(dialogues.prompts), dtype=torch.float64)
        with torch.no_grad(), engine.autocast():
            for k in range(len(plan)):
                batch = collate(dialogues, plan[k], pad_id=pad_id).to(engine.device)
                table[batch.samples] = scores(model, batch).cpu().double()
        return engine.all_sum(table).float()

    return score


def _by_rule(session: Session, name: str) -> Reward:
    import torch

    from belle.training.model.answer import answer_text

    rule = reward_function(name)

    def score(_engine: Engine, dialogues: Dialogues, _plan: EpochPlan) -> Tensor:
        answers = dialogues.answers
        texts = (
            answer_text(session.tokenizer, session.template, tokens[:length])
            for tokens, length in zip(answers.tokens, answers.lengths, strict=True)
        )
        return torch.tensor([rule(text) for text in texts], dtype=torch.float32)

    return score
