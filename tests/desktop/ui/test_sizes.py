"""The window and every dialog fit on the screen: on a small laptop, at 200 %, with large text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LONG = ("AboutDialog", "CrashesDialog", "LibraryDialog", "OfflineDialog")
"""Dialogs of so much text that they may scroll."""

LAPTOP = {"x": 0, "y": 0, "width": 1366, "height": 768}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize(("scale", "zoom"), [("1", "1.0"), ("2", "1.0"), ("1", "1.5"), ("1", "2.0")])
def test_the_first_window_and_every_dialog_fit_a_small_screen(
    tmp_path: Path, scale: str, zoom: str, language: str
) -> None:
    screens = tmp_path / "screens.json"
    screens.write_text(json.dumps({"screens": [{"name": "laptop", "logicalDpi": 96, "dpr": 1, **LAPTOP}]}))
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": f"offscreen:configfile={screens}",
        "QT_SCALE_FACTOR": scale,
    }
    command = [sys.executable, "-m", "tests.support.sizes", zoom, language]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    for shown in json.loads(run.stdout):
        assert shown["screen"] == [1366 // int(scale), 768 // int(scale)]
        assert shown["size"][0] <= shown["screen"][0], shown
        assert shown["size"][1] <= shown["screen"][1], shown
        assert not shown["clipped"], shown
        assert not shown["scrolls"][0], shown
        if (scale, zoom) == ("1", "1.0") and shown["name"] not in LONG:
            assert not shown["scrolls"][1], shown
