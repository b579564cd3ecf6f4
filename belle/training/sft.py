"""Supervised fine-tuning: conversations in, a model that answers like their assistant out.

In full, with LoRA, or with LoRA on a quantized base (QLoRA): that is for the recipe and `belle.training.models`.
"""

from __future__ import annotations

from belle.training.loop import train
from belle.training.recipe import Recipe
from belle.training.session import started
from belle.training.supervised import NextToken


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    with started(recipe) as session:
        samples = session.samples("conversation", recipe.data)
        held_out = session.samples("conversation", recipe.eval_data, key="eval_data") if recipe.eval_data else None
        session.open_engine()
        evaluation = session.batches(held_out, shuffle=False) if held_out else None
        n_bytes = session.text_bytes(held_out) if held_out else None
        train(session, NextToken(), session.batches(samples), evaluation, evaluation_bytes=n_bytes)
        session.write_final()
