"""The key `speech` of a recipe: what a Whisper is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from belle.training.recipe.fields import FieldError


@dataclass(frozen=True)
class SpeechOptions:
    """The key `speech` of a recipe."""

    language: str = "zh"
    """The code of the language that is spoken, which the model is told; a model for English alone is told none."""

    recordings: Path | None = None
    """Folder that the paths of recordings are relative to; null: the folder of each data file."""

    def __post_init__(self) -> None:
        if not self.language.isascii() or not self.language.isalpha():
            raise FieldError("language", "is not the code of a language", "Write zh, en, yue, …")
