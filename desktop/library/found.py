"""Models of other programs on this computer, found in place and left as they are.

LM Studio     ~/.lmstudio/models, formerly ~/.cache/lm-studio/models: PUBLISHER/MODEL/*.gguf
Jan           Jan/data/llamacpp/models in the platform's data folder: …/NAME/model.gguf
Ollama        $OLLAMA_MODELS, ~/.ollama/models, or the service's own: manifests, which name blobs by their digest
llama.cpp     $LLAMA_CACHE, or llama.cpp in the platform's cache folder: *.gguf
Hugging Face  $HF_HUB_CACHE, $HF_HOME/hub, ~/.cache/huggingface/hub: models--…/snapshots/COMMIT/*.gguf
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from belle.documents import read_json_object
from belle.errors import KnownError
from belle.gguf.reader import GgufHeader, read_header

_OLLAMA_SERVICE = Path("/usr/share/ollama/.ollama/models")
_OLLAMA_WEIGHTS = "application/vnd.ollama.image.model"
_NOT_FOR_CHATS = ("clip", "bert", "nomic-bert", "jina-bert-v2", "whisper", "t5encoder")
"""Architectures beside the models that people chat with: image encoders, rerankers, speech."""
_MOST_FILES = 100_000
"""Of any kind, that are looked at below one folder: a link to the root of a disk must not be walked to its end."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model file of another program."""

    path: Path
    title: str
    program: str
    header: GgufHeader = field(repr=False, compare=False)


def found_models(home: Path | None = None, environ: Mapping[str, str] = os.environ) -> tuple[FoundModel, ...]:
    """Every model that can be read, each file once. Reads folders and headers, and writes nothing."""
    home = home or Path.home()
    seen: set[Path] = set()
    models = []
    for program, title, path in _candidates(home, environ):
        real = Path(os.path.realpath(path))
        if real in seen:
            continue
        seen.add(real)
        with suppress(KnownError, OSError):
            header = read_header(path)
            if header.makes_embeddings or (header.architecture not in _NOT_FOR_CHATS and header.n_layers):
                models.append(FoundModel(path, title, program, header))
    return tuple(models)


def _candidates(home: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, str, Path]]:
    """Program, title and path of each file that may be a model."""
    caches = (
        home / "Library/Caches" if sys.platform == "darwin" else _folder(environ, "XDG_CACHE_HOME", home / ".cache")
    )
    for folder in (home / ".lmstudio/models", home / ".cache/lm-studio/models"):
        yield from (("LM Studio", path.stem, path) for path in _ggufs(folder))
    data = home / "Library/Application Support" if sys.platform == "darwin" else home / ".local/share"
    if sys.platform != "darwin":
        data = _folder(environ, "XDG_DATA_HOME", data)
    for path in _ggufs(data / "Jan/data/llamacpp/models"):
        yield "Jan", path.parent.name if path.stem == "model" else path.stem, path
    for folder in (_folder(environ, "OLLAMA_MODELS", home / ".ollama/models"), _OLLAMA_SERVICE):
        yield from (("Ollama", title, path) for title, path in _ollama(folder))
    for path in _ggufs(_folder(environ, "LLAMA_CACHE", caches / "llama.cpp")):
        yield "llama.cpp", path.stem, path
    hub = _folder(environ, "HF_HOME", _folder(environ, "XDG_CACHE_HOME", home / ".cache") / "huggingface") / "hub"
    for path in _ggufs(_folder(environ, "HF_HUB_CACHE", hub)):
        if "snapshots" in path.parts:
            yield "Hugging Face", path.stem, path


def _folder(environ: Mapping[str, str], name: str, usual: Path) -> Path:
    return Path(environ[name]).expanduser() if environ.get(name) else usual


def _ggufs(folder: Path) -> list[Path]:
    """The GGUF files under `folder`; of a split model the first part, and no image encoders."""
    later = ("-of-", "-00001-of-")
    return sorted(
        path
        for path in _files(folder)
        if path.suffix == ".gguf"
        and not path.name.startswith("mmproj")
        and (later[0] not in path.name or later[1] in path.name)
    )


def _files(folder: Path) -> Iterator[Path]:
    """The files under `folder`, and links to files; none where it cannot be listed."""
    paths = (Path(inside, name) for inside, _, names in os.walk(folder) for name in names)
    return islice(paths, _MOST_FILES)


def _ollama(folder: Path) -> Iterator[tuple[str, Path]]:
    """Title and blob of each model: `manifests/HOST/NAMESPACE/NAME/TAG` names the blob by its digest."""
    root = folder / "manifests"
    for manifest in sorted(_files(root)):
        with suppress(KnownError, OSError, KeyError, TypeError, AttributeError):
            *_, name, tag = manifest.relative_to(root).parts
            for layer in read_json_object(manifest)["layers"]:
                if layer["mediaType"] == _OLLAMA_WEIGHTS:
                    yield f"{name}:{tag}", folder / "blobs" / layer["digest"].replace(":", "-")
