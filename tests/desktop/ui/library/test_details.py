"""The details of a model file: its digest is computed on request, and what goes wrong is said."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from desktop.settings import Settings
from desktop.ui.library.details import ModelDetailsDialog
from tests.support.library import NoExamination, QuietLibrary


def test_a_file_that_cannot_be_read_can_be_checked_again(settings: Settings, qtbot: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    library = QuietLibrary(settings)
    entry = replace(library.entries()[0], path=path)
    dialog = ModelDetailsDialog(entry, library, settings, current=False, examination=NoExamination())
    qtbot.addWidget(dialog)
    dialog.digest_button.click()
    assert not dialog.digest_button.isEnabled()
    qtbot.waitUntil(dialog.digest_button.isEnabled)
    path.write_bytes(b"")
    dialog.digest_button.click()
    qtbot.waitUntil(lambda: ("SHA-256", hashlib.sha256(b"").hexdigest()) in dialog.facts())
    assert not dialog.digest_button.isEnabled()
