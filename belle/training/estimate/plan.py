"""The size of a run: its data, its steps, its micro-batches, and what it computes in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from belle.training.estimate.volume import Volume, measure_data

if TYPE_CHECKING:
    from belle.prompts import PromptTemplate
    from belle.training.recipe.schema import Recipe
    from belle.training.tokenizer.tokenizer import HubVocabulary


@dataclass(frozen=True)
class Plan:
    """Steps and batches of a run.

    Args:
        processes: of the run.
        samples: of one step.
        steps: of the whole run.
        tokens: computed in the whole run.
        micro_tokens: of the largest micro-batch.
        length: mean tokens of a sequence.
    """

    processes: int
    samples: int
    steps: int
    tokens: float
    micro_tokens: int
    length: float


def plan_of(recipe: Recipe, volume: Volume, processes: int) -> Plan:
    """The steps of a run over data of that size."""
    step = recipe.batch_size * recipe.accumulation * processes
    length = volume.mean_length
    sequences = recipe.traits.sequences
    micro_length = min(recipe.max_length, volume.longest) if volume.longest else recipe.max_length
    if recipe.traits.writes_answers and recipe.ppo is not None:
        step, length = recipe.ppo.rollouts, length + recipe.ppo.max_new_tokens
        micro_length = recipe.max_length
    rows, tokens = float(volume.samples), length * volume.samples
    if recipe.batching == "pack":
        rows, micro_length = volume.tokens / recipe.max_length, recipe.max_length
    steps = recipe.max_steps or max(1, math.ceil(recipe.epochs * math.ceil(rows / step)))
    epochs = steps * step / max(rows, 1) if recipe.max_steps else recipe.epochs
    return Plan(
        processes=processes,
        samples=step,
        steps=steps,
        tokens=tokens * epochs,
        micro_tokens=recipe.batch_size * micro_length * sequences,
        length=length / sequences,
    )


def volume_of(recipe: Recipe) -> Volume:
    """The data of an epoch, encoded with the tokenizer that the run has, or would have."""
    from belle.training.recipe.sources import tokenizer_of
    from belle.training.samples.encode import RowEncoder
    from belle.training.tokenizer.templates import template_of
    from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

    tokenizer = load_tokenizer(tokenizer_of(recipe, or_of_base=True), notice=lambda _: None)
    template = template_of(recipe.template, tokenizer, chats=recipe.traits.renders_chats, add_tokens=recipe.add_tokens)
    vocabulary = HubVocabulary(tokenizer)
    if recipe.traits.writes_answers:
        return _prompts(recipe, vocabulary, template)
    encoder = RowEncoder(vocabulary, template, recipe.max_length)
    return measure_data(recipe.data, recipe.traits.kind, encoder)


def _prompts(recipe: Recipe, vocabulary: HubVocabulary, template: PromptTemplate) -> Volume:
    """PPO's questions; there are few enough to read them all."""
    from belle.training.samples.prompts import read_prompts

    assert recipe.ppo is not None
    room = recipe.max_length - recipe.ppo.max_new_tokens
    prompts = read_prompts(recipe.data, vocabulary, template, max_length=room, seed=recipe.seed, say=lambda _: None)
    lengths = [len(prompts[number]) for number in range(len(prompts))]
    return Volume(len(lengths), len(lengths), sum(lengths), 0, max(lengths), exact=True)


def precision_of(recipe: Recipe) -> str:
    """What is computed in: on this machine when it has a GPU, else on the GPU the run is meant for."""
    import torch

    from belle.training.engines.precision import choose_precision

    if recipe.precision != "auto":
        return recipe.precision
    return choose_precision("auto", torch.device("cuda")).name if torch.cuda.is_available() else "bf16"
