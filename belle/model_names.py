"""Decides whether the name of a model is a folder or a repository on the Hugging Face hub, without asking the hub.

A mistyped folder must not cause a network request. A name means the hub only if it has the form OWNER/NAME, there is no
folder OWNER, and OWNER is not a usual name of a folder for models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from belle.errors import KnownError

_ON_THE_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FOLDERS = frozenset((
    "adapters", "build", "checkpoint", "checkpoints", "data", "final", "model", "models", "out", "output", "outputs",
    "run", "runs", "train", "weights",
))  # fmt: skip
_SHOWN = 5


def is_on_the_hub(name: str, folders: Sequence[Path] = (Path(),)) -> bool:
    """Whether `name` means a repository on the hub.

    Args:
        folders: in which a folder of that name would be searched.
    """
    if name.startswith("hub:"):
        return True
    if _ON_THE_HUB.fullmatch(name) is None or name.endswith((".yaml", ".yml", ".gguf", ".safetensors")):
        return False
    owner = name.partition("/")[0]
    return owner.lower() not in _FOLDERS and not any((folder / owner).is_dir() for folder in folders)


def check_model_name(name: str | Path) -> None:
    """Raises KnownError("model_missing") for a file, and for a missing folder, with similar names as advice."""
    try:
        if Path(name).expanduser().is_file():
            raise KnownError(
                "model_missing",
                f"{name} is a file, where the folder of a model is needed.",
                "Name the folder that holds config.json, the weights and the tokenizer.",
                model=str(name),
            )
        if Path(name).expanduser().exists() or is_on_the_hub(str(name)):
            return
        advice = nearby_folders(str(name))
    except (OSError, RuntimeError, ValueError):  # not a possible name: too long, a null character, ~nobody
        advice = ""
    raise KnownError("model_missing", f"The folder {name} does not exist.", advice, model=str(name))


def nearby_folders(name: str, folders: Sequence[Path] = (Path(),)) -> str:
    """Advice about a missing folder: one with a similar name, or what there is beside it."""
    parent: list[str] = []
    for folder in folders:
        wanted = folder / Path(name).expanduser()
        above = wanted.parent
        if not above.is_dir():
            continue
        beside = sorted(path.name for path in above.iterdir() if path.is_dir() and not path.name.startswith("."))
        close = get_close_matches(wanted.name, beside, n=3, cutoff=0.5)
        if close:
            return f"Did you mean {' or '.join(str(above / other) for other in close)}?"
        if beside and above != folder:
            parent = parent or [str(above), ", ".join(beside[:_SHOWN]) + (", …" if len(beside) > _SHOWN else "")]
    if parent:
        return f"In {parent[0]} there are: {parent[1]}."
    return "Name a folder that exists, or a model on the Hugging Face hub as OWNER/NAME."
