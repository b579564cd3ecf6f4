"""From samples to the tensors of one batch.

There is no attention mask, so attention can use its fastest kernels. Sequences stand at the left of their row, so the
causal mask alone hides the padding; and packed sequences are separated by positions that begin again at 0, which
transformers recognises only when it gets no mask and keeps no cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from belle.prompts.encoding import UNTRAINED

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

Layout = Literal["rows", "blocks", "flat"]


class Sequences(Protocol):
    """Where the tokens come from: `belle.training.samples.store.SampleSet`."""

    def sequences(self, sample: int) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
        """Token ids and whether they are trained: one sequence, or two for a preference pair (chosen, rejected)."""
        ...


@dataclass(frozen=True)
class Batch:
    """What a model computes at once.

    Args:
        input_ids: `[rows, length]`.
        labels: the ids where the loss is computed, -100 elsewhere; not shifted `[rows, length]`.
        position_ids: within each sequence, `[rows, length]`; None when every row is one sequence.
        samples: their numbers, in the order of the sequences. A preference pair gives two rows: even rows are chosen
            answers, odd rows rejected ones.
        tokens: of all sequences, without padding.
        trained_tokens: labels that are not -100.
        kernel: further arguments for attention kernels that take sequences of any lengths.
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    position_ids: torch.Tensor | None
    samples: list[int]
    tokens: int
    trained_tokens: int
    kernel: dict[str, Any] = field(default_factory=dict)

    def to(self, device: torch.device | str) -> Batch:
        """This batch on a device."""

        def moved(value: Any) -> Any:
            return value.to(device, non_blocking=True) if hasattr(value, "to") else value

        return replace(
            self,
            input_ids=moved(self.input_ids),
            labels=moved(self.labels),
            position_ids=moved(self.position_ids),
            kernel={name: moved(value) for name, value in self.kernel.items()},
        )

    def inputs(self) -> dict[str, Any]:
        """The arguments of the model. With a cache, transformers would not keep packed sequences apart."""
        positions = {} if self.position_ids is None else {"position_ids": self.position_ids}
        return {"input_ids": self.input_ids, "use_cache": False, **positions, **self.kernel}


def layout_of(mode: str, attention: str) -> Layout:
    """How the rows of a plan are laid out, for a batching mode and an attention implementation of transformers'.

    Flash attention takes one long row with all sequences; the others build a mask of length × length for each row, so
    each block stays a row of its own.
    """
    if mode != "pack":
        return "rows"
    return "flat" if "flash" in attention else "blocks"


def collate(
    source: Sequences, rows: Sequence[Sequence[int]], *, pad_id: int, layout: Layout = "rows", multiple: int = 1
) -> Batch:
    """The tensors for one entry of an `EpochPlan`.

    Args:
        rows: sample numbers per row; several in a row need the layout `blocks` or `flat`.
        pad_id: the padding token; never trained.
        layout: rows: one sequence each; blocks: several; flat: all of them in one row.
        multiple: the length is rounded up to a multiple of this (8 suits tensor cores).
    """
    samples = [sample for row in rows for sample in row]
    if layout == "rows":
        lines = [[sequence] for sample in samples for sequence in source.sequences(sample)]
    else:
        lines = [[sequence for sample in row for sequence in source.sequences(sample)] for row in rows]
        if layout == "flat":
            lines = [[sequence for line in lines for sequence in line]]
    return _tensors(lines, samples, pad_id, layout, multiple)


def _tensors(
    lines: list[list[tuple[NDArray[np.int32], NDArray[np.bool_]]]],
    samples: list[int],
    pad_id: int,
    layout: Layout,
    multiple: int,
) -> Batch:
    import numpy as np
    import torch

    used = [sum(len(ids) for ids, _ in line) for line in lines]
    length = -(-max(used, default=1) // multiple) * multiple  # rounded up
    ids = np.full((len(lines), length), pad_id, np.int64)  # [rows, length], as are labels and positions
    labels = np.full((len(lines), length), UNTRAINED, np.int64)
    positions = np.zeros((len(lines), length), np.int64)
    for number, line in enumerate(lines):
        at = 0
        for tokens, trained in line:
            end = at + len(tokens)
            ids[number, at:end] = tokens
            labels[number, at:end] = np.where(trained, tokens, UNTRAINED)
            # Nothing stands before a sequence that could predict its first token.
            labels[number, at] = UNTRAINED
            positions[number, at:end] = np.arange(len(tokens))
            at = end
        # The padding is a sequence of its own, which no other one attends to.
        positions[number, at:] = np.arange(length - at)
    kernel = {}
    if layout == "flat":
        kernel = _boundaries([len(tokens) for tokens, _ in lines[0]], length)
    return Batch(
        input_ids=torch.from_numpy(ids),
        labels=torch.from_numpy(labels),
        position_ids=None if layout == "rows" else torch.from_numpy(positions),
        samples=samples,
        tokens=sum(used),
        trained_tokens=int(np.count_nonzero(labels != UNTRAINED)),
        kernel=kernel,
    )


def _boundaries(lengths: list[int], length: int) -> dict[str, Any]:
    """Where the sequences of a flat row begin, as flash attention takes it.

    Computed here on the CPU, because transformers would derive it from the positions on the GPU in every layer.
    """
    import numpy as np
    import torch

    ends = np.cumsum(lengths)
    bounds = [0, *ends.tolist()] + ([length] if length > ends[-1] else [])
    starts = torch.tensor(bounds, dtype=torch.int32)  # [sequences + 1]
    longest = int(np.diff(bounds).max())
    return {"cu_seq_lens_q": starts, "cu_seq_lens_k": starts, "max_length_q": longest, "max_length_k": longest}
