"""A program like pw-play that is found first in the PATH: it takes as long as the sound does, and keeps it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

_CODE = """\
import shutil, sys, time, wave
shutil.copy(sys.argv[-1], {heard!r})
file = wave.open(sys.argv[-1])
time.sleep(file.getnframes() / file.getframerate())
"""


def install_player(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the program first in the PATH. Returns the file that has the last sound it was given."""
    folder.mkdir(exist_ok=True)
    program, heard = folder / "pw-play", folder / "heard.wav"
    program.write_text(f"#!{sys.executable}\n{_CODE.format(heard=str(heard))}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return heard
