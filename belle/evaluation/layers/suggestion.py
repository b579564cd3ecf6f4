"""A recipe of types as data: what `--suggest` finds, for reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A recipe.

    Attributes:
        asked: the size that was asked for, bytes.
        size: of the file that the command makes, bytes; exact for the checkpoint that the candidate was made from.
        smallest, largest: what sizes there are to ask for.
        kl: predicted mean KL divergence, nats per token.
        measured_kl, measured_error: the recipe's on the sample, and the standard error; None where not measured.
        candidate: whose table it was made from, `candidate_size` its size in bytes, `candidate_kl` its mean KL
            divergence on the sample.
        n_restored, n_probed, n_tensors: matrices whose sensitivity is known from restoring them in the candidate, from
            trying them in another type, and all; the others count as their role.
        types: by tensor.
        command: as a shell takes it; CHECKPOINT stands for what the reference was made from.
    """

    asked: int
    size: int
    smallest: int
    largest: int
    kl: float
    measured_kl: float | None
    measured_error: float | None
    candidate: str
    candidate_size: int
    candidate_kl: float
    n_restored: int
    n_probed: int
    n_tensors: int
    types: dict[str, str]
    rules: list[str]
    command: str

    def as_json(self) -> dict[str, Any]:
        """For `Measurement.extra`."""
        return asdict(self)
