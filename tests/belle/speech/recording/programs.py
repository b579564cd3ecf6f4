"""Stand-ins for the recording programs of a system: scripts in a folder of their own, found by PATH."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np


def install(folder: Path, name: str, script: str) -> None:
    """Put a shell script into the folder."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def path_with(folder: Path, *programs: str) -> str:
    """A PATH in which nothing records but what `install` has put there; `programs` of the system are there, too."""
    folder.mkdir(exist_ok=True)
    for program in ("cat", "sleep", *programs):
        found = shutil.which(program)
        assert found is not None
        if not (folder / program).exists():
            (folder / program).symlink_to(found)
    return str(folder)


def tone(seconds: float, rate: int = 16_000) -> np.ndarray:
    """A tone of 440 Hz, float."""
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)


def samples(seconds: float, order: str = "<i2") -> bytes:
    """The same as 16-bit samples."""
    return (tone(seconds) * 32767).astype(order).tobytes()
