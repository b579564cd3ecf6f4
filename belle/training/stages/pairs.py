"""Batches of pairs, in which every chosen answer is followed by a rejected one, and a reference's log-probabilities.

At every step DPO needs the log-probabilities of the model before training. A second model in memory would cost as much
as the first one's weights, and a forward pass per step; two numbers per pair, computed once and stored beside the
samples, cost almost nothing. They are computed in the batches of the training itself, so that at the first step policy
and reference agree to the last bit and the loss is ln 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from belle.durable import write_bytes
from belle.errors import KnownError
from belle.training.checkpoints.manifest import file_digest
from belle.training.samples.micro_batch import Batches, MicroBatch

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from belle.training.engines.engine import TrainingEngine
    from belle.training.loop.run import Run
    from belle.training.samples.collate import Batch
    from belle.training.samples.store import SampleSet


@dataclass(frozen=True)
class PairBatch:
    """A batch of pairs with the reference's log-probabilities.

    Args:
        reference: of each row's answer `[2 · pairs]`; None where they are computed at each step, or without a
            reference.
    """

    batch: Batch
    reference: Tensor | None = None

    def to(self, device: torch.device | str) -> PairBatch:
        """The same on a device."""
        return replace(
            self,
            batch=self.batch.to(device),
            reference=None if self.reference is None else self.reference.to(device, non_blocking=True),
        )


def pairs_in(batch: Batch) -> int:
    """The number of pairs in a batch."""
    return int(batch.input_ids.shape[0]) // 2


def chosen_and_rejected(values: Tensor) -> tuple[Tensor, Tensor]:
    """Split values of rows `[2 · pairs]` into those of the chosen and of the rejected answers `[pairs]`."""
    return values[0::2], values[1::2]


def reference_log_probs(
    run: Run, engine: TrainingEngine, samples: SampleSet, batches: Batches, *, steps: int, key: str, writes: bool
) -> NDArray[np.float32]:
    """The reference's log-probabilities of all pairs that the run will see, mapped from disk `[samples, 2]`.

    Computed with the engine's current model, so call it before the first step; a resumed run reads the file that it
    wrote then. All processes call it. The file beside the samples, `KEY.bin`, holds little-endian float32: for each
    sample the value of the chosen and of the rejected answer; NaN where no step of the run needs them.

    Args:
        steps: number of steps, from the first, whose pairs are needed.
        key: the name of the file, and of its digest in the run's checkpoints.
        writes: whether this process writes the file, once per machine.

    Raises KnownError("reference_missing") when the file of a resumed run is missing or differs, and
    KnownError("reference_too_short") when the run is to go on to pairs of which it has none.
    """
    import numpy as np

    path = samples.folder / f"{key}.bin"
    if run.manifest is None:
        run.say("reference: log-probabilities of the model before training")
        values = _compute(engine, samples, batches, steps)
        if writes:
            write_bytes(path, values.astype("<f4").tobytes())
        engine.barrier()
    digest = file_digest(path).sha256 if path.exists() else ""
    if run.manifest is not None and digest not in [entry["sha256"] for entry in run.inputs_before(key)]:
        raise KnownError(
            "reference_missing",
            f"{path} is missing or is not what the run wrote: the reference's log-probabilities are lost.",
            "Restore the file, or start a new run in another output_dir.",
            path=str(path),
        )
    run.inputs[key] = [{"path": str(path), "sha256": digest}]
    log_probs = np.memmap(path, "<f4", "r").reshape(-1, 2)
    if run.manifest is not None:
        _check_covered(engine, log_probs, batches, steps)
    return log_probs


class PairBatches:
    """`Batches` of `belle.training.samples.micro_batch`: those of `batches`, with the reference's log-probabilities.

    Args:
        reference: of all samples `[samples, 2]`; None: without.
    """

    def __init__(self, batches: Batches, reference: NDArray[np.float32] | None) -> None:
        self._batches = batches
        self._reference = reference

    def steps(self, epoch: int) -> int:
        return self._batches.steps(epoch)

    def step(self, epoch: int, index: int) -> Sequence[MicroBatch]:
        return [self._completed(micro) for micro in self._batches.step(epoch, index)]

    def _completed(self, micro: MicroBatch) -> MicroBatch:
        import numpy as np
        import torch

        reference = None
        if self._reference is not None:
            values = np.array(self._reference[micro.batch.samples], np.float32).reshape(-1)
            # An idle process computes a pair that may have no value. Its loss is multiplied by 0, but NaN · 0 is NaN.
            reference = torch.from_numpy(np.nan_to_num(values) if micro.idle else values)
        return replace(micro, batch=PairBatch(micro.batch, reference))


def _check_covered(engine: TrainingEngine, log_probs: NDArray[np.float32], batches: Batches, steps: int) -> None:
    """The model before training is gone when a run is resumed, so what it was not asked then cannot be had any more."""
    import numpy as np
    import torch

    missing, remaining, epoch = 0, steps, 0
    while remaining > 0 and np.isnan(log_probs).any():
        for index in range(min(remaining, batches.steps(epoch))):
            rows = [micro.batch.samples for micro in batches.step(epoch, index) if not micro.idle]
            missing += sum(int(np.isnan(log_probs[samples]).any(axis=1).sum()) for samples in rows)
        remaining -= batches.steps(epoch)
        epoch += 1
    # Each process sees its own pairs; all of them have to end when one does.
    if engine.all_sum(torch.tensor([float(missing)])).item():
        raise KnownError(
            "reference_too_short",
            "The run cannot go on for longer: at its start the reference's log-probabilities were computed for the "
            "steps that it had then.",
            "Resume it with the number of steps it began with, or start a new run in another output_dir.",
            steps=steps,
        )


def _compute(engine: TrainingEngine, samples: SampleSet, batches: Batches, steps: int) -> NDArray[np.float32]:
    """The log-probabilities of all pairs in the first `steps` steps, in the batches of the training `[samples, 2]`."""
    import numpy as np
    import torch

    from belle.training.model.model_loss import sequence_log_probs

    log_probs = np.full((len(samples), 2), np.nan, np.float32)  # [samples, chosen and rejected]
    remaining, epoch = steps, 0
    engine.model.eval()
    with torch.no_grad():
        while remaining > 0 and np.isnan(log_probs).any():
            # The third column counts the processes that computed a pair: over all of them, sum ÷ count is a mean.
            computed = np.zeros((len(samples), 3))  # [samples, 3]
            for index in range(min(remaining, batches.steps(epoch))):
                for micro in batches.step(epoch, index):
                    rows = micro.batch.samples
                    new = not micro.idle and bool(np.isnan(log_probs[rows]).any())
                    # Under ZeRO-3 a forward pass needs all processes: all of them compute, or none.
                    if not engine.all_sum(torch.tensor([float(new)])).item():
                        continue
                    values = engine.forward(sequence_log_probs, micro.batch.to(engine.device))  # [2 · pairs]
                    if new:
                        computed[rows, :2] = values.cpu().view(-1, 2).double().numpy()
                        computed[rows, 2] = 1
            remaining -= batches.steps(epoch)
            epoch += 1
            sums = engine.all_sum(torch.from_numpy(computed)).numpy()
            done = sums[:, 2] > 0
            log_probs[done] = (sums[done, :2] / sums[done, 2:]).astype(np.float32)
    engine.model.train()
    return log_probs
