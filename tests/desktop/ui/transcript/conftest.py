"""Messages, and a view that shows them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication

from desktop.store.records import StoredMessage
from desktop.ui.transcript import TranscriptView

MakeMessage = Callable[..., StoredMessage]


@pytest.fixture
def message() -> MakeMessage:
    numbers = count(1)

    def make(text: str, role: str = "assistant", status: str = "complete", **more: Any) -> StoredMessage:
        number = more.pop("id", None) or next(numbers)
        values = {
            "parent_id": number - 1 or None,
            "created_at": 0.0,
            "model": "starter",
            "stats": {},
            "sibling_index": 0,
            "sibling_count": 1,
        } | more
        return StoredMessage(number, 1, role=role, text=text, status=status, **values)

    return make


@pytest.fixture
def view(qtbot) -> TranscriptView:
    transcript = TranscriptView()
    qtbot.addWidget(transcript)
    transcript.resize(900, 700)
    transcript.show()
    transcript.activateWindow()
    qtbot.waitExposed(transcript)
    return transcript


def idle(qtbot, milliseconds: int = 0) -> None:
    """Process events until idle work is done."""
    for _ in range(30):
        QCoreApplication.processEvents()
    if milliseconds:
        qtbot.wait(milliseconds)
