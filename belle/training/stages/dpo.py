"""Direct preference optimization: from pairs of answers, a model that prefers the answers that people prefer, without a
reward model (Rafailov et al. 2023).

The reference is the model before training. Its log-probabilities of the answers are computed once and stored
(`belle.training.stages.pairs`), so that only one model is in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from belle.errors import KnownError
from belle.training.loop.loop import count_steps
from belle.training.loop.session import TrainingSession, started
from belle.training.model.adapters import is_adapter
from belle.training.recipe.options import DpoOptions
from belle.training.recipe.schema import Recipe
from belle.training.samples.micro_batch import Batches
from belle.training.stages.pairs import PairBatch, PairBatches, chosen_and_rejected, pairs_in, reference_log_probs

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from belle.training.samples.store import SampleSet


def run(recipe: Recipe) -> None:
    """Train as the recipe says and write `final/`. Raises KnownError and `interrupts.Stopped`."""
    options = recipe.dpo or DpoOptions()
    if options.reference == "adapter" and recipe.model is not None:
        _refuse_used_adapter(recipe.model)
    with started(recipe) as session:
        samples, held_out = session.data.samples(), session.data.held_out_samples()
        session.open_engine()
        batches = _with_reference(session, samples, options, key="reference", shuffle=True)
        evaluation = None
        if held_out is not None:
            evaluation = _with_reference(session, held_out, options, key="eval_reference", shuffle=False)
        session.train(DirectPreference(options), batches, evaluation)
        session.write_final()


class DirectPreference:
    """Implements `belle.training.loop.objective.Objective`, per pair.

    With h = log π(chosen) − log π_ref(chosen) − (log π(rejected) − log π_ref(rejected)):

    - sigmoid (Rafailov et al. 2023, eq. 7; with smoothing ε: Mitchell 2023, “A note on DPO with noisy preferences”):
      −(1 − ε) log σ(β h) − ε log σ(−β h)
    - ipo (Azar et al. 2023, eq. 17): (h − 1 / 2β)², with log-probabilities per token, so that the target does not
      depend on the length of the answers
    - hinge (SLiC-HF, Zhao et al. 2023): max(0, 1 − β h)

    plus `sft_weight` times −log π(chosen) per token (Pang et al. 2024).
    """

    def __init__(self, options: DpoOptions) -> None:
        self._options = options

    def weight(self, batch: PairBatch) -> float:
        return pairs_in(batch.batch)

    def loss(self, model: torch.nn.Module, batch: PairBatch) -> tuple[Tensor, Mapping[str, Tensor]]:
        import torch

        from belle.prompts.encoding import UNTRAINED
        from belle.training.model.adapters import without_adapter
        from belle.training.model.model_loss import sequence_log_probs

        options = self._options
        reference = batch.reference
        if options.reference == "adapter":
            with torch.no_grad(), without_adapter(model):  # the base is the model before training
                reference = sequence_log_probs(model, batch.batch)
        log_probs = sequence_log_probs(model, batch.batch)  # [2 · pairs], alternately chosen and rejected
        log_ratio = log_probs if reference is None else log_probs - reference  # [2 · pairs]
        lengths = (batch.batch.labels != UNTRAINED).sum(dim=1)  # [2 · pairs], tokens of the answer
        chosen, rejected = chosen_and_rejected(log_ratio / lengths if options.loss == "ipo" else log_ratio)
        losses = preference_losses(chosen - rejected, options)
        if options.sft_weight:
            likelihood, _ = chosen_and_rejected(log_probs / lengths)
            losses = losses - options.sft_weight * likelihood
        chosen, rejected = chosen_and_rejected(options.beta * log_ratio.detach())  # the implicit rewards
        log_prob_chosen, log_prob_rejected = chosen_and_rejected(log_probs.detach())
        metrics = {
            "rewards/chosen": chosen.sum(),
            "rewards/rejected": rejected.sum(),
            "rewards/margins": (chosen - rejected).sum(),
            "rewards/accuracies": (chosen > rejected).float().sum(),
            "logps/chosen": log_prob_chosen.sum(),
            "logps/rejected": log_prob_rejected.sum(),
        }
        return losses.sum(), metrics


def preference_losses(margins: Tensor, options: DpoOptions) -> Tensor:
    """The losses for the h (`margins`) of `DirectPreference`, without the likelihood term `[pairs]`."""
    from torch.nn.functional import logsigmoid

    scaled = options.beta * margins
    if options.loss == "ipo":
        return (margins - 1 / (2 * options.beta)).square()
    if options.loss == "hinge":
        return (1 - scaled).clamp(min=0)
    smoothing = options.label_smoothing
    losses = -(1 - smoothing) * logsigmoid(scaled)
    return losses - smoothing * logsigmoid(-scaled) if smoothing else losses


def _with_reference(
    session: TrainingSession, samples: SampleSet, options: DpoOptions, *, key: str, shuffle: bool
) -> Batches:
    """The batches of `samples`, with the reference's log-probabilities where these are stored."""
    batches = session.data.batches(samples, session.engine, shuffle=shuffle)
    if options.reference != "cache":
        return PairBatches(batches, None)
    steps = count_steps(session.loop, batches) if shuffle else batches.steps(0)
    log_probs = reference_log_probs(
        session.run, session.engine, samples, batches, steps=steps, key=key, writes=session.data.is_first_here
    )
    return PairBatches(batches, log_probs)


def _refuse_used_adapter(model: str) -> None:
    if is_adapter(Path(model)):
        raise KnownError(
            "reference_unsupported",
            f"dpo.reference: adapter would compare with the base of {model}, not with the model before training.",
            "Leave it at cache.",
            model=model,
        )
