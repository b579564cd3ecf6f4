"""The files that rows of data name, such as pictures and recordings: found once, before the training begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from belle.data.read import scan_rows
from belle.data.rows import Kind, Row
from belle.errors import KnownError

if TYPE_CHECKING:
    from belle.training.recipe.options import DataFile


def named_files(
    files: Sequence[DataFile], kind: Kind, name_of: Callable[[Row], str], folder: Path | None, *, what: str, key: str
) -> dict[str, Path]:
    """The file that each row of `files` names, by the name of its samples; rows that name none are left out.

    Args:
        name_of: the name in a row; "" for none.
        folder: that paths are relative to; None for the folder of each data file.
        what: what they are, for the message.
        key: of the recipe, that says in which folder they are.

    Raises KnownError("file_missing") with the first one that does not exist.
    """
    paths: dict[str, Path] = {}
    missing: list[tuple[str, Path]] = []
    for file in files:
        for record, row in scan_rows(file.path, kind, file.format):
            if isinstance(row, KnownError) or not (name := name_of(row)):
                continue
            sample = f"{record.path} row {record.number}"
            paths[sample] = (folder or Path(record.path).parent) / name
            if not paths[sample].is_file():
                missing.append((sample, paths[sample]))
    if missing:
        sample, path = missing[0]
        message = f"{len(missing):,} of {len(paths):,} {what} do not exist; the first is {path}, of {sample}."
        raise KnownError("file_missing", message, f"Name their folder as {key}.", path=str(path))
    return paths
