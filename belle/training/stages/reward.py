"""Reward modelling: from pairs of answers, a model that gives the answer that people prefer a higher score.

`final/` is transformers' model for sequence classification with one label, or its LoRA adapter with the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from belle.training.loop.session import started
from belle.training.recipe.options import RewardOptions
from belle.training.recipe.schema import Recipe
from belle.training.stages.pairs import chosen_and_rejected, pairs_in

if TYPE_CHECKING:
    from torch import Tensor, nn

    from belle.training.samples.collate import Batch


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    from belle.training.model.reward_model import load_scoring_model

    with started(recipe) as session:
        data = session.data
        samples, held_out = data.samples(), data.held_out_samples()
        engine = session.open_engine(load_scoring_model)
        evaluation = data.batches(held_out, engine, shuffle=False) if held_out else None
        session.train(Ranking(recipe.reward or RewardOptions()), data.batches(samples, engine), evaluation)
        session.write_final()


class Ranking:
    """Implements `belle.training.loop.objective.Objective`: the loss of Bradley and Terry (1952), per pair.

        −log σ(r_chosen − r_rejected − margin) + center · (r_chosen + r_rejected)²

    The first term is that of InstructGPT (Ouyang et al. 2022, eq. 1); the margin is that of Llama 2 (Touvron et al.
    2023, eq. 2), here the same for all pairs. The second term (Eisenstein et al. 2023) keeps scores around 0: the first
    one depends on their difference alone.
    """

    def __init__(self, options: RewardOptions) -> None:
        self._options = options

    def weight(self, batch: Batch) -> float:
        return pairs_in(batch)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        from torch.nn.functional import logsigmoid

        from belle.training.model.reward_model import scores

        chosen, rejected = chosen_and_rejected(scores(model, batch))  # [pairs]
        margin = chosen - rejected
        loss = -logsigmoid(margin - self._options.margin).sum()
        if self._options.center:
            loss = loss + self._options.center * (chosen + rejected).square().sum()
        margin, chosen, rejected = margin.detach(), chosen.detach(), rejected.detach()
        metrics = {
            "accuracy": (margin > 0).float().sum(),
            "margin": margin.sum(),
            "score_chosen": chosen.sum(),
            "score_rejected": rejected.sum(),
        }
        return loss, metrics
