"""Batches of pairs, in which every chosen answer is followed by a rejected one, and what a reference thinks of them.

DPO needs the log-probabilities that the model gave every answer before it was trained, at every step. A second model in
memory would cost as much as the first one's weights, and a forward pass each time; two numbers per pair, computed once
and kept beside the samples on disk, cost nothing. They are made in the batches of the training itself, so that at the
first step policy and reference agree to the last bit and the loss is ln 2.
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
    """A batch of pairs with what the reference thinks of them.

    Args:
        reference: log-probability of each row's answer `[2 · pairs]`; None where it is computed at each step, or
            there is none.
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
    """How many pairs there are."""
    return int(batch.input_ids.shape[0]) // 2


def chosen_and_rejected(values: Tensor) -> tuple[Tensor, Tensor]:
    """A figure of every row `[2 · pairs]`, as that of the chosen and of the rejected answers `[pairs]`."""
    return values[0::2], values[1::2]


def reference_log_probs(
    run: Run, engine: TrainingEngine, samples: SampleSet, batches: Batches, *, steps: int, key: str, writes: bool
) -> NDArray[np.float32]:
    """The reference's log-probabilities of all pairs that the run will see, mapped from disk `[samples, 2]`.

    Made of the engine's model as it stands, so before the first step; a resumed run finds what it made then. All
    processes call it. The file beside the samples, `KEY.bin`, holds float32, little-endian: the chosen answer's and
    the rejected one's; NaN where no step of the run needs them.

    Args:
        steps: of the run that are looked at, from its beginning.
        key: names the file, and under it the run remembers the file's digest.
        writes: whether this process writes the file, for all of its machine.

    Raises KnownError("reference_missing") when a resumed run does not find its file, or another.
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
    if run.manifest is not None and digest not in [e["sha256"] for e in run.manifest.extra["inputs"].get(key, [])]:
        raise KnownError(
            "reference_missing",
            f"{path} is not what the run wrote: what the model thought of the answers before training is lost.",
            "Restore the file, or start a new run in another output_dir.",
            path=str(path),
        )
    run.inputs[key] = [{"path": str(path), "sha256": digest}]
    return np.memmap(path, "<f4", "r").reshape(-1, 2)


class PairBatches:
    """`Batches` of `belle.training.samples.micro_batch`: those of `batches`, with the reference's log-probabilities.

    Args:
        reference: of all samples `[samples, 2]`; None: none.
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
            # An idle process computes a pair that the run may never come to.
            reference = torch.from_numpy(np.nan_to_num(values) if micro.idle else values)
        return replace(micro, batch=PairBatch(micro.batch, reference))


def _compute(engine: TrainingEngine, samples: SampleSet, batches: Batches, steps: int) -> NDArray[np.float32]:
    """Walk through the batches of so many steps and compute those with a pair that was not seen before."""
    import numpy as np
    import torch

    from belle.training.model.model_loss import sequence_log_probs

    known = np.full((len(samples), 2), np.nan, np.float32)  # [samples, chosen and rejected]
    left, epoch = steps, 0
    engine.model.eval()
    with torch.no_grad():
        while left > 0 and np.isnan(known).any():
            # The third column counts the processes that computed the pair: the sum over all of them is a mean then.
            computed = np.zeros((len(samples), 3))  # [samples, 3]
            for index in range(min(left, batches.steps(epoch))):
                for micro in batches.step(epoch, index):
                    rows = micro.batch.samples
                    new = not micro.idle and bool(np.isnan(known[rows]).any())
                    # Where weights are spread over processes, all of them compute or none.
                    if not engine.all_sum(torch.tensor([float(new)])).item():
                        continue
                    values = engine.forward(sequence_log_probs, micro.batch.to(engine.device))  # [2 · pairs]
                    if new:
                        computed[rows, :2] = values.cpu().view(-1, 2).double().numpy()
                        computed[rows, 2] = 1
            left -= batches.steps(epoch)
            epoch += 1
            sums = engine.all_sum(torch.from_numpy(computed)).numpy()
            seen = sums[:, 2] > 0
            known[seen] = (sums[seen, :2] / sums[seen, 2:]).astype(np.float32)
    engine.model.train()
    return known
