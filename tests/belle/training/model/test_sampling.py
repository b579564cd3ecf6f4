"""What is prepared for sampling: prompts in one batch, and a seed for each answer."""

from __future__ import annotations

import numpy as np

from belle.training.model.sampling import answer_seed, left_padded


def test_prompts_are_padded_on_the_left() -> None:
    ids, mask = left_padded([[7, 8, 9], np.array([5], np.int32)], 0)
    assert ids.tolist() == [[7, 8, 9], [0, 0, 5]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_seeds_differ_in_everything() -> None:
    seeds = {answer_seed(*numbers) for numbers in ((1, 2, 3), (1, 3, 2), (2, 1, 3), (1, 2, 4), (1, 23, 0))}
    assert len(seeds) == 5
