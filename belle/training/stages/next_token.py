"""Next-token prediction: supervised fine-tuning and pre-training, which differ only in what they train on.

`sft`: conversations; the assistant's answers are trained, and the final model answers like them.
`pretrain`, from random weights or continued: plain text; every token is trained, and each document ends with the end
token.
`mip`: both together, text and conversations in the prompt template, and every token of them is trained; the final model
answers, too (multi-task instruction pre-training: ChatHome, arXiv 2307.15290).
Full training, LoRA or LoRA on a quantized base (QLoRA) are options of the model (`belle.training.model.load`).
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
        data = session.data
        samples, held_out = data.samples(), data.held_out_samples()
        engine = session.open_engine()
        evaluation = data.batches(held_out, engine, shuffle=False) if held_out else None
        n_bytes = data.text_bytes(held_out) if held_out else None
        session.train(NextToken(), data.batches(samples, engine), evaluation, evaluation_bytes=n_bytes)
        session.write_final()
