"""Which of the installed models are embedding models."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.models.catalog import installed_if_readable
from desktop.documents.embeddings.model import EmbeddingModel
from desktop.model_settings import model_identity


def installed_model() -> EmbeddingModel | None:
    """The embedding model that was installed last; None when there is none that can be read."""
    for model in reversed(installed_if_readable()):
        name, identity = _name(model.path), model_identity(model.path)
        if name is not None and identity:
            return EmbeddingModel(model.path, model.title or name, identity)
    return None


def makes_embeddings(path: Path) -> bool:
    """Whether the file is a model that is not for chatting; False for one that cannot be read."""
    return _name(path) is not None


def _name(path: Path) -> str | None:
    """The name of an embedding model in its file; None for another model, and for a file that cannot be read."""
    try:
        status = path.stat()
        return _name_in_header(path, status.st_size, status.st_mtime_ns)
    except (KnownError, OSError):
        return None


@lru_cache(maxsize=256)
def _name_in_header(path: Path, _size: int, _mtime_ns: int) -> str | None:
    # A large vocabulary takes a tenth of a second; menus are opened and questions are asked often.
    header = read_header(path)
    return header.name if header.makes_embeddings else None
