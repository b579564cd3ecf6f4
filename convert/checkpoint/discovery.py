"""Finds the files of a folder that make up the checkpoint.

Folders come from downloads, trainers and people: with both formats, optimizer states, adapters, an index whose shards
are missing, several quantizations. The rules, for each format in this order (safetensors first):

1. the usual single name (`model.safetensors`, `pytorch_model.bin`), as in transformers; an index beside it that does
   not name this file is ignored;
2. an index (`*.index.json`), if at least one of its shards exists;
3. numbered shards (`NAME-00001-of-00003.EXT`), all of them;
4. any other weights: one file, or several that hold different tensors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from belle.errors import KnownError
from convert.checkpoint.formats import OTHER_FORMAT_KINDS, reader_for
from convert.checkpoint.json_file import read_json_object
from convert.checkpoint.problems import shown, unreadable
from convert.checkpoint.weights_file import WeightsFile

INDEX_SUFFIX = ".index.json"
_LONGEST_INDEX = 16 << 20  # about 150,000 tensors
_LONGEST_FILE_NAME = 255

# Files that trainers write beside the weights.
_NOT_WEIGHTS = (
    "training_args.*",
    "optimizer*",
    "scheduler*",
    "scaler*",
    "rng_state*",
    "random_states*",
    "*zero_pp_rank*",
    "*optim_states*",
)
# Used only if there are no other weights.
_SECOND_CHOICE = ("adapter*", "consolidated*")
_NUMBERED = re.compile(r"(?P<stem>.+)-(?P<number>\d{1,5})-of-(?P<total>\d{1,5})(?P<suffix>\.\w+)")


@dataclass(frozen=True)
class _Format:
    suffixes: tuple[str, ...]
    usual_names: tuple[str, ...]


_FORMATS = (
    _Format((".safetensors",), ("model.safetensors", "adapter_model.safetensors")),
    _Format((".bin", ".pt", ".pth", ".ckpt"), ("pytorch_model.bin", "adapter_model.bin")),
)
WEIGHT_SUFFIXES = tuple(suffix for one in _FORMATS for suffix in one.suffixes)


@dataclass(frozen=True)
class Selection:
    """The weights files of a checkpoint.

    Attributes:
        files: what to read, in order.
        index: the tensor names that each file must hold, by file name; None where there is no index.
        index_file: the index.
        unused: weights files in the folder that are not read.
    """

    files: list[Path]
    index: Mapping[str, set[str]] | None = None
    index_file: Path | None = None
    unused: list[Path] = field(default_factory=list)


def select_in_folder(folder: Path) -> Selection:
    """The checkpoint in `folder`.

    Raises KnownError: `no_weights`, `missing_shard`, `ambiguous_checkpoint`, `bad_index`, `dangling_link`, `encrypted`,
    `is_gguf`, `unreadable`.
    """
    try:
        present = [path for path in _entries(folder) if path.is_file()]
    except OSError as error:
        raise unreadable(folder, error) from error
    weights = [path for path in present if path.suffix in WEIGHT_SUFFIXES and not _matches(path, _NOT_WEIGHTS)]
    missing: KnownError | None = None
    for kind in _FORMATS:
        try:
            selection = _select(kind, [path for path in weights if path.suffix in kind.suffixes], present)
        except _NoShardExistsError as error:
            missing = missing or error
            continue
        if selection is not None:
            unused = [path for path in weights if path not in selection.files]
            return Selection(selection.files, selection.index, selection.index_file, unused)
    raise missing or _no_weights(folder, present)


def select_with(file: Path) -> Selection:
    """The checkpoint that `file` is or belongs to: an index, or one of numbered shards, stands for all of them.

    Raises KnownError: `missing_shard`, `bad_index`, `unreadable`.
    """
    if file.name.endswith(INDEX_SUFFIX):
        return _indexed(file)
    numbered = _NUMBERED.fullmatch(file.name)
    if numbered is None:
        return Selection([file])
    index = file.with_name(f"{numbered['stem']}{numbered['suffix']}{INDEX_SUFFIX}")
    return _indexed(index) if index.is_file() else Selection(_complete(file))


class _NoShardExistsError(KnownError):
    """No shard of an index exists. In a folder such an index is ignored if there are other weights."""


def _select(kind: _Format, weights: list[Path], present: list[Path]) -> Selection | None:
    """The checkpoint in one format, by the rules in the module's docstring; None if there is none."""
    first_choice = [path for path in weights if not _matches(path, _SECOND_CHOICE)]
    indexes = [path for path in present if path.name.endswith(tuple(f"{end}{INDEX_SUFFIX}" for end in kind.suffixes))]
    index = _usual_or_only(indexes, [name + INDEX_SUFFIX for name in kind.usual_names]) if indexes else None
    weights = first_choice or weights
    usual = next((path for name in kind.usual_names for path in weights if path.name == name), None)
    if usual is not None:
        return _indexed(index) if index is not None and _names_file(index, usual) else Selection([usual])
    if index is not None:
        try:
            return _indexed(index)
        except _NoShardExistsError:
            if not weights:
                raise
    sets: dict[tuple[str, str, str], list[Path]] = {}
    for path in weights:
        if (numbered := _NUMBERED.fullmatch(path.name)) is not None:
            sets.setdefault((numbered["stem"], numbered["total"], numbered["suffix"]), []).append(path)
    if len(sets) > 1:
        raise _ambiguous([paths[0] for paths in sets.values()])
    for first, *_ in sets.values():
        return Selection(_complete(first))
    if len(weights) > 1:
        weights = [path for path in weights if _is_checkpoint(path)] or weights
    return Selection(weights) if weights else None


def _names_file(index_file: Path, weights: Path) -> bool:
    """Whether the index names this file. Raises KnownError("bad_index")."""
    return weights in _indexed(index_file, must_exist=False).files


def _is_checkpoint(path: Path) -> bool:
    """False for a file that is only named like weights, such as a `vocab.bin` of another program."""
    file = WeightsFile(path)
    try:
        reader_for(file)
    except KnownError as error:
        return error.kind not in OTHER_FORMAT_KINDS
    finally:
        file.close()
    return True


def _indexed(index_file: Path, *, must_exist: bool = True) -> Selection:
    weight_map = read_json_object(index_file, kind="bad_index", longest=_LONGEST_INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise _bad_index(index_file, "it has no weight_map")
    index: dict[str, set[str]] = {}
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or len(name) > _LONGEST_FILE_NAME or "\0" in name:
            raise _bad_index(index_file, f"it does not name a file for tensor {shown(tensor)}")
        if Path(name).name != name or name in {"", ".."}:
            raise _bad_index(index_file, f"it places tensor {shown(tensor)} outside of its folder")
        index.setdefault(name, set()).add(tensor)
    files = [index_file.with_name(name) for name in sorted(index)]
    absent = [path.name for path in files if not _exists(path)]
    if absent and must_exist:
        raise _missing_shard(index_file, absent, _NoShardExistsError if len(absent) == len(files) else KnownError)
    return Selection(files, index, index_file)


def _complete(one: Path) -> list[Path]:
    """All shards of the numbered set that `one` belongs to."""
    numbered = _NUMBERED.fullmatch(one.name)
    if numbered is None:
        return [one]
    width, total = len(numbered["number"]), int(numbered["total"])
    names = [
        f"{numbered['stem']}-{number:0{width}}-of-{numbered['total']}{numbered['suffix']}"
        for number in range(1, total + 1)
    ]
    files = [one.with_name(name) for name in names]
    absent = [path.name for path in files if not _exists(path)]
    if absent:
        raise _missing_shard(one, absent)
    return files


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that this file system does not take
        return False


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:
        return False


def _usual_or_only(paths: list[Path], usual_names: list[str]) -> Path:
    for name in usual_names:
        for path in paths:
            if path.name == name:
                return path
    if len(paths) > 1:
        raise _ambiguous(paths)
    return paths[0]


def _matches(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in patterns)


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _has_weights_name(path: Path) -> bool:
    """Whether a file of this name is read as weights or as an index."""
    return path.suffix in WEIGHT_SUFFIXES or path.name.endswith(INDEX_SUFFIX)


def _bad_index(path: Path, what: str) -> KnownError:
    return KnownError("bad_index", f"{path.name}: {what}.", "Download it again.", file=str(path))


def _missing_shard(path: Path, absent: list[str], error: type[KnownError] = KnownError) -> KnownError:
    names = shown(", ".join(absent[:5])) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
    message = f"{path.name} belongs to weights files that do not exist: {names}."
    advice = "Download the missing files."
    linked = [path.with_name(name) for name in absent if _is_link(path.with_name(name))]
    if linked:
        message = (
            f"{message[:-1]} ({linked[0].name} is a link to {shown(str(linked[0].readlink()))}, which does not exist)."
        )
        advice = "The download was not finished, or the files were moved or deleted: download the model again."
    return error("missing_shard", message, advice, file=str(path), missing=absent[:100])


def _ambiguous(paths: list[Path]) -> KnownError:
    names = ", ".join(path.name for path in paths[:5])
    message = f"{paths[0].parent} holds more than one checkpoint: {names}."
    return KnownError("ambiguous_checkpoint", message, "Give the file you mean instead of the folder.")


def _no_weights(folder: Path, present: list[Path]) -> KnownError:
    if any(path.suffix == ".enc" for path in present):
        message = f"The weights in {folder} are encrypted (*.enc)."
        advice = "Reading them takes Meta's own LLaMA-1 7B file: belle convert --llama-weights PATH/consolidated.00.pth"
        return KnownError("encrypted", message, advice, folder=str(folder))
    if any(path.suffix == ".gguf" for path in present):
        message = f"{folder} holds a GGUF file, not a checkpoint."
        return KnownError("is_gguf", message, "It can be used as it is.", folder=str(folder))
    dangling = [
        path for path in _entries(folder) if path.is_symlink() and not path.exists() and _has_weights_name(path)
    ]
    if dangling:
        names = shown(", ".join(path.name for path in dangling[:5]))
        target = shown(str(dangling[0].readlink()))
        message = f"The weights in {folder} are links to files that do not exist: {names} (to {target})."
        advice = "The download was not finished, or the files were moved or deleted: download the model again."
        return KnownError("dangling_link", message, advice, folder=str(folder))
    inside = sorted({path.parent.name for suffix in WEIGHT_SUFFIXES for path in folder.glob(f"*/*{suffix}")})
    wanted = ", ".join(f"*{suffix}" for suffix in WEIGHT_SUFFIXES)
    message = f"{folder} holds no weights: looked for {wanted} and *{INDEX_SUFFIX}."
    advice = f"Its folders {', '.join(inside[:5])} do." if inside else "Give the folder that holds the weights."
    return KnownError("no_weights", message, advice, folder=str(folder))
