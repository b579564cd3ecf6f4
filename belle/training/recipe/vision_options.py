"""The key `vision` of a recipe: what a model sees with, and which part of it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from belle.training.recipe.fields import FieldError


@dataclass(frozen=True)
class TowerShape:
    """The shape of a SigLIP vision tower with random weights; names as in its config.json."""

    image_size: int = 48
    """Side of the square in pixels that every picture is scaled to."""

    patch_size: int = 8
    """Side of a patch; each becomes one token."""

    hidden_size: int = 128
    """Width."""

    intermediate_size: int = 256
    """Width inside the feed-forward layers."""

    num_hidden_layers: int = 2
    """Layers."""

    num_attention_heads: int = 2
    """Heads; they share `hidden_size`."""

    def __post_init__(self) -> None:
        for name in ("image_size", "patch_size", "hidden_size", "intermediate_size", "num_attention_heads"):
            if getattr(self, name) < 1:
                raise FieldError(name, "must be at least 1")
        if self.num_hidden_layers < 2:
            raise FieldError("num_hidden_layers", "must be at least 2: the one before the last is read")
        if self.image_size % self.patch_size:
            raise FieldError("patch_size", f"has to divide image_size, {self.image_size}")
        if self.hidden_size % self.num_attention_heads:
            raise FieldError("num_attention_heads", f"has to divide hidden_size, {self.hidden_size}")


@dataclass(frozen=True)
class VisionOptions:
    """The key `vision` of a recipe."""

    tower: Path | None = None
    """The folder of a CLIP or SigLIP model, or hub:OWNER/NAME, whose vision tower is taken (LLaVA-1.5:
    hub:openai/clip-vit-large-patch14-336). Not where the recipe starts from a model that sees already."""

    new_tower: TowerShape | None = None
    """Instead of `tower`: a SigLIP vision tower of this shape with random weights."""

    pictures: Path | None = None
    """The folder that the paths in the data are relative to; null: that of each data file."""

    train_tower: bool = False
    """Train the tower, too; otherwise it stays as it is (LLaVA, BELLE-VL: as it is)."""

    def __post_init__(self) -> None:
        if self.tower is not None and self.new_tower is not None:
            raise FieldError("new_tower", "and “tower” exclude each other", "Leave one of them out.")
