"""What an engine needs of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from belle.training.recipe.schema import PrecisionName


@dataclass(frozen=True)
class EngineOptions:
    """The keys of a recipe that an engine needs. See `belle.training.recipe.schema.Recipe` for their meaning."""

    precision: PrecisionName
    deepspeed: Path | None
    batch_size: int
    accumulation: int
    learning_rate: float
    betas: tuple[float, float]
    eps: float
    max_grad_norm: float
    timeout_minutes: float
