"""A batch of answers with all that training on it needs: log-probabilities, values, rewards, advantages, minibatches.

All processes hold the whole batch, which is small (a few numbers per token), so that means and minibatches are those of
all processes together. Only the forward passes are divided among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from belle.training.model.value_head import TokenFigures
from belle.training.ppo.advantages import advantages_and_returns, explained_variance, whiten
from belle.training.ppo.loss import PpoBatch
from belle.training.ppo.rollout import Dialogues
from belle.training.samples.batching import EpochPlan
from belle.training.samples.collate import Batch, collate
from belle.training.samples.micro_batch import MicroBatch

if TYPE_CHECKING:
    from belle.training.engines.engine import TrainingEngine
    from belle.training.recipe.options import PpoOptions

Reference = Callable[[Batch], Tensor]
"""The reference's log-probabilities of a batch's trained tokens, row after row `[tokens]`."""


@dataclass(frozen=True)
class Minibatches:
    """How a batch is cut into minibatches, the same way in all processes.

    Args:
        batch_size: answers of a micro-batch.
        accumulation: micro-batches of one process in a minibatch.
    """

    batch_size: int
    accumulation: int
    rank: int
    world_size: int
    seed: int

    @property
    def size(self) -> int:
        """Answers in a minibatch, of all processes."""
        return self.batch_size * self.accumulation * self.world_size

    def plan(self, count: int, step: int, epoch: int) -> EpochPlan:
        """This process's micro-batches of `count` answers, in the order of that step and epoch."""
        order = np.random.Generator(np.random.PCG64([self.seed, step, epoch])).permutation(count)
        return EpochPlan(order, np.arange(count + 1), self.batch_size, self.rank, self.world_size)


@dataclass(frozen=True)
class Experience:
    """A batch of answers with everything that training on it needs. Figures of tokens are `[answers, length]`.

    Args:
        scores: of the answers, as the reward gave them `[answers]`.
        log_probs, values, entropy: of the model when it wrote the answers.
        reference: log-probabilities of the reference model.
        advantages, returns: see `belle.training.ppo.advantages`.
    """

    dialogues: Dialogues
    scores: Tensor
    log_probs: Tensor
    values: Tensor
    entropy: Tensor
    reference: Tensor
    advantages: Tensor
    returns: Tensor

    def minibatches(self, cut: Minibatches, step: int, epoch: int, pad_id: int) -> Iterator[list[MicroBatch]]:
        """This process's part of each minibatch, in one pass over the answers."""
        plan = cut.plan(len(self.scores), step, epoch)
        for start in range(0, len(plan), cut.accumulation):
            yield [self._micro_batch(plan[k], pad_id) for k in range(start, start + cut.accumulation)]

    def figures(self) -> dict[str, float]:
        """The figures of the batch for the log."""
        mask = self.dialogues.answers.mask
        lengths = self.dialogues.answers.lengths.double()
        return {
            "reward": float(self.scores.mean()),
            "reward_std": float(self.scores.std(correction=0)),
            "kl": self.kl,
            "entropy": float(self.entropy[mask].mean()),
            "explained_variance": explained_variance(self.values[mask], self.returns[mask]),
            "value": float(self.values[mask].mean()),
            "return": float(self.returns[mask].mean()),
            "answer_length": float(lengths.mean()),
            "finished": float(self.dialogues.answers.finished.double().mean()),
        }

    @property
    def kl(self) -> float:
        """The mean over answers of Σ log π − log π_reference, in nats: an estimate of KL(π ‖ π_reference)."""
        return float((self.log_probs - self.reference).double().sum(dim=1).mean())

    def _micro_batch(self, rows: Sequence[Sequence[int]], pad_id: int) -> MicroBatch:
        numbers = [row[0] for row in rows]
        mask = self.dialogues.answers.mask[numbers]
        batch = collate(self.dialogues, rows, pad_id=pad_id)
        parts = {name: getattr(self, name)[numbers][mask] for name in ("log_probs", "values", "advantages", "returns")}
        return MicroBatch(PpoBatch(batch, **parts), [f"answer {n}" for n in numbers], tokens=batch.tokens)


def token_tables(
    engine: TrainingEngine,
    dialogues: Dialogues,
    plan: EpochPlan,
    reference: Reference,
    *,
    temperature: float,
    pad_id: int,
) -> Mapping[str, Tensor]:
    """`log_probs`, `values`, `entropy` and `reference` of the answers' tokens, 0 behind their ends `[answers, length]`.

    All processes call it, each with the micro-batches of its `plan`. Where training starts with the same micro-batches,
    policy and old policy agree in them to the last bit.
    """
    mask = dialogues.answers.mask
    tables = torch.zeros(4, *mask.shape, dtype=torch.float64)  # [4, answers, length]
    training = engine.model.training
    engine.model.eval()
    with torch.no_grad():
        for k in range(len(plan)):
            numbers = [row[0] for row in plan[k]]
            batch = collate(dialogues, plan[k], pad_id=pad_id).to(engine.device)
            figures: TokenFigures = engine.forward(_figures, batch, temperature)
            for table, values in zip(
                tables, (figures.log_probs, figures.values, figures.entropy, reference(batch)), strict=True
            ):
                rows = torch.zeros(len(numbers), mask.shape[1], dtype=torch.float64)
                rows[mask[numbers]] = values.cpu().double()
                table[numbers] = rows
    engine.model.train(training)
    whole = engine.all_sum(tables).float()  # every answer is in one process's plan, and 0 in the others'
    return dict(zip(("log_probs", "values", "entropy", "reference"), whole, strict=True))


def rewarded(
    dialogues: Dialogues,
    scores: Tensor,
    shaped: Tensor,
    tables: Mapping[str, Tensor],
    *,
    options: PpoOptions,
    kl_coefficient: float,
) -> Experience:
    """The batch with its rewards: a KL penalty per token, and the score at the last one (Ziegler et al. 2019, eq. 2).

        r_t = −β (log π(t) − log π_reference(t)) + [t is the last] score

    Args:
        scores, shaped: as the reward gave them, and as they are trained on `[answers]`.
        tables: from `token_tables`.
    """
    mask, lengths = dialogues.answers.mask, dialogues.answers.lengths
    rewards = -kl_coefficient * (tables["log_probs"] - tables["reference"])
    rewards[torch.arange(len(lengths)), lengths - 1] += shaped.float()
    advantages, returns = advantages_and_returns(rewards, tables["values"], mask, gamma=options.gamma, lam=options.lam)
    if options.whiten_advantages:
        advantages = whiten(advantages, mask)
    return Experience(dialogues, scores, advantages=advantages, returns=returns, **tables)


def _figures(model: Any, batch: Batch, temperature: float) -> TokenFigures:
    figures: TokenFigures = model.figures(batch, temperature=temperature, with_entropy=True)
    return figures
