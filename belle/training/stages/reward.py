"""Reward modelling: pairs of answers in, a model that scores the one that people prefer higher.

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
        samples = session.samples()
        held_out = session.held_out_samples()
        session.open_engine(load_scoring_model)
        evaluation = session.batches(held_out, shuffle=False) if held_out else None
        session.train(Ranking(recipe.reward or RewardOptions()), session.batches(samples), evaluation)
        session.write_final()


class Ranking:
    """Implements `belle.training.loop.objective.Objective`: the loss of Bradley and Terry (1952), per pair.

        −log σ(r_chosen − r_rejected − margin) + center · (r_chosen + r_rejected)²

    As in InstructGPT (Ouyang et al. 2022); the margin is that of Llama 2 (Touvron et al. 2023), here the same for all
    pairs; the second part, of Eisenstein et al. 2023, keeps scores around 0, which the first leaves open.
    """

    def __init__(self, options: RewardOptions) -> None:
        self._options = options

    def weight(self, batch: Batch) -> float:
        return pairs_in(batch)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        from torch.nn.functional import logsigmoid

        from belle.training.model.reward_model import scores

        chosen, rejected = chosen_and_rejected(scores(model, batch))
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
