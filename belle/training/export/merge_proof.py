"""The proof of a merge: the same prompts through both models, and how far their predictions or scores lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from belle.errors import KnownError

if TYPE_CHECKING:
    from torch import Tensor

_WRONG_KL = 0.05
"""Rounding to bf16 moves predictions by a thousandth of this."""
_WRONG_SHARE = 0.2
"""Of the standard deviation of logits or scores. Rounding to bf16 moves them by a hundredth of it, another head or a
wrong configuration by about all of it; where predictions are nearly uniform, divergence alone would not show that."""


@dataclass(frozen=True)
class MergeProof:
    """How the predictions of the merged model differ from those of base plus adapter.

    Args:
        positions: predicted tokens that were compared.
        max_difference: largest difference of two logits.
        mean_kl: Kullback-Leibler divergence of the merged model from the other, in nats, mean of the positions.
        top_agreement: share of positions with the same likeliest token.
        scores: it is a model that gives scores and no predictions; `mean_kl` and `top_agreement` mean nothing.
        spread: standard deviation of the outputs of base plus adapter.
        difference: root mean square of how much the merged model's differ from them.
    """

    positions: int
    max_difference: float
    mean_kl: float
    top_agreement: float
    scores: bool = False
    spread: float = 0.0
    difference: float = 0.0

    @property
    def is_wrong(self) -> bool:
        """Whether the difference is more than rounding."""
        alike = self.difference <= _WRONG_SHARE * self.spread
        return not (alike and (self.scores or self.mean_kl <= _WRONG_KL))

    def in_words(self) -> str:
        """One line."""
        if self.scores:
            return (
                f"scores differ by at most {self.max_difference:.2g} at {self.positions} positions, where they spread "
                f"by {self.spread:.2g}"
            )
        return (
            f"logits differ by at most {self.max_difference:.2g}, KL divergence {self.mean_kl:.2g}, the same likeliest "
            f"token at {self.top_agreement:.1%} of {self.positions} positions"
        )


def outputs_of(model: Any, tokenizer: Any, prompts: Sequence[str]) -> list[Tensor]:
    """The outputs of a model after each token of each prompt, in fp32; empty prompts are left out.

    Returns logits `[n_tokens, n_vocab]`, or the scores of a reward model `[n_tokens, n_labels]`.
    """
    import torch

    from belle.training.model.model_loss import causal_model

    whole = causal_model(model)
    head = getattr(whole, "score", None)

    model.eval()
    outputs: list[Tensor] = []
    with torch.no_grad():
        for prompt in prompts:
            ids = tokenizer(prompt, add_special_tokens=True, return_tensors="pt")["input_ids"]
            if ids.shape[1]:
                if head is None:
                    outputs.append(model(input_ids=ids, use_cache=False).logits[0].float())
                else:  # transformers' own forward pass returns the last token's score only
                    outputs.append(head(whole.base_model(input_ids=ids, use_cache=False)[0])[0].float())
    return outputs


def prove(before: Sequence[Tensor], after: Sequence[Tensor], *, scores: bool = False) -> MergeProof:
    """Compare the outputs of the same prompts, in the same order. Raises KnownError("merge_wrong") for other shapes."""
    import torch

    if [part.shape for part in after] != [part.shape for part in before]:
        raise KnownError("merge_wrong", "The merged model has other tokens or labels than base plus adapter.")
    ours, theirs = torch.cat(list(after)), torch.cat(list(before))  # [positions, n_vocab or n_labels]
    p, q = theirs.double().log_softmax(-1), ours.double().log_softmax(-1)
    divergence = (p.exp() * (p - q)).sum(-1)  # D(p ‖ q) in nats [positions]
    return MergeProof(
        positions=len(ours),
        max_difference=float((ours - theirs).abs().max()),
        mean_kl=float(divergence.mean().clamp(min=0)),
        top_agreement=float((ours.argmax(-1) == theirs.argmax(-1)).double().mean()),
        scores=scores,
        spread=float(theirs.std()),
        difference=float((ours - theirs).double().square().mean().sqrt()),
    )
