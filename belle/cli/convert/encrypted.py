"""`belle convert --llama-weights`: decrypts BELLE's LLaMA models, which are published as `*.enc`.

The decrypted files are kept beside the output while they are needed: their SHA-256 has to be checked before anything is
converted, and that needs the whole files.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.units import size


@contextmanager
def decrypted(source: Path, key: Path | None, out: Path, terminal: Terminal) -> Iterator[Path]:
    """The checkpoint to convert: `source`, or with a key the folder of its decrypted files.

    After a successful conversion that folder is removed; otherwise the next run uses the files in it.

    Args:
        source: the checkpoint; with a key, the folder with the `*.enc` files, or one of them.
        key: Meta's LLaMA-1 7B `consolidated.00.pth`.
        out: the file to be written; the folder is `OUT.decrypted/`.
        terminal: shows progress.

    Raises KnownError: those of `decrypt_folder`.
    """
    if key is None:
        yield source
        return
    from convert.checkpoint.encrypted import ENCRYPTED_SUFFIX, decrypt_folder

    _check(source, key, out)
    origin = source if source.is_dir() else source.parent
    parent = out.with_name(f"{out.name}.decrypted")
    folder = parent / origin.resolve().name  # the folder's name becomes the model's name

    def show(done: int, total: int) -> None:
        terminal.progress(f"decrypting  {size(done)} of {size(total)}")

    try:
        decrypt_folder(origin, key.expanduser(), folder, show)
    except BaseException:
        with contextlib.suppress(OSError):  # only if they are empty
            folder.rmdir()
            parent.rmdir()
        raise
    for file in origin.iterdir():
        if file.is_file() and file.suffix != ENCRYPTED_SUFFIX and not (folder / file.name).exists():
            (folder / file.name).symlink_to(file.resolve())
    try:
        yield folder
    except BaseException:
        terminal.note(f"The decrypted files stay in {folder} for the next run.")
        raise
    with contextlib.suppress(OSError):
        shutil.rmtree(parent)


def _check(source: Path, key: Path, out: Path) -> None:
    if not source.exists():
        raise KnownError("missing_file", f"{source} does not exist.", "Check the path.", path=str(source))
    if not key.expanduser().is_file():
        raise KnownError(
            "missing_file",
            f"{key} is not a file.",
            "Give Meta's LLaMA-1 7B file: --llama-weights PATH/consolidated.00.pth.",
            path=str(key),
        )
    if not out.parent.is_dir():
        raise KnownError("no_folder", f"The folder {out.parent} does not exist.", "Create it first.", path=str(out))
