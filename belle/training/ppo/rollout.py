"""Answers of the model that is being trained, sampled with a seed for each (`belle.training.model.sampling`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig

from belle.training.model.sampling import left_padded, sampling_processors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from belle.training.engines.engine import TrainingEngine
    from belle.training.recipe.options import PpoOptions


@dataclass(frozen=True)
class Answers:
    """Answers to prompts, from the left, on the CPU.

    Args:
        tokens: with the end token, where there is one; then the padding token `[answers, max_new_tokens]`.
        lengths: number of tokens of each answer `[answers]`.
        finished: whether an answer ends with an end token `[answers]`.
    """

    tokens: Tensor
    lengths: Tensor
    finished: Tensor

    @property
    def mask(self) -> Tensor:
        """Which positions are tokens of an answer `[answers, max_new_tokens]`."""
        return torch.arange(self.tokens.shape[1]) < self.lengths.unsqueeze(1)


@dataclass(frozen=True)
class Dialogues:
    """Prompts with answers, as `belle.training.samples.collate` takes samples; the answers' tokens are trained."""

    prompts: Sequence[NDArray[np.int32]]
    answers: Answers

    def sequences(self, sample: int) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
        """The token ids of a dialogue, and which of them are the answer's."""
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
    """Let the engine's model answer. All processes call it, with the same number of prompts.

    Args:
        prompts: token ids.
        seeds: one for each answer.
        ends: tokens that end an answer.
        pad_id: the padding token, which may be one of `ends`.
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
    is_end = torch.isin(tokens, torch.tensor(list(ends)))  # [prompts, max_new_tokens]
    finished = is_end.any(dim=1)
    # `argmax` gives the first end token.
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
    ids, mask = left_padded(prompts, pad_id)
    output = engine.model.generate(
        input_ids=ids.to(engine.device),
        attention_mask=mask.to(engine.device),
        generation_config=GenerationConfig(
            max_new_tokens=options.max_new_tokens,
            do_sample=False,
            use_cache=True,
            eos_token_id=list(ends),
            pad_token_id=pad_id,
        ),
        logits_processor=sampling_processors(
            seeds, engine.device, temperature=options.temperature, top_k=options.top_k, top_p=options.top_p
        ),
        synced_gpus=engine.world_size > 1,
    )
    answers = output[:, ids.shape[1] :].cpu()
    return torch.nn.functional.pad(answers, (0, options.max_new_tokens - answers.shape[1]), value=pad_id)


@contextlib.contextmanager
def _plain_generation(model: Any) -> Iterator[None]:
    """Without the generation settings of the checkpoint, such as a repetition penalty.

    They would change the probabilities that tokens are drawn with, and the loss would not know it.
    """
    policy = model.policy
    inner = policy.get_base_model() if hasattr(policy, "get_base_model") else policy
    owners = [policy] if inner is policy else [policy, inner]
    previous = [owner.generation_config for owner in owners]
    for owner in owners:
        owner.generation_config = GenerationConfig()
    try:
        yield
    finally:
        for owner, config in zip(owners, previous, strict=True):
            owner.generation_config = config
