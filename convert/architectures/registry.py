"""The architectures that can be converted, and the choice of one by config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from belle.errors import KnownError
from convert.architectures.baichuan import BaichuanAlibi, BaichuanRotary
from convert.architectures.base import Architecture
from convert.architectures.bloom import Bloom
from convert.architectures.gemma import Gemma2, Gemma3
from convert.architectures.llama import Llama
from convert.architectures.mistral import Mistral
from convert.architectures.qwen import Qwen1, Qwen2, Qwen3

ARCHITECTURES: tuple[Architecture, ...] = (
    *(Llama(), Bloom(), Mistral(), Qwen1(), Qwen2(), Qwen3(), Gemma2(), Gemma3()),
    *(BaichuanRotary(), BaichuanAlibi()),
)


def architecture_of(config: Mapping[str, Any]) -> Architecture:
    """The architecture that config.json names.

    Raises KnownError: "no_config" for an empty one, "unknown_architecture" with the list of known ones, "bad_config" if
    it names two.
    """
    if not config:
        raise KnownError(
            "no_config",
            "The checkpoint has no config.json, so its architecture is not known.",
            "Put the config.json of the original model beside the weights.",
        )
    named = config.get("architectures")
    classes = [str(name) for name in named] if isinstance(named, list) else []
    model_type = str(config.get("model_type") or "")
    for architecture in ARCHITECTURES:
        if any(name in architecture.classes for name in classes) and architecture.fits(config):
            _refuse_another_type(architecture, model_type, classes)
            return architecture
    if not classes:
        for architecture in ARCHITECTURES:
            if model_type in architecture.model_types and architecture.fits(config):
                return architecture
    asked = ", ".join(classes) or model_type or "none at all"
    known = [architecture.title for architecture in ARCHITECTURES]
    raise KnownError(
        "unknown_architecture",
        f"config.json names the architecture {asked}, which cannot be converted.",
        f"The known ones are {', '.join(known)}.",
        architecture=asked,
        known=[name for architecture in ARCHITECTURES for name in architecture.classes],
    )


def _refuse_another_type(architecture: Architecture, model_type: str, classes: list[str]) -> None:
    """Raise KnownError if `model_type`, which transformers uses, is that of another architecture.

    Unknown values of it are ignored, since fine-tunes rename them.
    """
    other = next((one for one in ARCHITECTURES if model_type in one.model_types), architecture)
    if model_type not in architecture.model_types and other is not architecture:
        raise KnownError(
            "bad_config",
            f"config.json says two things: architectures is {', '.join(classes)}, and model_type is {model_type}.",
            f"Correct the one that is wrong: the first is {architecture.title}, the second {other.title}.",
            architecture=classes[0],
            model_type=model_type,
        )
