"""The models that write down speech: those on this computer, and the file behind a name or a path."""

from __future__ import annotations

from pathlib import Path

from belle.errors import KnownError
from belle.models.catalog import find_model, load_catalog
from belle.models.registry import InstalledModel, installed

DEFAULT_SPEECH_MODEL = "belle-whisper-turbo-zh"
"""The name of the model to start with where there is memory for it."""

FAST_SPEECH_MODEL = "whisper-base"
"""The name of a small one, for old computers."""


def installed_speech_models() -> list[InstalledModel]:
    """The models on this computer, in the order of the catalogue, then the newest. Raises KnownError as `installed`."""
    order = [entry.name for entry in load_catalog()]
    here = [model for model in reversed(installed()) if model.is_speech and model.path.is_file()]
    return sorted(here, key=lambda model: order.index(model.name) if model.name in order else len(order))


def resolve_speech(name_or_path: str | Path = "") -> Path:
    """The file of a speech model: a name of the catalogue or the registry, a path, or "" for the best one here.

    Whether a path leads to a Whisper is seen when it is loaded. Raises KnownError: "no_speech_model", "chat_model", and
    those of `find_model`.
    """
    if name_or_path == "":
        here = installed_speech_models()
        if not here:
            raise KnownError(
                "no_speech_model",
                "There is no speech model on this computer.",
                f"Get one with: belle models get {DEFAULT_SPEECH_MODEL} (a small one: {FAST_SPEECH_MODEL}).",
            )
        return here[0].path
    model = find_model(name_or_path)
    if (model.entry is not None and not model.is_speech) or model.path.suffix.casefold() == ".gguf":
        names = ", ".join(entry.name for entry in load_catalog() if entry.kind == "speech")
        raise KnownError(
            "chat_model",
            f"{model.title} chats, and does not write down speech.",
            f"Choose one of: {names}.",
            name=model.ref,
        )
    return model.path
