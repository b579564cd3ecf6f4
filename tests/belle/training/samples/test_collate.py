"""Batches: their tensors, and that packed sequences do not attend to each other."""

from __future__ import annotations

import pytest
import torch

from belle.training.model.packing_check import packing_refusal
from belle.training.samples.collate import UNTRAINED, Batch, Layout, collate, layout_of
from tests.belle.training.random_causal import Samples, causal

LENGTHS = [5, 9, 3, 12]
SAMPLES = Samples(LENGTHS)


def test_rows_are_padded_at_the_right_and_padding_is_never_trained() -> None:
    batch = collate(SAMPLES, [[0], [1]], pad_id=2)
    assert batch.input_ids.shape == (2, 9)
    ids, trained = SAMPLES.sequences(0)[0]
    assert batch.input_ids[0].tolist() == [*ids, 2, 2, 2, 2]
    assert batch.labels[0].tolist() == [
        *(i if t else UNTRAINED for i, t in zip(ids, trained, strict=True)),
        *[UNTRAINED] * 4,
    ]
    assert batch.position_ids is None
    assert (batch.tokens, batch.trained_tokens, batch.samples) == (14, 3 + 5, [0, 1])


def test_the_first_token_of_a_sequence_is_never_trained() -> None:
    batch = collate(Samples([1, 1, 1]), [[0, 1, 2]], pad_id=0, layout="blocks")
    assert batch.trained_tokens == 0
    assert (batch.labels == UNTRAINED).all()


def test_blocks_begin_their_positions_again() -> None:
    batch = collate(SAMPLES, [[0, 2], [1]], pad_id=2, layout="blocks")
    assert batch.position_ids is not None
    assert batch.position_ids.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 0], [0, 1, 2, 3, 4, 5, 6, 7, 8]]


def test_a_flat_row_has_the_boundaries_of_its_sequences_for_attention() -> None:
    batch = collate(SAMPLES, [[0, 2], [1]], pad_id=2, layout="flat", multiple=8)
    assert batch.input_ids.shape == (1, 24)
    assert batch.kernel["cu_seq_lens_q"].tolist() == [0, 5, 8, 17, 24]
    assert batch.kernel["max_length_k"] == 9
    inputs = batch.inputs()
    assert inputs["use_cache"] is False
    assert "attention_mask" not in inputs


def test_pairs_take_two_rows_each() -> None:
    pairs = Samples([4, 6], pairs=True)
    batch = collate(pairs, [[1], [0]], pad_id=0)
    assert batch.input_ids.shape == (4, 6)
    assert batch.input_ids[0].tolist() == pairs.sequences(1)[0][0].tolist()
    assert batch.input_ids[3, :4].tolist() == pairs.sequences(0)[1][0].tolist()
    assert batch.samples == [1, 0]


def test_a_batch_moves_as_a_whole() -> None:
    batch = collate(SAMPLES, [[0, 2]], pad_id=2, layout="flat").to("meta")
    moved = [batch.input_ids, batch.labels, batch.position_ids, batch.kernel["cu_seq_lens_q"]]
    assert all(tensor is not None and tensor.device.type == "meta" for tensor in moved)


@pytest.mark.parametrize(
    ("mode", "attention", "layout"),
    [("group", "flash_attention_2", "rows"), ("pack", "sdpa", "blocks"), ("pack", "flash_attention_3", "flat")],
)
def test_the_layout_follows_the_attention(mode: str, attention: str, layout: str) -> None:
    assert layout_of(mode, attention) == layout


def logits(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = model(**batch.inputs()).logits
    return result


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(
    ("architecture", "changes"),
    [("llama", {}), ("qwen2", {}), ("mistral", {"sliding_window": 4}), ("qwen3", {"head_dim": 16})],
)
@pytest.mark.parametrize("layout", ["blocks", "flat"])
def test_packed_logits_are_those_of_each_sequence_alone(
    architecture: str, changes: dict[str, int], attention: str, layout: Layout
) -> None:
    model = causal(architecture, attention, **changes)
    packed = collate(SAMPLES, [[0, 1], [3, 2]], pad_id=2, layout=layout)
    packed_logits = logits(model, packed)
    # The kernels for a flat row need a GPU; on a CPU the positions separate its sequences.
    places = [(0, 0), (0, 5), (0, 14), (0, 26)] if layout == "flat" else [(0, 0), (0, 5), (1, 0), (1, 12)]
    with torch.no_grad():
        contaminated = model(input_ids=packed.input_ids, use_cache=False).logits
    for sample, (row, start) in zip([0, 1, 3, 2], places, strict=True):
        alone = logits(model, collate(SAMPLES, [[sample]], pad_id=2))[0]
        inside = packed_logits[row, start : start + LENGTHS[sample]]
        assert (inside - alone).abs().max() <= 1e-6 * alone.abs().max()
        if start:
            assert (contaminated[row, start : start + LENGTHS[sample]] - alone).abs().max() > 1e-2


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "mistral", "bloom"])
def test_padding_changes_no_logits(architecture: str) -> None:
    model = causal(architecture, "eager" if architecture == "bloom" else "sdpa")
    together = logits(model, collate(SAMPLES, [[i] for i in range(4)], pad_id=2))
    for sample, length in enumerate(LENGTHS):
        alone = logits(model, collate(SAMPLES, [[sample]], pad_id=2))[0]
        assert (together[sample, :length] - alone).abs().max() <= 2e-6 * alone.abs().max()


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "mistral"])
def test_packing_is_allowed_where_it_is_clean(architecture: str) -> None:
    model = causal(architecture).train()
    assert packing_refusal(model) is None
    assert model.training


def test_packing_is_refused_for_bloom_by_name() -> None:
    assert packing_refusal(causal("bloom", "eager")) == "bloom does not keep packed sequences apart."


def test_packing_is_judged_in_half_precision_too() -> None:
    assert packing_refusal(causal("llama").bfloat16()) is None
    assert packing_refusal(causal("bloom", "eager").bfloat16()) is not None
    with torch.autocast("cpu", torch.bfloat16):
        assert packing_refusal(causal("llama")) is None
        assert packing_refusal(causal("bloom", "eager")) is not None
