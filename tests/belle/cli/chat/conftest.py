"""Terminals to chat in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.pty_chat import Pty


@pytest.fixture
def terminal() -> Iterator[Callable[..., Pty]]:
    opened: list[Pty] = []

    def start(*words: str, **environ: str) -> Pty:
        opened.append(Pty(*words, **environ))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
