"""What a frame says: where in the program, and nothing of this computer."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

import desktop
from desktop.crashes.frames import MOST_FRAMES, frames_in, frames_of, source_name

ROOT = Path(desktop.__file__).parents[1]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (str(ROOT / "desktop/ui/window/main_window.py"), "desktop/ui/window/main_window.py"),
        (str(ROOT / "belle/engine/worker.py"), "belle/engine/worker.py"),
        ("/home/ann/.venv/lib/python3.12/site-packages/PySide6/__init__.py", "PySide6/__init__.py"),
        ("/usr/lib/python3/dist-packages/numpy/core.py", "numpy/core.py"),
        ("/home/ann/python/lib/python3.12/threading.py", "python3.12/threading.py"),
        (r"C:\Users\ann\.venv\Lib\site-packages\jinja2\nodes.py", "jinja2/nodes.py"),
        ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
        ("<string>", "<string>"),
        ("/home/ann/my diary.py", "?"),
        (str(ROOT / "my diary.py"), "?"),
        ("diary.py", "?"),
        ("", "?"),
        ("</home/ann/diary>", "?"),
    ],
)
def test_a_source_file_is_named_from_its_package_on(file: str, name: str) -> None:
    assert source_name(file) == name


def test_the_library_of_this_python_has_no_folders_before_it() -> None:
    folder = sysconfig.get_path("stdlib")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert source_name(f"{folder}/json/decoder.py") == f"{version}/json/decoder.py"


def test_the_innermost_frames_of_a_deep_stack_are_kept() -> None:
    def deep(n: int) -> None:
        if n == 0:
            raise ValueError
        deep(n - 1)

    with pytest.raises(ValueError) as caught:
        deep(100)
    frames = frames_of(caught.tb)
    assert len(frames) == MOST_FRAMES and set(frames[1:-1]) == {frames[1]}


def test_a_quoted_stack_gives_its_places_and_no_source() -> None:
    python = f'  File "{ROOT}/belle/engine/worker.py", line 7, in main\n    secret = "我的日记"\nValueError: 日记'
    faulthandler = f'  File "{ROOT}/desktop/app.py", line 12 in <module>\n  File "/home/ann/x.py", line 3 in f\n'
    assert frames_in(python) == ("belle/engine/worker.py:7 main",)
    assert frames_in(faulthandler) == ("desktop/app.py:12 <module>", "?:3 f")
    assert frames_in("no stack at all") == ()
