"""The training loop that all stages but PPO share, and the step that PPO shares too.

A step's loss is the sum over all its micro-batches and processes divided by their weight (trained tokens, pairs), which
is known before the first forward pass. So four micro-batches of one sample give the same step as one of four, and two
processes the same as one, up to floating-point rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from belle.errors import KnownError
from belle.training.engines.engine import TrainingEngine
from belle.training.loop.objective import Objective, StepResult
from belle.training.loop.run import is_due
from belle.training.recipe.schema import Schedule
from belle.training.samples.micro_batch import Batches, MicroBatch

if TYPE_CHECKING:
    from belle.training.loop.run import Run


@dataclass(frozen=True)
class LoopOptions:
    """The keys of a recipe about steps: how many, their learning rate, and what is done between them."""

    epochs: float
    max_steps: int
    accumulation: int
    schedule: Schedule
    learning_rate: float
    min_learning_rate: float
    warmup: float
    log_every: int
    eval_every: int
    sample_every: int
    save_every: int

    def learning_rates(self, total_steps: int) -> Callable[[int], float]:
        """The learning rate of each step of a run of that length."""
        return learning_rates(
            self.schedule,
            peak=self.learning_rate,
            least=self.min_learning_rate,
            warmup=self.warmup,
            total_steps=total_steps,
        )


def optimizer_step(
    engine: TrainingEngine, objective: Objective, micro_batches: Sequence[MicroBatch], learning_rate: float
) -> StepResult:
    """One step over this process's micro-batches.

    Raises KnownError("loss_not_finite") with the rows concerned, before any weight has changed.
    """
    import torch

    # The mean is taken over the trained tokens (or pairs) of the whole step, of all processes. A mean of the means of
    # micro-batches would weigh the tokens of short answers more.
    weights = [0.0 if micro.idle else float(objective.weight(micro.batch)) for micro in micro_batches]
    sizes = torch.tensor([sum(weights), sum(micro.tokens for micro in micro_batches)], dtype=torch.float64)
    weight, tokens = engine.all_sum(sizes).tolist()
    losses, metrics_of_each = [], []
    for number, micro in enumerate(micro_batches):
        with engine.accumulating(last=number == len(micro_batches) - 1):
            loss, metrics = engine.forward(objective.loss, micro.batch.to(engine.device))
            # The other processes wait for the gradients of an idle one: it computes, and adds zero.
            loss = loss * 0 if micro.idle else loss
            engine.backward(loss / max(weight, 1e-9))  # max: a step may have no trained token
        losses.append(loss.detach())
        metrics_of_each.append({name: value * 0 if micro.idle else value for name, value in metrics.items()})
    names = sorted(metrics_of_each[0])
    parts = [losses, *([metrics[name] for metrics in metrics_of_each] for name in names)]
    # On the CPU: Apple's GPUs have no float64.
    own_sums = torch.stack([torch.stack(part).cpu().double().sum() for part in parts])  # [loss and each metric]
    totals = engine.all_sum(own_sums).tolist()
    if not math.isfinite(totals[0]):
        engine.discard()
        wrong = [m.rows for m, loss in zip(micro_batches, losses, strict=True) if not torch.isfinite(loss)]
        raise _not_finite("loss", [row for rows in wrong for row in rows], elsewhere=not wrong)
    norm = engine.step(learning_rate)
    # With loss scaling an infinite norm is expected now and then: the engine skips that step and lowers the scale.
    if not math.isfinite(norm) and not engine.precision.scales_loss:
        raise _not_finite("gradient", [row for micro in micro_batches for row in micro.rows], elsewhere=False)
    means = [total / max(weight, 1e-9) for total in totals]
    return StepResult(means[0], weight, tokens, dict(zip(names, means[1:], strict=True)), norm)


def evaluate(engine: TrainingEngine, objective: Objective, batches: Batches) -> dict[str, float]:
    """The weighted means of `loss` and the objective's metrics over all of `batches`, and the sum of their `weight`.

    The same in every process. The model is in evaluation mode meanwhile, and the weights do not change.
    """
    import torch

    sums: dict[str, float] = {}
    engine.model.eval()
    try:
        with torch.no_grad():
            for micro_batches in _prefetched(batches, 0, 0, batches.steps(0)):
                for micro in micro_batches:
                    loss, metrics = engine.forward(objective.loss, micro.batch.to(engine.device))
                    factor = 0.0 if micro.idle else 1.0
                    values = {"loss": float(loss), **{name: float(value) for name, value in metrics.items()}}
                    values["weight"] = float(objective.weight(micro.batch))
                    for name, value in values.items():
                        sums[name] = sums.get(name, 0.0) + factor * value
    finally:
        engine.model.train()
    names = sorted(sums)
    # In float32 a weight of more than 2²⁴ tokens would not be exact.
    own_sums = torch.tensor([sums[name] for name in names], dtype=torch.float64)
    totals = dict(zip(names, engine.all_sum(own_sums).tolist(), strict=True))
    weight = totals.pop("weight", 0.0)
    return {"weight": weight, **{name: total / max(weight, 1e-9) for name, total in totals.items()}}


def count_steps(options: LoopOptions, batches: Batches) -> int:
    """Optimizer steps of the whole run. Raises KnownError("no_samples") when there is nothing to train on."""
    if batches.steps(0) == 0:
        raise KnownError("no_samples", "No sample is left to train on.", "Look at them with “belle data show”.")
    if options.max_steps:
        return options.max_steps
    whole = int(options.epochs)
    steps = sum(batches.steps(epoch) for epoch in range(whole))
    fraction = options.epochs - whole
    return max(1, steps + (math.ceil(fraction * batches.steps(whole)) if fraction else 0))


def train(
    run: Run,
    engine: TrainingEngine,
    objective: Objective,
    batches: Batches,
    options: LoopOptions,
    *,
    evaluation: Batches | None = None,
    evaluation_bytes: int | None = None,
    write_samples: Callable[[], None] = lambda: None,
) -> None:
    """Train until the last step, from the step that the run has reached.

    Args:
        evaluation: batches whose loss is measured without training on them.
        evaluation_bytes: bytes of text that its trained tokens stand for; with them bits per byte are logged.
        write_samples: lets the model answer some prompts. All processes call it.

    Raises Stopped after a signal (a checkpoint is then written), and KnownError: `loss_not_finite`, and `already_past`
    when the run went on for longer than the recipe now says.
    """
    total = count_steps(options, batches)
    rate = options.learning_rates(total)
    run.begin(total)
    engine.model.train()
    started = monotonic()
    index = run.state.micro_batch // options.accumulation
    for micro_batches in _prefetched(batches, run.state.epoch, index, total - run.state.step):
        lr = rate(run.state.step)
        try:
            result = optimizer_step(engine, objective, micro_batches, lr)
        except KnownError as error:
            raise run.at_this_step(error) from None
        index += 1
        if index >= batches.steps(run.state.epoch):
            run.state.epoch, index = run.state.epoch + 1, 0
        run.state.micro_batch = index * options.accumulation
        run.state.step += 1
        now = monotonic()
        run.count(result, lr, seconds=now - started)
        started = now
        last = run.state.step == total
        if last or is_due(options.log_every, run.state.step):
            run.log_window(run.state.epoch + index / batches.steps(run.state.epoch))
        if evaluation is not None and (last or is_due(options.eval_every, run.state.step)):
            run.log_evaluation(evaluate(engine, objective, evaluation), n_bytes=evaluation_bytes)
        if last or is_due(options.sample_every, run.state.step):
            write_samples()
        run.end_step(last=last, save_every=options.save_every)


def _prefetched(batches: Batches, epoch: int, index: int, count: int) -> Iterator[Sequence[MicroBatch]]:
    """The micro-batches of `count` steps from that position on.

    A thread collates the next step while the caller computes. There is one thread: steps come in their order.
    """
    positions = _positions(batches, epoch, index, count)
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        position = next(positions, None)
        future = pool.submit(batches.step, *position) if position else None
        while future is not None:
            micro_batches = future.result()
            position = next(positions, None)
            future = pool.submit(batches.step, *position) if position else None
            yield micro_batches


def _positions(batches: Batches, epoch: int, index: int, count: int) -> Iterator[tuple[int, int]]:
    """Epoch and index in it of `count` steps."""
    for _ in range(count):
        if index >= batches.steps(epoch):
            epoch, index = epoch + 1, 0
        yield epoch, index
        index += 1


def _not_finite(what: str, rows: Sequence[str], *, elsewhere: bool) -> KnownError:
    where = "another process names the rows" if elsewhere else f"computed from {', '.join(rows) or 'unnamed rows'}"
    return KnownError(
        "loss_not_finite",
        f"The {what} is not a finite number: {where}.",
        "Look at these rows with “belle data show”; lower learning_rate, or use precision: bf16 or fp32.",
        rows=list(rows),
    )


def learning_rates(
    schedule: Schedule, *, peak: float, least: float, warmup: float, total_steps: int
) -> Callable[[int], float]:
    """The learning rate as a function of the step, counted from 0.

    It rises linearly and reaches `peak` at the first step after the warm-up. Then it falls, so that the step after the
    last would have `least` (cosine: Loshchilov and Hutter 2016, “SGDR”, eq. 5 without restarts).

    Args:
        peak: the highest rate.
        least: the rate at the end.
        warmup: steps, or below 1 the share of all steps.
        total_steps: of the whole run.
    """
    warmup_steps = math.ceil(warmup * total_steps) if warmup < 1 else int(warmup)

    def rate(step: int) -> float:
        if step < warmup_steps:
            return peak * (step + 1) / (warmup_steps + 1)
        if schedule == "constant":
            return peak
        progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        factor = 0.5 * (1 + math.cos(math.pi * progress)) if schedule == "cosine" else 1 - progress
        return least + (peak - least) * factor

    return rate
