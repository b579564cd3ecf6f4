"""The size of a run: its data, its steps, its micro-batches, and its precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from belle.training.estimate.volume import Volume, measure_data

if TYPE_CHECKING:
    from belle.prompts import PromptTemplate
    from belle.training.recipe.options import PpoOptions
    from belle.training.recipe.schema import Batching, PrecisionName, Recipe
    from belle.training.recipe.stages import TrainingStage
    from belle.training.tokenizer.tokenizer import HubVocabulary


@dataclass(frozen=True)
class PlanOptions:
    """The keys of a recipe that decide how many steps a run has and how large they are."""

    batch_size: int
    accumulation: int
    batching: Batching
    max_length: int
    epochs: float
    max_steps: int
    ppo: PpoOptions | None


@dataclass(frozen=True)
class Plan:
    """Steps and batches of a run.

    Args:
        processes: number of processes.
        samples: in one step.
        steps: in the whole run.
        tokens: in the whole run, each epoch counted.
        micro_tokens: tokens of the largest micro-batch.
        length: mean tokens of a sequence.
    """

    processes: int
    samples: int
    steps: int
    tokens: float
    micro_tokens: int
    length: float


def plan_of(options: PlanOptions, stage: TrainingStage, volume: Volume, processes: int) -> Plan:
    """The plan of a run over data of that size."""
    step = options.batch_size * options.accumulation * processes
    length = volume.mean_length
    micro_length = min(options.max_length, volume.longest) if volume.longest else options.max_length
    if stage.writes_answers and options.ppo is not None:
        step, length = options.ppo.rollouts, length + options.ppo.max_new_tokens
        micro_length = options.max_length
    rows, tokens = float(volume.samples), length * volume.samples
    if options.batching == "pack":
        rows, micro_length = volume.tokens / options.max_length, options.max_length
    steps = options.max_steps or max(1, math.ceil(options.epochs * math.ceil(rows / step)))
    epochs = steps * step / max(rows, 1) if options.max_steps else options.epochs
    return Plan(
        processes=processes,
        samples=step,
        steps=steps,
        tokens=tokens * epochs,
        micro_tokens=options.batch_size * micro_length * stage.sequences,
        length=length / stage.sequences,
    )


def volume_of(recipe: Recipe) -> Volume:
    """The size of an epoch's data, encoded with the run's tokenizer, or its base's until that exists."""
    from belle.training.recipe.sources import tokenizer_of
    from belle.training.samples.encode import RowEncoder
    from belle.training.tokenizer.templates import template_of
    from belle.training.tokenizer.tokenizer import HubVocabulary, load_tokenizer

    tokenizer = load_tokenizer(tokenizer_of(recipe, or_of_base=True), notice=lambda _: None)
    template = template_of(recipe.template, tokenizer, chats=recipe.traits.renders_chats, add_tokens=recipe.add_tokens)
    vocabulary = HubVocabulary(tokenizer)
    if recipe.traits.writes_answers:
        return _prompts(recipe, vocabulary, template)
    stage = recipe.traits
    encoder = RowEncoder(vocabulary, template, recipe.max_length, trains_all=stage.trains_all)
    domain = measure_data(recipe.data, stage.kinds, encoder)
    if recipe.mix is None or not recipe.mix.share:
        return domain
    return domain.with_general(measure_data(recipe.mix.general, stage.kinds, encoder), recipe.mix)


def _prompts(recipe: Recipe, vocabulary: HubVocabulary, template: PromptTemplate) -> Volume:
    """The size of PPO's prompts, all of which are read: there are few."""
    from belle.training.samples.prompts import read_prompts

    assert recipe.ppo is not None
    room = recipe.max_length - recipe.ppo.max_new_tokens
    prompts = read_prompts(recipe.data, vocabulary, template, max_length=room, seed=recipe.seed, say=lambda _: None)
    lengths = [len(prompts[number]) for number in range(len(prompts))]
    return Volume(len(lengths), len(lengths), sum(lengths), 0, max(lengths), exact=True)


def precision_of(name: PrecisionName) -> str:
    """The precision of a run: with `auto` this machine's if it has a GPU, else that of the GPUs a run is meant for."""
    import torch

    from belle.training.engines.precision import choose_precision

    if name != "auto":
        return name
    return choose_precision("auto", torch.device("cuda")).name if torch.cuda.is_available() else "bf16"
