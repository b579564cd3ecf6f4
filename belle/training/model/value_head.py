"""PPO's model: the policy, which writes answers, and the value function, which predicts their reward.

The values come from a head of one number on the policy's last layer, which costs nothing, or from a model of its own,
whose loss does not change the policy's layers (InstructGPT, Ouyang et al. 2022, starts it from the reward model).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from belle.training.model.loss import log_probs_of, selected_log_probs, trained_positions
from belle.training.model.model_loss import causal_model, full_logits_reason
from belle.training.model.reward_model import apply_head, score_head

if TYPE_CHECKING:
    from belle.training.samples.collate import Batch

_POLICY = "policy."


@dataclass(frozen=True)
class TokenFigures:
    """The model's figures of each trained token of a batch, row after row, in fp32 `[tokens]`.

    Args:
        log_probs: of the token.
        values: of the text before the token.
        entropy: of the distribution that the token was drawn from, in nats; None where it is not wanted.
    """

    log_probs: Tensor
    values: Tensor
    entropy: Tensor | None = None


class PolicyWithValue(nn.Module):  # type: ignore[misc]
    """A causal language model with values.

    Args:
        policy: transformers' or peft's model.
        value_model: a model for sequence classification with one label, whose score at every token is the value; None:
            a new head on the policy's last hidden states, which gives 0 at first.
    """

    def __init__(self, policy: Any, value_model: Any | None = None) -> None:
        super().__init__()
        self.policy = policy
        self.value_model = value_model
        self.value_head: nn.Linear | None = None
        if value_model is None:
            width = policy.config.get_text_config().hidden_size
            self.value_head = nn.Linear(width, 1)
            nn.init.zeros_(self.value_head.weight)
            nn.init.zeros_(self.value_head.bias)

    @property
    def config(self) -> Any:
        """The policy's."""
        return self.policy.config

    def generate(self, *arguments: Any, **options: Any) -> Any:
        """The policy's."""
        return self.policy.generate(*arguments, **options)

    def policy_weights(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The policy's weights among those of the whole model, under their names in the policy."""
        return {name.removeprefix(_POLICY): value for name, value in weights.items() if name.startswith(_POLICY)}

    def figures(self, batch: Batch, *, temperature: float, with_entropy: bool = False) -> TokenFigures:
        """Log-probabilities and values of the trained tokens of `batch`, which is on the model's device.

        Args:
            temperature: the logits are divided by it.
            with_entropy: the entropy too, without gradient.
        """
        states, log_probs, entropy = _read(self.policy, batch, temperature, with_entropy)
        if self.value_model is not None:
            values = _values_of_model(self.value_model, batch)
        else:
            assert self.value_head is not None
            values = apply_head(self.value_head, states)
        return TokenFigures(log_probs, values, entropy)


def policy_log_probs(policy: Any, batch: Batch, *, temperature: float) -> Tensor:
    """The log-probability of each trained token, row after row, in fp32 `[tokens]`."""
    return _read(policy, batch, temperature, False)[1]


def _read(policy: Any, batch: Batch, temperature: float, with_entropy: bool) -> tuple[Tensor, Tensor, Tensor | None]:
    """The hidden states that predict trained tokens `[tokens, hidden_size]`, and log-probabilities and entropies."""
    causal = causal_model(policy)
    where, targets = trained_positions(batch.labels)
    if full_logits_reason(policy):
        output = causal(**batch.inputs(), output_hidden_states=True)
        states = _at(output.hidden_states[-1], where)
        logits = _at(output.logits, where)
        log_probs = log_probs_of(logits, targets, temperature=temperature)
        entropy = _entropy(lambda part: logits[part], len(targets), temperature) if with_entropy else None
    else:
        states = _at(causal.base_model(**batch.inputs())[0], where)
        head = causal.get_output_embeddings()
        log_probs = selected_log_probs(states, head, targets, temperature=temperature)
        entropy = _entropy(lambda part: head(states[part]), len(targets), temperature) if with_entropy else None
    return states, log_probs, entropy


def _at(states: Tensor, where: Tensor) -> Tensor:
    return states.reshape(-1, states.shape[-1]).index_select(0, where)


def _values_of_model(model: Any, batch: Batch) -> Tensor:
    whole = causal_model(model)
    states = whole.base_model(**batch.inputs())[0]
    where, _ = trained_positions(batch.labels)
    return apply_head(score_head(whole), _at(states, where))


def _entropy(logits_of: Any, count: int, temperature: float, chunk: int = 256) -> Tensor:
    """H = −Σ p log p at each position, a chunk at a time, without gradient `[positions]`."""
    parts = []
    with torch.no_grad():
        for start in range(0, count, chunk):
            log_p = torch.log_softmax(logits_of(slice(start, start + chunk)).float() / temperature, dim=-1)
            parts.append(-(log_p.exp() * log_p).sum(-1))
    return torch.cat(parts) if parts else torch.zeros(0)
