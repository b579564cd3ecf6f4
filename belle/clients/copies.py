"""Models and data of a hub as folders and files on this machine: `hub:owner/name[/file][@revision]`.

What is fetched lies under `paths.hub_dir()` by repository and commit, so a name with a commit always means the same
bytes, and needs the hub only once. A name without a revision is looked up each time; where the hub cannot be asked, the
newest copy that is here is taken, and that is said.

Bare names (`owner/name`) mean what transformers' own cache has; what it lacks is fetched as `hub:` names are. Left to
itself, transformers would try for a minute to reach a hub that cannot be reached.
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
"""One of these holds the vocabulary of a checkpoint."""
Kind = Literal["model", "data"]
Part = Literal["config", "tokenizer", "weights"]
Say = Callable[[str], None]


_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<file>[^@]+))?(?:@(?P<revision>[\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
_OLD_WEIGHTS = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
_CONFIGS = ("config.json", "adapter_config.json", "tokenizer_config.json")
_ABOUT_MODELS = ("*.json", "*.model", "*.txt", "*.jinja", "*.tiktoken")
_DATA = ("*.json", "*.jsonl", "*.ndjson", "*.txt", "*.parquet", "*.json.gz", "*.jsonl.gz", "*.ndjson.gz", "*.txt.gz")
_ABOUT_DATA = ("*dataset_info*.json", "*README*", "*requirements*.txt", "*LICENSE*")
# Parts of a name of what is kept apart from training.
_HELD_OUT = re.compile(r"(?:^|[/_.-])(?:test|valid|validation|val|dev|eval|evaluation)(?:[/_.-]|$)", re.IGNORECASE)
_UNREACHABLE = ("no_connection", "offline_mode", "connection_lost", "hub_unavailable", "rate_limited")


@dataclass(frozen=True)
class HubName:
    """A name on a hub.

    Args:
        repo: `owner/name`.
        file: a file in it, or a folder; "" for all that is of use.
        revision: a branch, a tag or a commit; "" for the newest.
    """

    repo: str
    file: str = ""
    revision: str = ""

    def __str__(self) -> str:
        return f"{HUB}{self.repo}{f'/{self.file}' if self.file else ''}{f'@{self.revision}' if self.revision else ''}"


def is_hub_name(name: str | Path) -> bool:
    """Whether it names something on a hub and not on this machine."""
    return str(name).startswith(HUB)


def parse_hub_name(name: str | Path) -> HubName:
    """Raises KnownError("usage") for what is not `hub:owner/name[/file][@revision]`."""
    match = _NAME.fullmatch(str(name).removeprefix(HUB))
    if match is None or ".." in str(name).split("/"):
        raise KnownError(
            "usage",
            f"“{name}” is not a name on a hub.",
            "Write hub:OWNER/NAME, hub:OWNER/NAME/FILE, or either @REVISION.",
        )
    return HubName(match["repo"], (match["file"] or "").strip("/"), match["revision"] or "")


def local_copy(name: str | Path, kind: Kind, *, say: Say = lambda _: None, weights: bool = True) -> Path:
    """The folder of a model, or the file or folder of data, fetched where it is not here yet.

    Args:
        name: as `parse_hub_name` reads it.
        say: told what is fetched from where, and when a copy had to do.
        weights: of a model the weights too.

    Raises KnownError: those of the hub and of `download.fetch`; `file_not_in_repository` when there is nothing of use.
    """
    wanted = parse_hub_name(name)
    repo = wanted.repo if kind == "model" else DATASETS + wanted.repo
    repo_folder = paths.private_folder(paths.hub_dir() / repo.replace("/", "--"))
    with _alone(repo_folder):
        listing = _listing(repo, wanted, repo_folder, say)
        chosen = _chosen(listing.values(), wanted, kind, weights=weights)
        if not chosen:
            raise _nothing(wanted, listing, kind)
        folder = repo_folder / next(iter(listing.values())).commit
        if kind == "data":
            # Whoever reads the folder of all must not find there what was asked for by its name.
            folder /= "named" if wanted.file else "whole"
        missing = [file for file in chosen if not (folder / file.name).exists()]
        if missing:
            _fetch(missing, folder, wanted, say)
    left_out = sorted(set(_data(listing.values(), wanted)) - set(chosen), key=lambda file: file.name)
    if kind == "data" and left_out:
        say(f"{wanted}: without {', '.join(file.name for file in left_out)}, which name themselves as held out")
    # One file of data is named itself, so that it is read as what it is.
    return folder / chosen[0].name if kind == "data" and len(chosen) == 1 else folder / wanted.file


def model_here(
    name: str | Path,
    *,
    needs: Collection[Part] = ("config", "tokenizer", "weights"),
    say: Say = to_stderr,
) -> str:
    """What transformers loads under the name of a model without asking anybody: a folder, or a name in its own cache.

    Args:
        name: a folder, `owner/name`, or as `parse_hub_name` reads it. What is none of these comes back as it is.
        needs: the parts that the cache has to have.
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
    """Whether the newest commit of a repository that transformers' cache knows has these parts there."""
    from huggingface_hub import try_to_load_from_cache

    configs = (try_to_load_from_cache(name, file) for file in _CONFIGS)
    folder = next((Path(file).parent for file in configs if isinstance(file, str)), None)
    if folder is None:
        return False
    there = {path.name for path in folder.iterdir()}
    for index in folder.glob("*.index.json"):
        if "weights" in needs and not set(read_json_object(index).get("weight_map", {}).values()) <= there:
            return False
    patterns = {"config": ("config.json",), "tokenizer": VOCABULARY_FILES, "weights": (*_WEIGHTS, *_OLD_WEIGHTS)}
    return all(any(fnmatch(file, pattern) for file in there for pattern in patterns[part]) for part in needs)


def _listing(repo: str, wanted: HubName, repo_folder: Path, say: Say) -> dict[str, RemoteFile]:
    """The files of the revision, as the hub says, or as it said before where it cannot be asked."""
    note = repo_folder / f"{(wanted.revision or 'newest').replace('/', '--')}.json"
    fixed = _COMMIT.fullmatch(wanted.revision) is not None
    if fixed and note.exists():
        return _noted(note)
    try:
        listing = Hub().files(repo, wanted.revision or None)
    except HubError as error:
        if error.kind not in _UNREACHABLE or not note.exists():
            raise _for_training(error, wanted) from None
        known = _noted(note)
        say(f"{wanted}: the copy of {next(iter(known.values())).commit[:7]} is taken, because {error.message}")
        return known
    # What would be written elsewhere than into its folder is not wanted from any hub.
    listing = {name: file for name, file in listing.items() if not {"", ".", ".."} & set(name.split("/"))}
    if listing:
        rows = [[f.name, f.size, f.sha256, f.git_sha1] for f in listing.values()]
        about = {"repo": repo, "commit": next(iter(listing.values())).commit, "files": rows}
        durable.write_text(note, json.dumps(about, indent=1) + "\n")
    return listing


def _noted(note: Path) -> dict[str, RemoteFile]:
    about = read_json_object(note)
    files = (RemoteFile(about["repo"], about["commit"], *row) for row in about["files"])
    return {file.name: file for file in files}


def _chosen(files: Iterable[RemoteFile], wanted: HubName, kind: Kind, *, weights: bool) -> list[RemoteFile]:
    """What is of use for training."""
    if kind == "data":
        data = _data(files, wanted)
        return data if wanted.file else [file for file in data if not _HELD_OUT.search(file.name)] or data
    inside = wanted.file and f"{wanted.file}/"
    flat = [file for file in files if file.name.rpartition("/")[0] == wanted.file]
    about = [file for file in flat if _matches(file, _ABOUT_MODELS) and not _matches(file, (*_WEIGHTS, *_OLD_WEIGHTS))]
    of_weights = [file for file in flat if _matches(file, _WEIGHTS)] or [f for f in flat if _matches(f, _OLD_WEIGHTS)]
    return (
        [*about, *(of_weights if weights else ())]
        if any(f.name == f"{inside}{name}" for f in about for name in _CONFIGS)
        else []
    )


def _data(files: Iterable[RemoteFile], wanted: HubName) -> list[RemoteFile]:
    inside = [f for f in files if not wanted.file or f.name == wanted.file or f.name.startswith(f"{wanted.file}/")]
    if len(inside) == 1 and wanted.file == inside[0].name:
        return inside
    return [file for file in inside if _matches(file, _DATA) and not _matches(file, _ABOUT_DATA)]


def _matches(file: RemoteFile, patterns: Iterable[str]) -> bool:
    return any(fnmatch(file.name, pattern) for pattern in patterns)


def _fetch(files: list[RemoteFile], folder: Path, wanted: HubName, say: Say) -> None:
    hub = Hub()
    stop = threading.Event()
    try:
        files = [hub.complete(file) for file in files]
        total = sum(file.size or 0 for file in files)
        say(f"{wanted}: {len(files)} files, {megabytes(total, 1, grouped=True)}, from {hub.endpoint}")
        reporter = Reporter("download", _Waiting(say), stop, total)
        retries = Retries(reporter)
        for file in files:
            fetch(hub, file, folder / file.name, reporter, retries)
    except HubError as error:
        raise _for_training(error, wanted) from None


class _Waiting:
    """Tells of each wait for another try, once."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._told = ""

    def __call__(self, step: Step) -> None:
        if step.waiting and step.why != self._told:
            self._told = step.why
            self._say(f"{step.why} Trying again.")


def _for_training(error: HubError, wanted: HubName) -> KnownError:
    """What a hub cannot do, with what helps here: other words than for a model that is to be installed."""
    advice = error.advice
    if error.kind in ("no_connection", "offline_mode", "hub_unavailable"):
        advice = (
            f"There is no whole copy of {wanted} on this machine. Name a file or a folder that is here, or set"
            " HF_ENDPOINT to a hub that can be reached; what was fetched already is kept."
        )
    return KnownError(error.kind, error.message, advice, name=str(wanted), **error.details)


def _nothing(wanted: HubName, listing: dict[str, RemoteFile], kind: Kind) -> KnownError:
    names = ", ".join(sorted(listing)[:8]) + (f" and {len(listing) - 8} more" if len(listing) > 8 else "")
    what = f"no file {wanted.file}" if wanted.file else "no data that can be read" if kind == "data" else "no model"
    return KnownError(
        "file_not_in_repository", f"{wanted} has {what}.", f"It holds: {names or 'nothing'}.", name=str(wanted)
    )


@contextmanager
def _alone(repo_folder: Path) -> Iterator[None]:
    """One process at a time: those of a run on one machine ask for the same files at once."""
    with (repo_folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
