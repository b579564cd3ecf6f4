"""Padding with the end token: the id decides nothing, so the end of an answer is learned all the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from belle.training.model.embedding_rows import train_every_row
from belle.training.model.model_loss import loss_sum
from belle.training.samples.collate import UNTRAINED, collate
from tests.belle.training.random_causal import causal

END, OTHER = 7, 250


class Ends:
    """Samples in which the end token closes answers in the middle and at the end, and is trained."""

    def sequences(self, sample: int) -> list[tuple[Any, Any]]:
        ids = [[3, 4, END, 5, 6, END], [8, 9, END], [10, END, 11, 12, 13, 14, 15, END]][sample]
        return [(np.array(ids, np.int32), np.arange(len(ids)) >= 1)]


def gradients(pad_id: int, *, architecture: str, config_pad: int | None) -> dict[str, torch.Tensor]:
    attention = "eager" if architecture in ("bloom", "gemma2") else "sdpa"
    model = causal(architecture, attention, pad_token_id=config_pad)
    # New models begin with zeros in the row of the padding token.
    model.load_state_dict(causal(architecture, attention, pad_token_id=None).state_dict())
    train_every_row(model)
    batch = collate(Ends(), [[0], [1], [2]], pad_id=pad_id)
    loss_sum(model, batch).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gemma2", "bloom"])
def test_padding_with_the_end_token_changes_no_gradient(architecture: str) -> None:
    """Also where the model's own configuration calls it the padding token, whose embedding torch leaves alone."""
    apart = gradients(OTHER, architecture=architecture, config_pad=None)
    same = gradients(END, architecture=architecture, config_pad=END)
    assert apart.keys() == same.keys()
    for name, gradient in apart.items():
        assert torch.allclose(gradient, same[name], atol=1e-6 * float(gradient.abs().max())), name
    embedding = next(gradient for name, gradient in same.items() if "embed" in name)
    assert embedding[END].abs().max() > 0


def test_labels_go_by_position() -> None:
    batch = collate(Ends(), [[0], [1], [2]], pad_id=END)
    for row in range(3):
        ((ids, _),) = Ends().sequences(row)
        assert batch.labels[row, 1 : len(ids)].tolist() == ids[1:].tolist()
        assert set(batch.labels[row, len(ids) :].tolist()) <= {UNTRAINED}
