"""Generalized advantage estimation against its definition, written out as the double sum."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("gamma", "lam"), [(1.0, 0.95), (0.9, 0.8), (0.99, 0.0), (1.0, 1.0)])
def test_the_recursion_is_the_double_sum(gamma: float, lam: float) -> None:
    import torch

    from belle.training.ppo.advantages import advantages_and_returns

    torch.manual_seed(0)
    lengths = torch.tensor([5, 1, 8, 3])
    mask = torch.arange(8) < lengths.unsqueeze(1)
    rewards, values = torch.randn(4, 8).double(), torch.randn(4, 8).double()
    advantages, returns = advantages_and_returns(rewards, values, mask, gamma=gamma, lam=lam)
    for row, length in enumerate(lengths.tolist()):
        v = [*values[row, :length].tolist(), 0.0]
        errors = [float(rewards[row, t]) + gamma * v[t + 1] - v[t] for t in range(length)]
        for t in range(length):
            direct = sum((gamma * lam) ** (k - t) * errors[k] for k in range(t, length))
            assert float(advantages[row, t]) == pytest.approx(direct, abs=1e-12)
            assert float(returns[row, t]) == pytest.approx(direct + v[t], abs=1e-12)
    assert not advantages[~mask].any()
    assert not returns[~mask].any()


def test_with_lambda_one_the_return_is_the_sum_of_rewards() -> None:
    import torch

    from belle.training.ppo.advantages import advantages_and_returns

    rewards, mask = torch.tensor([[1.0, 2.0, 4.0, 99.0]]), torch.tensor([[True, True, True, False]])
    _, returns = advantages_and_returns(rewards, torch.randn(1, 4), mask, gamma=1.0, lam=1.0)
    assert returns.tolist() == [[pytest.approx(7.0), pytest.approx(6.0), pytest.approx(4.0), 0.0]]


def test_whitening_looks_at_the_answers_alone() -> None:
    import torch

    from belle.training.ppo.advantages import whiten

    torch.manual_seed(0)
    values, mask = torch.randn(6, 9) * 3 + 5, torch.rand(6, 9) < 0.6
    values[~mask] = 1e6
    white = whiten(values, mask)
    assert float(white[mask].mean()) == pytest.approx(0, abs=1e-6)
    assert float(white[mask].std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert not white[~mask].any()
    assert not whiten(torch.full((2, 2), 3.0), torch.ones(2, 2, dtype=torch.bool)).any()


def test_explained_variance() -> None:
    import torch

    from belle.training.ppo.advantages import explained_variance

    returns = torch.tensor([1.0, 2.0, 3.0, 6.0])
    assert explained_variance(returns + 7, returns) == pytest.approx(1)
    assert explained_variance(torch.zeros(4), returns) == pytest.approx(0)
    assert explained_variance(-returns, returns) == pytest.approx(-3)
    assert explained_variance(torch.ones(3), torch.ones(3)) == 0
