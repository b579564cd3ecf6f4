"""The continuations of several prompts at once, each as if it were alone.

Prompts are padded on the left. A row ends at an end token, at a stop string or at its own limit; transformers fills it
with padding until the last row has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from belle.training.model.sampling import left_padded, sampling_processors


@dataclass(frozen=True, slots=True)
class DecodingRules:
    """How tokens are chosen, and where an answer ends.

    Args:
        temperature: 0 takes the likeliest token.
        ends: the tokens that end an answer.
        pad: the padding token.
        stop: strings that end an answer.
    """

    temperature: float
    ends: Sequence[int]
    pad: int
    top_k: int = 0
    top_p: float = 1.0
    repeat_penalty: float = 1.0
    stop: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a model wrote after a prompt.

    Args:
        ids: of its tokens, without the end token.
        finished: whether it ended by an end token or a stop string, and not at its limit.
    """

    ids: list[int]
    finished: bool


def continue_prompts(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    rules: DecodingRules,
    *,
    limits: Sequence[int],
    seeds: Sequence[int],
    synced: bool = False,
) -> list[Continuation]:
    """Continue all of `prompts`.

    Args:
        model: of transformers, or one that wraps it.
        limits: tokens that each continuation may have, at least 1.
        seeds: of each, where tokens are drawn.
        synced: all processes take every step together (ZeRO-3).
    """
    device = next(model.parameters()).device
    ids, mask = left_padded(prompts, rules.pad)
    width = ids.shape[1]
    processors = LogitsProcessorList()
    if rules.temperature:
        processors = sampling_processors(
            seeds, device, temperature=rules.temperature, top_k=rules.top_k, top_p=rules.top_p
        )
    row_ends = _RowEnds(tokenizer, width, limits, rules.stop)
    with torch.no_grad():
        written = model.generate(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            generation_config=GenerationConfig(
                max_new_tokens=max(limits),
                do_sample=False,
                repetition_penalty=rules.repeat_penalty,
                eos_token_id=list(rules.ends),
                pad_token_id=rules.pad,
            ),
            logits_processor=processors,
            stopping_criteria=StoppingCriteriaList([row_ends]),
            synced_gpus=synced,
        )
    rows = written[:, width:].tolist()
    return [row_ends.continuation(number, row, rules.ends) for number, row in enumerate(rows)]


class _RowEnds(StoppingCriteria):  # type: ignore[misc]
    """Ends each row at its own limit, and at a stop string."""

    def __init__(self, tokenizer: Any, width: int, limits: Sequence[int], stop: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._width = width
        self._limits = limits
        self._stop = [text for text in stop if text]
        # A token has at least one byte, so a stop string is in no more tokens than it has bytes.
        self._tail = max((len(text.encode()) for text in self._stop), default=0) + 1
        self._stopped_at: dict[int, int] = {}  # number of tokens of the rows that a stop string has ended

    def __call__(self, input_ids: Tensor, scores: Tensor, **_: Any) -> Tensor:  # noqa: ARG002  # transformers' own
        count = input_ids.shape[1] - self._width
        if self._stop:
            for number, tail in enumerate(input_ids[:, max(self._width, input_ids.shape[1] - self._tail) :].tolist()):
                if number not in self._stopped_at and count <= self._limits[number] and self._has_stop(tail):
                    self._stopped_at[number] = count
        ended = [number in self._stopped_at or count >= limit for number, limit in enumerate(self._limits)]
        return torch.tensor(ended, device=input_ids.device)

    def _has_stop(self, ids: list[int]) -> bool:
        text = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return any(stop in text for stop in self._stop)

    def continuation(self, number: int, row: Sequence[int], ends: Sequence[int]) -> Continuation:
        """What row `number` wrote, of all its tokens."""
        allowed = list(row[: self._limits[number]])
        end = next((k for k, token in enumerate(allowed) if token in ends), None)
        stopped = self._stopped_at.get(number)
        if stopped is not None and (end is None or stopped <= end):
            return Continuation(allowed[:stopped], finished=True)
        return Continuation(allowed[:end], finished=end is not None)
