"""Pre-training, from random weights or continued: plain text in, every token trained, each document closed by the end
token."""

from __future__ import annotations

from belle.training.loop import train
from belle.training.recipe import Recipe
from belle.training.session import started
from belle.training.supervised import NextToken


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    with started(recipe) as session:
        samples = session.samples("text", recipe.data)
        held_out = session.samples("text", recipe.eval_data, key="eval_data") if recipe.eval_data else None
        session.open_engine()
        evaluation = session.batches(held_out, shuffle=False) if held_out else None
        n_bytes = session.text_bytes(held_out) if held_out else None
        train(session, NextToken(), session.batches(samples), evaluation, evaluation_bytes=n_bytes)
        session.write_final()
