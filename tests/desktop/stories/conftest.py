"""The person at the window in these stories."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from tests.support.person import Person

SMALL = (720, 400)
"""A window that a few lines of an answer fill."""


@pytest.fixture
def sits_down(qtbot: QtBot) -> Iterator[Callable[..., Person]]:
    """Opens the window, once or more often in a story; whatever is open at its end is closed."""
    people: list[Person] = []

    def open_window(**values: object) -> Person:
        # The likeliest word every time: a story ends as it did yesterday.
        people.append(Person(qtbot, {"sampling/temperature": 0.0, **values}, size=SMALL))
        return people[-1]

    yield open_window
    for person in people:
        person.leave()


@pytest.fixture
def person(sits_down: Callable[..., Person]) -> Person:
    """Somebody with a small window and the starter model."""
    return sits_down()
