"""A window over a controller without store and engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from desktop.ui.window.main_window import MainWindow


@pytest.fixture
def make(qtbot, controller, settings) -> Callable[..., MainWindow]:
    """Opens a window, at a `width` and `height` or at its own."""

    def build(**size: int) -> MainWindow:
        window = MainWindow(controller, settings)
        qtbot.addWidget(window)
        if size:
            window.resize(size["width"], size["height"])
        with qtbot.waitExposed(window):
            window.show()
        qtbot.waitUntil(lambda: window.pages.currentWidget() is not None)
        return window

    return build


@pytest.fixture
def window(make) -> MainWindow:
    return make()
