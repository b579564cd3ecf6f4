"""Sampling from a causal language model so that an answer depends on its own seed alone.

Each answer has random numbers of its own, made from a seed, the step and the answer's number. So it does not matter
which process writes it or which other answers are in its batch, and a resumed run writes the same ones. A token is
drawn as the largest of log p + noise, where the noise has Gumbel's distribution (Gumbel 1954): that draws it with
probability p.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

if TYPE_CHECKING:
    from numpy.typing import NDArray


def left_padded(prompts: Sequence[Sequence[int] | NDArray[np.int32]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Token ids and attention mask of a batch of prompts, int64 `[prompts, longest]`.

    The padding is on the left, so that every answer begins in the same column.
    """
    length = max(len(prompt) for prompt in prompts)
    ids = np.full((len(prompts), length), pad_id, np.int64)
    mask = np.zeros((len(prompts), length), np.int64)
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt) :] = prompt
        mask[row, length - len(prompt) :] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def sampling_processors(
    seeds: Sequence[int], device: torch.device, *, temperature: float, top_k: int, top_p: float
) -> LogitsProcessorList:
    """What turns transformers' greedy search (`do_sample=False`) into sampling.

    Args:
        seeds: one for each row of the batch.
        temperature: above 0.
        top_k: 0: all tokens.
        top_p: 1: all tokens.
    """
    processors: list[Any] = []
    if temperature != 1:
        processors.append(TemperatureLogitsWarper(temperature))
    if top_k:
        processors.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        processors.append(TopPLogitsWarper(top_p))
    return LogitsProcessorList([*processors, GumbelNoise(seeds, device)])


def answer_seed(seed: int, step: int, number: int) -> int:
    """The seed of one answer, a number of 63 bits."""
    return int(np.random.SeedSequence([seed, step, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))


class GumbelNoise(LogitsProcessor):  # type: ignore[misc]
    """Makes the likeliest token of each row a random one, drawn from that row's own generator.

    Args:
        seeds: one for each row.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002  # transformers' signature
        noise = torch.empty_like(scores)  # [rows, vocabulary]
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        # −log of an exponential random number has Gumbel's distribution.
        return scores - noise.log()
