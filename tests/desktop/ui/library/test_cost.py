"""What the bits of a file cost is measured against its parent, in a process, and the report is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from gguf import GGMLQuantizationType
from PySide6.QtGui import QDesktopServices

from belle import paths
from desktop.library.cost import CostMeasurement, CostReport
from desktop.library.library import Library
from desktop.settings import Settings
from desktop.ui.library.cost import CostDialog
from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.library import QuietLibrary

PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and the same one in 8 bits."""
    folder = tmp_path_factory.mktemp("cost")
    parent, child = folder / "parent.gguf", folder / "child.gguf"
    write_random_model(parent, n_embd=64, n_ff=128)
    write_random_model(child, n_embd=64, n_ff=128, matrix_type=GGMLQuantizationType.Q8_0)
    return parent, child


def test_a_file_is_measured_against_its_parent(
    pair: tuple[Path, Path], settings: Settings, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent, child = pair
    monkeypatch.setattr("desktop.library.cost.WINDOWS", 2)
    library: Library = QuietLibrary(settings)
    library.add(child)
    entry = next(one for one in library.entries() if one.path == child)
    dialog = CostDialog(entry)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.measure_button.isEnabled()
    dialog.field.setText(str(parent))
    dialog.measure_button.click()
    assert dialog.measure_button.text() == "Stop"
    qtbot.waitUntil(dialog.report_button.isVisible, timeout=PATIENCE_MS)
    assert "child" in dialog.summary.text()
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    dialog.report_button.click()
    (page,) = opened
    assert Path(page).is_relative_to(paths.measurements_dir())
    assert "child" in Path(page).read_text(encoding="utf-8")


def test_what_cannot_be_measured_says_why_and_leaves_nothing(
    pair: tuple[Path, Path], tmp_path: Path, qtbot: Any
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    measurement = CostMeasurement()
    with qtbot.waitSignal(measurement.ended, timeout=PATIENCE_MS) as ended:
        measurement.start(broken, pair[1], "en")
    (report,) = ended.args
    assert isinstance(report, CostReport)
    assert "broken.gguf" in report.error
    assert report.page is None
    assert not any(paths.measurements_dir().iterdir())


def test_a_process_that_does_not_start_is_said(
    pair: tuple[Path, Path], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    measurement = CostMeasurement()
    with qtbot.waitSignal(measurement.ended, timeout=PATIENCE_MS) as ended:
        measurement.start(*pair, "en")
    (report,) = ended.args
    assert report.error
    assert report.page is None
