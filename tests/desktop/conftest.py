"""Resets the application between tests, which share one, because a process can have only one QApplication."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from desktop.i18n import set_language
from desktop.ui.style.theme import themes


@pytest.fixture(autouse=True)
def _application_as_new(request: pytest.FixtureRequest) -> None:
    """English, the light theme at 100 %, where this test or an earlier one made an application."""
    if "qapp" in request.fixturenames:
        request.getfixturevalue("qapp")
    if QApplication.instance() is not None:
        set_language("en")
        themes().apply("light", 1.0)
