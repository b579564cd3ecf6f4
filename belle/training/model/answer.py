"""What the model answers while it is being trained: the quickest way to see that something goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor

from belle.prompts import Message, PromptTemplate
from belle.prompts.encoding import encode_prompt

if TYPE_CHECKING:
    from belle.training.engines.engine import TrainingEngine
    from belle.training.tokenizer.tokenizer import HubVocabulary


def answer(
    engine: TrainingEngine,
    tokenizer: Any,
    vocabulary: HubVocabulary,
    template: PromptTemplate | None,
    prompt: str,
    *,
    max_tokens: int,
) -> str:
    """The likeliest words after `prompt`, one token at a time, to the end token or `max_tokens`.

    All processes call it: under ZeRO-3 each holds a part of the model.

    Args:
        template: the prompt is a question; None: a text to be continued.
    """
    import torch

    ids = vocabulary.tokenize(prompt)
    if template is not None:
        ids = encode_prompt(vocabulary, template, [Message("user", prompt)])
    ends = end_tokens(tokenizer, template.stop if template else ())
    given = torch.tensor([ids], device=engine.device)
    model = engine.model
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), engine.autocast():
            written = model.generate(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                max_new_tokens=max_tokens,
                do_sample=False,
                num_beams=1,
                use_cache=True,
                eos_token_id=ends,
                pad_token_id=tokenizer.pad_token_id,
                synced_gpus=engine.world_size > 1,
            )
    finally:
        model.train(training)
    tokens = written[0, len(ids) :].tolist()
    end = next((k for k, token in enumerate(tokens) if token in ends), len(tokens))
    return answer_text(tokenizer, template, tokens[:end])


def end_tokens(tokenizer: Any, stop: Sequence[str]) -> list[int]:
    """The tokens that end an answer: the vocabulary's own, and the stop strings that are one token."""
    vocabulary = tokenizer.get_vocab()
    return [int(tokenizer.eos_token_id), *(vocabulary[text] for text in stop if text in vocabulary)]


def answer_text(tokenizer: Any, template: PromptTemplate | None, ids: Any) -> str:
    """What the tokens of an answer say, without the strings that end it."""
    text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    for stop in template.stop if template else ():
        text = text.partition(stop)[0]
    return str(text.removeprefix(" ") if template and template.strip_leading_space else text)


def answer_seed(seed: int, step: int, number: int) -> int:
    """The seed of one answer."""
    return int(np.random.SeedSequence([seed, step, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))


class GumbelNoise(LogitsProcessor):  # type: ignore[misc]
    """Makes the likeliest token of each row a random one, drawn from that row's own generator.

    Args:
        seeds: one per row.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device) -> None:
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002  # transformers' signature
        noise = torch.empty_like(scores)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        # −log of an exponential random number has Gumbel's distribution.
        return scores - noise.log()
