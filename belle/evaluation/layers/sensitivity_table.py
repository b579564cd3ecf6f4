"""The sensitivity table as data: the result of `--by-layer`, for reports and suggestions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TensorLoss:
    """One tensor that differs. Errors are ratios of sums of squares, KL divergences nats per token, None if unknown.

    Attributes:
        block: number of its transformer block; None outside of them.
        reference, candidate: its types in the two files.
        reference_bytes, candidate_bytes: its sizes in the two files.
        weight_error: Σ (W - Q)² / Σ W².
        output_error: ‖X (W - Q)ᵀ‖² / ‖X Wᵀ‖² for the reference's inputs X on the sample.
        estimate: what restoring it is expected to give back, by its block, its role and its output error.
        kl_back, kl_back_error: what it gave back, and the standard error; None where it was not restored alone.
    """

    name: str
    block: int | None
    role: str
    reference: str
    candidate: str
    n_weights: int
    reference_bytes: int
    candidate_bytes: int
    weight_error: float | None
    output_error: float | None
    estimate: float | None
    kl_back: float | None
    kl_back_error: float | None


@dataclass(frozen=True, slots=True)
class GroupLoss:
    """All differing tensors of a block, or of a role, restored together. `name` is `blk.3`, or `ffn_down`."""

    name: str
    n_tensors: int
    candidate_bytes: int
    kl_back: float | None
    kl_back_error: float | None


@dataclass(frozen=True, slots=True)
class SensitivityTable:
    """A candidate's sensitivity table.

    Attributes:
        candidate: its name.
        n_windows, n_ctx, n_scored: the sample: windows, tokens of a window, and scored tokens in all.
        kl, kl_error: of the unchanged candidate on the sample.
        n_restored: tensors restored one by one, of `len(tensors)`.
        blocks, roles: in the order of the model.
        tensors: the largest loss first: those restored alone, then those with an estimate only.
        complete: False when it was interrupted.
    """

    candidate: str
    n_windows: int
    n_ctx: int
    n_scored: int
    kl: float
    kl_error: float
    n_restored: int
    blocks: list[GroupLoss]
    roles: list[GroupLoss]
    tensors: list[TensorLoss]
    complete: bool

    def as_json(self) -> dict[str, Any]:
        """For `Measurement.extra`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SensitivityTable:
        """The inverse of `as_json`."""
        lists: dict[str, Any] = {
            "blocks": [GroupLoss(**group) for group in data["blocks"]],
            "roles": [GroupLoss(**group) for group in data["roles"]],
            "tensors": [TensorLoss(**tensor) for tensor in data["tensors"]],
        }
        return cls(**{**data, **lists})
