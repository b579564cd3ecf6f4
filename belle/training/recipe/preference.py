"""What a recipe says about learning from preferences: `stage: reward`, `dpo` and `ppo`, keys of the same names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from belle.training.recipe.fields import FieldError

DpoLoss = Literal["sigmoid", "ipo", "hinge"]
ReferenceSource = Literal["cache", "adapter", "none"]


@dataclass(frozen=True)
class RewardOptions:
    """The key `reward` of a recipe: a model that scores answers."""

    margin: float = 0.0
    """By how much a chosen answer must beat the rejected one before its loss gets small (Llama 2, Touvron et al.)."""

    center: float = 0.0
    """Weight of (sum of both scores)², which keeps scores around 0 (Eisenstein et al. 2023); 0.01 is usual."""

    def __post_init__(self) -> None:
        _at_least(self, 0, "margin", "center")


@dataclass(frozen=True)
class DpoOptions:
    """The key `dpo` of a recipe: direct preference optimization (DPO, Rafailov et al. 2023)."""

    beta: float = 0.1
    """Strength of the pull towards the reference model (BELLE: 0.1)."""

    loss: DpoLoss = "sigmoid"
    """sigmoid: DPO itself; ipo: a target for the margin instead of an endless pull (Azar et al. 2023); hinge: no more
    pull behind a margin of 1 / beta (SLiC, Zhao et al. 2023)."""

    label_smoothing: float = 0.0
    """The share of pairs that are taken to be the wrong way round (cDPO, Mitchell 2023); only with sigmoid."""

    reference: ReferenceSource = "cache"
    """cache: log-probabilities of the model before training, computed once and kept on disk, so that no second model
    is in memory; adapter: computed at each step with the adapter switched off (`lora`); none: without a reference."""

    sft_weight: float = 0.0
    """Weight of the negative log-likelihood of the chosen answer, per token (RPO, Pang et al. 2024); 1 is usual."""

    def __post_init__(self) -> None:
        _above(self, 0, "beta")
        _at_least(self, 0, "sft_weight")
        if not 0 <= self.label_smoothing < 0.5:
            raise FieldError("label_smoothing", "must be from 0 to below 0.5")
        if self.label_smoothing and self.loss != "sigmoid":
            raise FieldError("label_smoothing", f"has no meaning with loss: {self.loss}", "Leave it out.")


@dataclass(frozen=True)
class PpoOptions:
    """The key `ppo` of a recipe: reinforcement learning on a reward (PPO, Schulman et al. 2017; Ouyang et al. 2022).

    One step of the run is one batch: `rollouts` answers are written and scored, then trained on in minibatches of
    `batch_size` × `accumulation` × processes, `epochs` times over.
    """

    reward_model: Path | None = None
    """What scores answers: the final folder of a reward model, or the recipe (.yaml) that makes it."""

    reward_function: str | None = None
    """Or a rule: `length:N` (answers of N characters), `contains:TEXT`, `matches:REGEX`."""

    value_model: Path | None = None
    """A separate model to estimate values, started from this folder or recipe (often the reward model); null: a head
    on the policy's own last layer."""

    rollouts: int = 32
    """Answers in a batch, of all processes together (BELLE: 32 for each)."""

    generation_batch: int = 16
    """Answers that one process writes at once."""

    epochs: int = 2
    """How often each batch is trained on (BELLE: 2)."""

    max_new_tokens: int = 128
    """Length of an answer at most (BELLE: 32 to 128); prompts that leave no room for it in `max_length` are dropped."""

    temperature: float = 1.0
    """Of the answers, and of the probabilities that are trained."""

    top_k: int = 0
    """Answers are made of the so many likeliest tokens; 0: of all (BELLE: 0)."""

    top_p: float = 1.0
    """Answers are made of the likeliest tokens that together have this probability (BELLE: 1)."""

    kl_coefficient: float = 0.2
    """Penalty for each token's distance from the reference model, at the beginning (BELLE: 0.2)."""

    kl_target: float | None = 6.0
    """The distance per answer, in nats, that the coefficient is steered to (Ziegler et al. 2019); null: fixed."""

    kl_horizon: float = 10000.0
    """Over how many answers the coefficient is steered."""

    stop_kl: float | None = 0.1
    """A batch is trained on no further when the policy moved 1.5 times so far from its beginning, per token (BELLE:
    0.1); null: always to the end."""

    gamma: float = 1.0
    """Discount of later rewards."""

    lam: float = 0.95
    """Generalized advantage estimation: 0 trusts the values, 1 the rewards (Schulman et al. 2015)."""

    clip: float = 0.2
    """How far a token's probability ratio may move the loss."""

    value_clip: float = 0.2
    """How far a value may move the loss; 0: any distance."""

    value_weight: float = 0.1
    """Of the values' loss."""

    whiten_advantages: bool = True
    """Shift and scale the advantages of a batch to mean 0 and variance 1."""

    normalize_scores: bool = False
    """Shift and scale scores by the mean and deviation of all so far."""

    score_clip: float = 0.0
    """Scores (after that) are cut off at this distance from 0; 0: never."""

    missing_eos_penalty: float = 0.0
    """Taken off the score of an answer that does not come to an end."""

    def __post_init__(self) -> None:
        if self.reward_model is not None and self.reward_function is not None:
            raise FieldError("reward_function", "and “reward_model” exclude each other", "Leave one of them out.")
        _at_least(self, 1, "rollouts", "generation_batch", "epochs", "max_new_tokens")
        _above(self, 0, "temperature", "kl_horizon", "clip")
        _at_least(self, 0, "top_k", "kl_coefficient", "value_clip", "value_weight", "score_clip", "missing_eos_penalty")
        for name in ("top_p", "gamma", "lam"):
            if not 0 <= getattr(self, name) <= 1:
                raise FieldError(name, "must be from 0 to 1")
        for name in ("kl_target", "stop_kl"):
            if getattr(self, name) is not None:
                _above(self, 0, name)


def _at_least(options: object, least: float, *names: str) -> None:
    for name in names:
        if getattr(options, name) < least:
            raise FieldError(name, f"must be at least {least}")


def _above(options: object, bound: float, *names: str) -> None:
    for name in names:
        if getattr(options, name) <= bound:
            raise FieldError(name, f"must be above {bound}")
