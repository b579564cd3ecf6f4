"""What the model of a run needs of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from belle.training.recipe.options import InitOptions, LoraOptions
    from belle.training.recipe.schema import AttentionName


@dataclass(frozen=True)
class ModelOptions:
    """The keys of a recipe that say which model is trained, and what of it.

    See `belle.training.recipe.schema.Recipe` for their meaning.
    """

    model: str | None = None
    init: InitOptions | None = None
    lora: LoraOptions | None = None
    quantization: Literal["nf4", "int8"] | None = None
    freeze: Literal["new_rows"] | None = None
    attention: AttentionName = "auto"
    gradient_checkpointing: bool = False
    liger: bool = False
    neftune_alpha: float = 0.0
