"""Answers of the model that is being trained, drawn at random from what it finds likely.

Each answer has random numbers of its own, made from the recipe's seed, the step and the answer's number. So it does not
matter which process writes it, or beside which others, and a resumed run writes the same ones. A token is drawn as the
largest of log p + noise, the noise having Gumbel's distribution (Gumbel 1954), which draws it with probability p.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from belle.training.model.answer import GumbelNoise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from belle.training.engines.engine import TrainingEngine
    from belle.training.recipe.options import PpoOptions


@dataclass(frozen=True)
class Answers:
    """Answers to prompts, from the left, on the CPU.

    Args:
        tokens: with the end token, where there is one; behind it the padding token `[answers, max_new_tokens]`.
        lengths: tokens of each `[answers]`.
        finished: whether it ends with an end token `[answers]`.
    """

    tokens: Tensor
    lengths: Tensor
    finished: Tensor

    @property
    def mask(self) -> Tensor:
        """Which places are tokens of an answer `[answers, max_new_tokens]`."""
        return torch.arange(self.tokens.shape[1]) < self.lengths.unsqueeze(1)


@dataclass(frozen=True)
class Dialogues:
    """Prompts with their answers, as `belle.training.samples.collate` takes them: the answer is what is trained."""

    prompts: Sequence[NDArray[np.int32]]
    answers: Answers

    def sequences(self, sample: int) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
        """Token ids, and which of them are the answer's."""
        prompt = self.prompts[sample]
        answer = self.answers.tokens[sample, : int(self.answers.lengths[sample])].numpy().astype(np.int32)
        trained = np.arange(len(prompt) + len(answer)) >= len(prompt)
        return [(np.concatenate([prompt, answer]), trained)]


def write_answers(
    engine: TrainingEngine,
    prompts: Sequence[NDArray[np.int32]],
    seeds: Sequence[int],
    options: PpoOptions,
    *,
    ends: Sequence[int],
    pad_id: int,
) -> Answers:
    """Let the engine's model answer. All processes call it, each with as many prompts.

    Args:
        prompts: token ids.
        seeds: one for each answer.
        ends: tokens that end an answer.
        pad_id: what fills up; it may be one of them.
    """
    size = options.generation_batch
    model = engine.model
    training = model.training
    model.eval()
    parts = []
    try:
        with torch.no_grad(), engine.autocast(), _plain_generation(model):
            for start in range(0, len(prompts), size):
                chunk = slice(start, start + size)
                parts.append(_generate(engine, prompts[chunk], seeds[chunk], options, ends=ends, pad_id=pad_id))
    finally:
        model.train(training)
    tokens = torch.cat(parts)
    is_end = torch.isin(tokens, torch.tensor(list(ends)))
    finished = is_end.any(dim=1)
    lengths = torch.where(finished, is_end.int().argmax(dim=1) + 1, tokens.shape[1])
    inside = torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)
    return Answers(torch.where(inside, tokens, pad_id), lengths, finished)


def _generate(
    engine: TrainingEngine,
    prompts: Sequence[NDArray[np.int32]],
    seeds: Sequence[int],
    options: PpoOptions,
    *,
    ends: Sequence[int],
    pad_id: int,
) -> Tensor:
    """The tokens after each prompt `[prompts, max_new_tokens]`; arbitrary ones behind an end token."""
    length = max(len(prompt) for prompt in prompts)
    ids = np.full((len(prompts), length), pad_id, np.int64)
    mask = np.zeros((len(prompts), length), np.int64)
    for row, prompt in enumerate(prompts):
        # At the right, so that every answer begins in the same column.
        ids[row, length - len(prompt) :] = prompt
        mask[row, length - len(prompt) :] = 1
    written = engine.model.generate(
        input_ids=torch.from_numpy(ids).to(engine.device),
        attention_mask=torch.from_numpy(mask).to(engine.device),
        generation_config=GenerationConfig(
            max_new_tokens=options.max_new_tokens,
            do_sample=False,
            use_cache=True,
            eos_token_id=list(ends),
            pad_token_id=pad_id,
        ),
        logits_processor=_processors(seeds, options, engine.device),
        synced_gpus=engine.world_size > 1,
    )
    answers = written[:, length:].cpu()
    return torch.nn.functional.pad(answers, (0, options.max_new_tokens - answers.shape[1]), value=pad_id)


def _processors(seeds: Sequence[int], options: PpoOptions, device: torch.device) -> Any:
    processors: list[Any] = []
    if options.temperature != 1:
        processors.append(TemperatureLogitsWarper(options.temperature))
    if options.top_k:
        processors.append(TopKLogitsWarper(options.top_k))
    if options.top_p < 1:
        processors.append(TopPLogitsWarper(options.top_p))
    return LogitsProcessorList([*processors, GumbelNoise(seeds, device)])


@contextlib.contextmanager
def _plain_generation(model: Any) -> Iterator[None]:
    """Without what the checkpoint recommends for chatting, such as a penalty for repetition: it would change the
    probabilities behind the back of the loss."""
    policy = model.policy
    inner = policy.get_base_model() if hasattr(policy, "get_base_model") else policy
    owners = [policy] if inner is policy else [policy, inner]
    before = [owner.generation_config for owner in owners]
    for owner in owners:
        owner.generation_config = GenerationConfig()
    try:
        yield
    finally:
        for owner, config in zip(owners, before, strict=True):
            owner.generation_config = config
