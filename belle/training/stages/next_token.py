"""Next-token prediction: supervised fine-tuning and pre-training, which differ in their rows alone.

`sft`: conversations in, a model that answers like their assistant out; what is trained are the assistant's answers.
`pretrain`, from random weights or continued: plain text in, every token trained, each document closed by the end token.
In full, with LoRA, or with LoRA on a quantized base (QLoRA): that is for the recipe and `belle.training.model.load`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from belle.training.loop.session import started
from belle.training.model.model_loss import loss_sum
from belle.training.recipe.schema import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from belle.training.samples.collate import Batch


class NextToken:
    """Implements `belle.training.loop.objective.Objective`: −Σ log p over trained tokens, weighted by their number."""

    def weight(self, batch: Batch) -> float:
        return batch.trained_tokens

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        return loss_sum(model, batch), {}


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    with started(recipe) as session:
        samples = session.samples()
        held_out = session.held_out_samples()
        session.open_engine()
        evaluation = session.batches(held_out, shuffle=False) if held_out else None
        n_bytes = session.text_bytes(held_out) if held_out else None
        session.train(NextToken(), session.batches(samples), evaluation, evaluation_bytes=n_bytes)
        session.write_final()
