"""Local copies of models and data on a hub: `hub:owner/name[/file][@revision]`.

Copies are in `paths.hub_dir()` by repository and commit, so a name with a commit always means the same bytes, and needs
the hub only once. A name without a revision is looked up each time; when the hub cannot be reached, the newest local
copy is used, with a message.

A bare name (`owner/name`) means the model in transformers' own cache; what the cache lacks is downloaded as for `hub:`
names. Left to itself, transformers would try for a minute to reach a hub that cannot be reached.
"""

from __future__ import annotations

import fcntl
import json
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from belle import durable, paths
from belle.clients.download import fetch
from belle.clients.errors import HubError
from belle.clients.hub import DATASETS, Hub, RemoteFile
from belle.clients.progress import Reporter, Step
from belle.clients.retry import Retries
from belle.documents import read_json_object
from belle.errors import KnownError
from belle.model_names import is_on_the_hub
from belle.streams import to_stderr
from belle.units import megabytes

HUB = "hub:"
VOCABULARY_FILES = (
    "tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer.tiktoken", "tekken.json", "spiece.model",
)  # fmt: skip
"""A checkpoint has its vocabulary in one of these."""
Kind = Literal["model", "data"]
Part = Literal["config", "tokenizer", "weights"]
Say = Callable[[str], None]

_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<file>[^@]+))?(?:@(?P<revision>[\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_OLD_WEIGHTS = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
_CONFIGS = ("config.json", "adapter_config.json", "tokenizer_config.json")
_MODEL_FILES = ("*.json", "*.model", "*.txt", "*.jinja", "*.tiktoken")
_DATA = ("*.json", "*.jsonl", "*.ndjson", "*.txt", "*.parquet", "*.json.gz", "*.jsonl.gz", "*.ndjson.gz", "*.txt.gz")
_NOT_DATA = ("*dataset_info*.json", "*README*", "*requirements*.txt", "*LICENSE*")
# Parts of the name of a file that is not for training.
_HELD_OUT = re.compile(r"(?:^|[/_.-])(?:test|valid|validation|val|dev|eval|evaluation)(?:[/_.-]|$)", re.IGNORECASE)
_UNREACHABLE = ("no_connection", "offline", "offline_mode", "connection_lost", "hub_unavailable", "rate_limited")


@dataclass(frozen=True)
class HubName:
    """A name on a hub.

    Args:
        repo: `owner/name`.
        file: a file or a folder in it; "" for every useful file.
        revision: a branch, a tag or a commit; "" for the newest.
    """

    repo: str
    file: str = ""
    revision: str = ""

    def __str__(self) -> str:
        return f"{HUB}{self.repo}{f'/{self.file}' if self.file else ''}{f'@{self.revision}' if self.revision else ''}"


def is_hub_name(name: str | Path) -> bool:
    """Whether the name begins with `hub:`."""
    return str(name).startswith(HUB)


def parse_hub_name(name: str | Path) -> HubName:
    """Parse `hub:owner/name[/file][@revision]`. Raises KnownError("usage") for anything else."""
    match = _NAME.fullmatch(str(name).removeprefix(HUB))
    if match is None or ".." in str(name).split("/"):
        raise KnownError(
            "usage",
            f"“{name}” is not a name on a hub.",
            "Write hub:OWNER/NAME, hub:OWNER/NAME/FILE, or either @REVISION.",
        )
    return HubName(match["repo"], (match["file"] or "").strip("/"), match["revision"] or "")


def local_copy(name: str | Path, kind: Kind, *, say: Say = lambda _: None, weights: bool = True) -> Path:
    """The local folder of a model, or the local file or folder of data; downloads what is missing.

    Args:
        name: as `parse_hub_name` reads it.
        say: gets a sentence about each download, and when an older copy is used.
        weights: False leaves the weights of a model out.

    Raises KnownError: those of the hub and of `download.fetch`; `file_not_in_repository` when no file is useful.
    """
    hub_name = parse_hub_name(name)
    repo = hub_name.repo if kind == "model" else DATASETS + hub_name.repo
    repo_folder = paths.private_folder(paths.hub_dir() / repo.replace("/", "--"))
    with _locked(repo_folder):
        listing = _listing(repo, hub_name, repo_folder, say)
        chosen = _useful(listing.values(), hub_name, kind, weights=weights)
        if not chosen:
            raise _nothing_useful(hub_name, listing, kind)
        folder = repo_folder / next(iter(listing.values())).commit
        if kind == "data":
            # All files of a folder are read, so a file that was asked for by name must not be among the others.
            folder /= "named" if hub_name.file else "whole"
        missing = [file for file in chosen if not (folder / file.name).exists()]
        if missing:
            _fetch(missing, folder, hub_name, say)
    left_out = sorted(set(_data(listing.values(), hub_name)) - set(chosen), key=lambda file: file.name)
    if kind == "data" and left_out:
        say(f"{hub_name}: without {', '.join(file.name for file in left_out)}, which name themselves as held out")
    # A single file of data is returned as a file, so that errors name it and not its folder.
    return folder / chosen[0].name if kind == "data" and len(chosen) == 1 else folder / hub_name.file


def model_here(
    name: str | Path,
    *,
    needs: Collection[Part] = ("config", "tokenizer", "weights"),
    say: Say = to_stderr,
) -> str:
    """A name that transformers loads without the network: a folder, or a name in transformers' own cache.

    Args:
        name: a folder, `owner/name`, or as `parse_hub_name` reads it. Any other name is returned as it is.
        needs: the parts of the model that must be there.
        say: as for `local_copy`.

    Raises KnownError as `local_copy`.
    """
    name = str(name)
    if not is_hub_name(name):
        if Path(name).exists() or not is_on_the_hub(name) or _is_cached(name, needs):
            return name
        name = HUB + name
    return str(local_copy(name, "model", say=say, weights="weights" in needs))


def _is_cached(name: str, needs: Collection[Part]) -> bool:
    """Whether transformers' cache has these parts of the newest commit that it knows of a repository."""
    from huggingface_hub import try_to_load_from_cache

    configs = (try_to_load_from_cache(name, file) for file in _CONFIGS)
    folder = next((Path(file).parent for file in configs if isinstance(file, str)), None)
    if folder is None:
        return False
    files = {path.name for path in folder.iterdir()}
    for index in folder.glob("*.index.json"):
        if "weights" in needs and not set(read_json_object(index).get("weight_map", {}).values()) <= files:
            return False
    patterns = {"config": ("config.json",), "tokenizer": VOCABULARY_FILES, "weights": (*_WEIGHTS, *_OLD_WEIGHTS)}
    return all(any(fnmatch(file, pattern) for file in files for pattern in patterns[part]) for part in needs)


def _listing(repo: str, hub_name: HubName, repo_folder: Path, say: Say) -> dict[str, RemoteFile]:
    """The files of the revision by name, from the hub, or as saved before when the hub cannot be reached."""
    saved = repo_folder / f"{(hub_name.revision or 'newest').replace('/', '--')}.json"
    fixed = _COMMIT.fullmatch(hub_name.revision) is not None
    if fixed and saved.exists():
        return _read_listing(saved)
    try:
        listing = Hub().files(repo, hub_name.revision or None)
    except KnownError as error:
        if error.kind not in _UNREACHABLE or not saved.exists():
            raise (_for_training(error, hub_name) if isinstance(error, HubError) else error) from None
        listing = _read_listing(saved)
        say(f"{hub_name}: the copy of {next(iter(listing.values())).commit[:7]} is taken, because {error.message}")
        return listing
    # No hub may make us write outside the folder of the repository.
    listing = {name: file for name, file in listing.items() if not {"", ".", ".."} & set(name.split("/"))}
    if listing:
        rows = [[f.name, f.size, f.sha256, f.git_sha1] for f in listing.values()]
        content = {"repo": repo, "commit": next(iter(listing.values())).commit, "files": rows}
        durable.write_text(saved, json.dumps(content, indent=1) + "\n")
    return listing


def _read_listing(path: Path) -> dict[str, RemoteFile]:
    content = read_json_object(path)
    files = (RemoteFile(content["repo"], content["commit"], *row) for row in content["files"])
    return {file.name: file for file in files}


def _useful(files: Iterable[RemoteFile], hub_name: HubName, kind: Kind, *, weights: bool) -> list[RemoteFile]:
    """The files that training needs of a repository."""
    if kind == "data":
        data = _data(files, hub_name)
        return data if hub_name.file else [file for file in data if not _HELD_OUT.search(file.name)] or data
    inside = hub_name.file and f"{hub_name.file}/"
    flat = [file for file in files if file.name.rpartition("/")[0] == hub_name.file]
    about = [file for file in flat if _matches(file, _MODEL_FILES) and not _matches(file, (*_WEIGHTS, *_OLD_WEIGHTS))]
    of_weights = [file for file in flat if _matches(file, _WEIGHTS)] or [f for f in flat if _matches(f, _OLD_WEIGHTS)]
    return (
        [*about, *(of_weights if weights else ())]
        if any(f.name == f"{inside}{name}" for f in about for name in _CONFIGS)
        else []
    )


def _data(files: Iterable[RemoteFile], hub_name: HubName) -> list[RemoteFile]:
    """The data files under the name; a file that is named itself, whatever its suffix."""
    path = hub_name.file
    inside = [f for f in files if not path or f.name == path or f.name.startswith(f"{path}/")]
    if len(inside) == 1 and path == inside[0].name:
        return inside
    return [file for file in inside if _matches(file, _DATA) and not _matches(file, _NOT_DATA)]


def _matches(file: RemoteFile, patterns: Iterable[str]) -> bool:
    return any(fnmatch(file.name, pattern) for pattern in patterns)


def _fetch(files: list[RemoteFile], folder: Path, hub_name: HubName, say: Say) -> None:
    hub = Hub()
    stop = threading.Event()
    try:
        files = [hub.complete(file) for file in files]
        total = sum(file.size or 0 for file in files)
        say(f"{hub_name}: {len(files)} files, {megabytes(total, 1, grouped=True)}, from {hub.endpoint}")
        reporter = Reporter("download", _RetryMessages(say), stop, total)
        retries = Retries(reporter)
        for file in files:
            fetch(hub, file, folder / file.name, reporter, retries)
    except HubError as error:
        raise _for_training(error, hub_name) from None


class _RetryMessages:
    """A listener that says once why a download waits for another try."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._last_reason = ""

    def __call__(self, step: Step) -> None:
        if step.waiting and step.why != self._last_reason:
            self._last_reason = step.why
            self._say(f"{step.why} Trying again.")


def _for_training(error: HubError, hub_name: HubName) -> KnownError:
    """The error of a hub with advice for a training run instead of for installing a model."""
    advice = error.advice
    if error.kind in ("no_connection", "offline_mode", "hub_unavailable"):
        advice = (
            f"There is no complete copy of {hub_name} on this machine. Name a local file or folder, or set"
            " HF_ENDPOINT to a hub that can be reached; what was downloaded is kept."
        )
    return KnownError(error.kind, error.message, advice, name=str(hub_name), **error.details)


def _nothing_useful(hub_name: HubName, listing: dict[str, RemoteFile], kind: Kind) -> KnownError:
    names = ", ".join(sorted(listing)[:8]) + (f" and {len(listing) - 8} more" if len(listing) > 8 else "")
    what = f"no file {hub_name.file}" if hub_name.file else "no data that can be read" if kind == "data" else "no model"
    return KnownError(
        "file_not_in_repository", f"{hub_name} has {what}.", f"It holds: {names or 'nothing'}.", name=str(hub_name)
    )


@contextmanager
def _locked(repo_folder: Path) -> Iterator[None]:
    """One process at a time: all processes of a run on one machine ask for the same files at once."""
    with (repo_folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
