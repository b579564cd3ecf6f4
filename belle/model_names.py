"""Whether the name of a model means a folder or a repository on the Hugging Face hub, decided without asking the hub.

A folder that is not there must not become a question to the network. A name is on the hub only if it has the form
OWNER/NAME, no folder OWNER is here, and OWNER is not what people call the folders that they keep models in.
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
        folders: where a folder of that name would be looked for.
    """
    if name.startswith("hub:"):
        return True
    if _ON_THE_HUB.fullmatch(name) is None or name.endswith((".yaml", ".yml", ".gguf", ".safetensors")):
        return False
    owner = name.partition("/")[0]
    return owner.lower() not in _FOLDERS and not any((folder / owner).is_dir() for folder in folders)


def check_model_name(name: str | Path) -> None:
    """Raises KnownError("model_missing") for a file, and for a folder that is not there, with those that are near."""
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
        advice = what_is_there(str(name))
    except (OSError, RuntimeError, ValueError):  # no name that this system could have
        advice = ""
    raise KnownError("model_missing", f"There is no folder {name}.", advice, model=str(name))


def what_is_there(name: str, folders: Sequence[Path] = (Path(),)) -> str:
    """A sentence on the folders near to one that is missing, as advice."""
    there: list[str] = []
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
            there = there or [str(above), ", ".join(beside[:_SHOWN]) + (", …" if len(beside) > _SHOWN else "")]
    if there:
        return f"In {there[0]} there are: {there[1]}."
    return "Name a folder that exists, or a model on the Hugging Face hub as OWNER/NAME."
