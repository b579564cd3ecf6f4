"""The dialog that is open now."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QDialog


def open_dialog(kind: str) -> QDialog:
    """The one visible dialog whose class has this name; the name alone, because dialogs are imported when opened."""
    dialogs = [w for w in QApplication.topLevelWidgets() if type(w).__name__ == kind and w.isVisible()]
    assert len(dialogs) == 1, dialogs
    assert isinstance(dialogs[0], QDialog)
    return dialogs[0]
