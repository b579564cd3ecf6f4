"""The loss in chunks against torch's own on all logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from belle.training.model.loss import UNTRAINED, causal_loss_sum, log_probs_of, selected_log_probs, trained_positions

VOCABULARY, WIDTH = 500, 32
Loss = Callable[[Tensor, Any, Tensor], Tensor]


def hidden_and_labels(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 40, WIDTH, generator=generator).to(dtype).requires_grad_()
    labels = torch.randint(VOCABULARY, (3, 40), generator=generator)
    labels[torch.rand(3, 40, generator=generator) < 0.4] = UNTRAINED
    labels[0, :5] = UNTRAINED
    labels[:, 0] = 7  # without effect: nothing predicts the first token
    return hidden, labels


def head(dtype: torch.dtype = torch.float32, *, bias: bool = False) -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(WIDTH, VOCABULARY, bias=bias, dtype=dtype)


def reference(hidden: Tensor, module: Any, labels: Tensor) -> Tensor:
    logits = module(hidden).float()[:, :-1]
    return nn.functional.cross_entropy(
        logits.reshape(-1, VOCABULARY), labels[:, 1:].reshape(-1), ignore_index=UNTRAINED, reduction="sum"
    )


def from_sum(hidden: Tensor, module: Any, labels: Tensor) -> Tensor:
    return causal_loss_sum(hidden, module, labels, chunk=7)[0]


def from_log_probs(hidden: Tensor, module: Any, labels: Tensor) -> Tensor:
    where, targets = trained_positions(labels)
    return -selected_log_probs(hidden.reshape(-1, WIDTH)[where], module, targets, chunk=7).sum()


def from_logits(hidden: Tensor, module: Any, labels: Tensor) -> Tensor:
    where, targets = trained_positions(labels)
    return -log_probs_of(module(hidden).reshape(-1, VOCABULARY)[where], targets, chunk=7).sum()


def gradients(loss: Tensor, hidden: Tensor, module: nn.Module) -> list[Tensor]:
    return list(torch.autograd.grad(loss * 2.5, [hidden, *(p for p in module.parameters() if p.requires_grad)]))


def assert_close(ours: list[Tensor], theirs: list[Tensor], tolerance: float = 1e-5) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        assert (a - b).abs().max() <= tolerance * b.abs().max()


class Added(nn.Module):
    """A head with a low-rank part, as peft makes it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down, self.up = nn.Linear(WIDTH, 4, bias=False), nn.Linear(4, VOCABULARY, bias=False)

    def forward(self, states: Tensor) -> Tensor:
        return self.base(states) + self.up(self.down(states))


@pytest.mark.parametrize("loss", [from_sum, from_log_probs, from_logits])
@pytest.mark.parametrize("make", [head, lambda: head(bias=True), lambda: Added(head())], ids=["plain", "bias", "lora"])
def test_loss_and_gradients_are_torchs(loss: Loss, make: Callable[[], nn.Module]) -> None:
    module = make()
    hidden, labels = hidden_and_labels()
    expected = reference(hidden, module, labels)
    result = loss(hidden, module, labels)
    assert torch.isclose(result, expected, rtol=1e-6)
    assert_close(gradients(result, hidden, module), gradients(expected, hidden, module))


@pytest.mark.parametrize("loss", [from_sum, from_log_probs])
def test_a_frozen_head_gets_no_gradient(loss: Loss) -> None:
    module = head().requires_grad_(False)
    hidden, labels = hidden_and_labels()
    assert_close(
        gradients(loss(hidden, module, labels), hidden, module),
        gradients(reference(hidden, module, labels), hidden, module),
    )


@pytest.mark.parametrize("loss", [from_sum, from_log_probs])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_about_as_close_to_fp32_as_torchs_own(loss: Loss, dtype: torch.dtype) -> None:
    module, exact = head(dtype), head(dtype).float()
    hidden, labels = hidden_and_labels(dtype)
    wide = hidden.detach().float().requires_grad_()
    true = gradients(reference(wide, exact, labels), wide, exact)
    ours = gradients(loss(hidden, module, labels), hidden, module)
    theirs = gradients(reference(hidden, module, labels), hidden, module)
    for a, b, c in zip(ours, theirs, true, strict=True):
        assert a.dtype == dtype
        assert (a.float() - c).norm() <= 1.2 * (b.float() - c).norm()


@pytest.mark.parametrize("loss", [from_sum, from_log_probs])
def test_autocast_computes_in_its_type_and_keeps_the_weights_gradient_in_fp32(loss: Loss) -> None:
    module = head()
    hidden, labels = hidden_and_labels(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        result = loss(hidden, module, labels)
        expected = reference(hidden, module, labels)
    assert result.dtype == torch.float32
    assert torch.isclose(result, expected, rtol=1e-3)
    ours, theirs = gradients(result, hidden, module), gradients(expected, hidden, module)
    assert [g.dtype for g in ours] == [torch.bfloat16, torch.float32]
    assert_close(ours, theirs, 0.02)


def test_small_gradients_survive_fp16_behind_a_loss_scale() -> None:
    """One token among many, a confident model: its gradient is below what fp16 can hold without the scale."""
    module = nn.Linear(WIDTH, VOCABULARY, bias=False, dtype=torch.float16)
    with torch.no_grad():
        module.weight.zero_()
        module.weight[3, 0] = 18.0
    hidden = torch.zeros(1, 2, WIDTH, dtype=torch.float16)
    hidden[0, 0, 0] = 1.0
    hidden.requires_grad_()
    labels = torch.tensor([[UNTRAINED, 3]])
    (causal_loss_sum(hidden, module, labels)[0] * 2.0**16).backward()
    assert hidden.grad is not None
    assert hidden.grad.abs().max() > 0


def test_each_log_probability_has_a_gradient_of_its_own() -> None:
    module = head()
    hidden, labels = hidden_and_labels()
    where, targets = trained_positions(labels)
    factors = torch.linspace(-1, 2, len(targets))
    log_p = torch.log_softmax(module(hidden), -1).reshape(-1, VOCABULARY)[where, targets]
    result = selected_log_probs(hidden.reshape(-1, WIDTH)[where], module, targets, chunk=11)
    assert torch.allclose(result, log_p, atol=1e-5)
    assert_close(
        gradients((result * factors).sum(), hidden, module), gradients((log_p * factors).sum(), hidden, module)
    )


@pytest.mark.parametrize("bias", [False, True])
def test_temperature_divides_the_logits(bias: bool) -> None:
    module = head(bias=bias)
    hidden, labels = hidden_and_labels()
    where, targets = trained_positions(labels)
    expected = torch.log_softmax(module(hidden) / 0.7, -1).reshape(-1, VOCABULARY)[where, targets]
    result = selected_log_probs(hidden.reshape(-1, WIDTH)[where], module, targets, temperature=0.7)
    assert torch.allclose(result, expected, atol=1e-5)


def test_tied_weights_get_both_gradients() -> None:
    embedding, module = nn.Embedding(VOCABULARY, WIDTH), head()
    module.weight = embedding.weight
    _, labels = hidden_and_labels()
    ids = labels.clamp(min=0)
    ours = torch.autograd.grad(from_sum(embedding(ids), module, labels), embedding.weight)
    theirs = torch.autograd.grad(reference(embedding(ids), module, labels), embedding.weight)
    assert_close(list(ours), list(theirs))


@pytest.mark.parametrize("make", [head, lambda: Added(head())], ids=["plain", "lora"])
def test_nothing_trained_is_a_loss_of_zero_with_gradients(make: Callable[[], nn.Module]) -> None:
    hidden, labels = hidden_and_labels()
    loss, count = causal_loss_sum(hidden, make(), torch.full_like(labels, UNTRAINED))
    assert (loss.item(), count) == (0.0, 0)
    loss.backward()
    assert hidden.grad is not None
    assert not hidden.grad.any()


def test_without_gradients_none_are_made() -> None:
    hidden, labels = hidden_and_labels()
    with torch.no_grad():
        loss, count = causal_loss_sum(hidden, head(), labels)
    assert not loss.requires_grad
    assert count == int((labels[:, 1:] != UNTRAINED).sum())


def test_a_head_with_a_hook_is_called() -> None:
    """Hooks gather the weight (ZeRO-3) or move it (offloading): using the weight directly would bypass them."""
    module = head()
    called = []
    module.register_forward_pre_hook(lambda *_: called.append(True))
    hidden, labels = hidden_and_labels()
    assert torch.isclose(from_sum(hidden, module, labels), reference(hidden, head(), labels))
    assert called


def test_positions_are_those_before_the_trained_tokens() -> None:
    labels = torch.tensor([[UNTRAINED, 5, UNTRAINED, 6], [UNTRAINED, UNTRAINED, 7, UNTRAINED]])
    where, targets = trained_positions(labels)
    assert where.tolist() == [0, 2, 5]
    assert targets.tolist() == [5, 6, 7]
