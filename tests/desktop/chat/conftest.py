"""A controller for each test, with its model loaded or without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop.store import Store
from tests.support.desk import Desk, make_desk
from tests.support.fake_engine import FakeEngines


@pytest.fixture
def engines() -> FakeEngines:
    return FakeEngines()


@pytest.fixture
def idle_desk(qtbot: QtBot, tmp_path: Path, engines: FakeEngines) -> Iterator[Desk]:
    with Store.open(tmp_path / "chat.sqlite3") as store:
        desk = make_desk(store, engines)
        yield desk
        desk.controller.close()


@pytest.fixture
def desk(idle_desk: Desk) -> Desk:
    idle_desk.controller.start()
    return idle_desk
