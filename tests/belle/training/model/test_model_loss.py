"""Whole models: our loss against transformers' own, with and without adapters."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from belle.training.model.model_loss import full_logits_reason, loss_sum, sequence_log_probs, token_log_probs
from belle.training.samples.collate import collate
from tests.belle.training.random_causal import Samples, causal

SAMPLES = Samples([5, 9, 3, 12])
ROWS = [[0], [1], [2], [3]]


def transformers_loss(model: Any, batch: Any) -> torch.Tensor:
    """The sum; transformers divides by the trained tokens."""
    loss: torch.Tensor = model(**batch.inputs(), labels=batch.labels).loss
    return loss * batch.trained_tokens


def gradients(model: Any, loss: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.autograd.grad(loss, [p for p in model.parameters() if p.requires_grad]))


def model_of(kind: str) -> Any:
    if kind == "tied":
        return causal("llama", tie_word_embeddings=True)
    if kind == "bloom":
        return causal("bloom", "eager")
    if kind.startswith("lora"):
        from peft import LoraConfig, get_peft_model

        targets = ["q_proj", "lm_head"] if kind == "lora on the head" else ["q_proj", "v_proj"]
        saved = ["lm_head"] if kind == "lora and a trained head" else None
        config = LoraConfig(r=4, target_modules=targets, modules_to_save=saved, init_lora_weights=False)
        return get_peft_model(causal("llama"), config)
    if kind == "gemma2":
        return causal("gemma2", "eager", head_dim=16)
    return causal(kind)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize(
    "kind",
    ["llama", "qwen2", "tied", "bloom", "gemma2", "cohere", "lora", "lora on the head", "lora and a trained head"],
)
def test_loss_and_gradients_are_those_of_transformers(kind: str) -> None:
    model = model_of(kind)
    batch = collate(SAMPLES, ROWS, pad_id=2)
    ours, theirs = loss_sum(model, batch), transformers_loss(model, batch)
    assert torch.isclose(ours, theirs, rtol=1e-5)
    for a, b in zip(gradients(model, ours), gradients(model, theirs), strict=True):
        assert (a - b).abs().max() <= 1e-5 * b.abs().max() + 1e-7


def test_packed_and_filled_up_are_the_same_loss() -> None:
    model = causal("llama")
    packed = loss_sum(model, collate(SAMPLES, [[0, 1, 2, 3]], pad_id=2, layout="blocks"))
    filled = loss_sum(model, collate(SAMPLES, ROWS, pad_id=2))
    assert torch.isclose(packed, filled, rtol=1e-6)


@pytest.mark.parametrize("architecture", ["llama", "gemma2"])
def test_log_probabilities_stand_at_their_tokens(architecture: str) -> None:
    model = model_of(architecture)
    batch = collate(SAMPLES, ROWS, pad_id=2)
    result = token_log_probs(model, batch, temperature=0.5)
    logits = model(**batch.inputs()).logits / 0.5
    expected = torch.log_softmax(logits, -1)[:, :-1].gather(2, batch.input_ids[:, 1:, None])[..., 0]
    trained = batch.labels != -100
    assert torch.allclose(result[:, 1:][trained[:, 1:]], expected[trained[:, 1:]], atol=1e-5)
    assert not result[~trained].any()
    result.sum().backward()


def test_sequences_are_summed_row_by_row() -> None:
    model = causal("llama")
    batch = collate(Samples([4, 6], pairs=True), [[0], [1]], pad_id=2)
    sums = sequence_log_probs(model, batch)
    assert sums.shape == (4,)
    assert torch.isclose(-sums.sum(), loss_sum(model, batch))


@pytest.mark.parametrize(
    ("architecture", "words"),
    [("gemma2", "final_logit_softcapping: 30.0"), ("cohere", "logit_scale: 0.0625"), ("llama", None)],
)
def test_architectures_that_change_their_logits_are_named(architecture: str, words: str | None) -> None:
    reason = full_logits_reason(model_of(architecture))
    assert reason is None if words is None else words in (reason or "")


def test_a_change_that_no_key_tells_of_is_found_by_trying() -> None:
    model = causal("llama")
    forward = model.forward

    def scaled(**inputs: Any) -> Any:
        out = forward(**inputs)
        out.logits = out.logits * 2
        return out

    model.forward = scaled
    assert full_logits_reason(model) == "the logits of llama are not its head times its states"
    batch = collate(SAMPLES, ROWS, pad_id=2)
    logits = scaled(**batch.inputs()).logits
    expected = torch.nn.functional.cross_entropy(
        logits[:, :-1].reshape(-1, logits.shape[-1]), batch.labels[:, 1:].reshape(-1), reduction="sum"
    )
    assert torch.isclose(loss_sum(model, batch), expected, rtol=1e-5)


def test_trying_leaves_the_model_in_training() -> None:
    model = causal("llama").train()
    full_logits_reason(model)
    assert model.training
