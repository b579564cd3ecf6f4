"""The proof of a merge: the same prompts through both models, and how far their predictions lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_WRONG_KL = 0.05
"""Rounding to bf16 moves predictions by a thousandth of this."""


@dataclass(frozen=True)
class Proof:
    """How the merged model predicts, next to base plus adapter.

    Args:
        positions: predicted tokens that were compared.
        max_difference: largest difference of two logits.
        mean_kl: Kullback-Leibler divergence of the merged model from the other, in nats, mean of the positions.
        top_agreement: share of positions with the same likeliest token.
    """

    positions: int
    max_difference: float
    mean_kl: float
    top_agreement: float

    @property
    def is_wrong(self) -> bool:
        """Whether this is more than rounding."""
        return not self.mean_kl <= _WRONG_KL

    def in_words(self) -> str:
        """One line."""
        return (
            f"logits differ by at most {self.max_difference:.2g}, KL divergence {self.mean_kl:.2g}, the same likeliest "
            f"token at {self.top_agreement:.1%} of {self.positions} positions"
        )


def logits_of(model: Any, tokenizer: Any, prompts: Sequence[str]) -> list[Tensor]:
    """The logits `[n_tokens, n_vocab]` of each prompt, in fp32. Empty prompts are left out."""
    import torch

    model.eval()
    found: list[Tensor] = []
    with torch.no_grad():
        for prompt in prompts:
            ids = tokenizer(prompt, add_special_tokens=True, return_tensors="pt")["input_ids"]
            if ids.shape[1]:
                found.append(model(input_ids=ids, use_cache=False).logits[0].float())
    return found


def prove(before: Sequence[Tensor], after: Sequence[Tensor]) -> Proof:
    """Compare the logits of the same prompts, in the same order."""
    import torch

    ours, theirs = torch.cat(list(after)), torch.cat(list(before))
    p, q = theirs.double().log_softmax(-1), ours.double().log_softmax(-1)
    divergence = (p.exp() * (p - q)).sum(-1)
    return Proof(
        positions=len(ours),
        max_difference=float((ours - theirs).abs().max()),
        mean_kl=float(divergence.mean().clamp(min=0)),
        top_agreement=float((ours.argmax(-1) == theirs.argmax(-1)).double().mean()),
    )
