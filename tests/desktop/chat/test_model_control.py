"""What is told about models, and in which order; conversations are in test_controller.py."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from belle import catalog
from belle.engine.protocol import Sampling
from desktop.chat.model_control import ModelControl
from desktop.settings import SMALLEST_CONTEXT, Settings
from tests.support.fake_engine import FakeEngines


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def models(qtbot: QtBot, settings: Settings):
    parent = QObject()
    made = ModelControl(settings, FakeEngines(), parent)
    yield made
    made.close()


def test_before_the_start_there_is_no_model_and_nothing_to_close(models: ModelControl) -> None:
    assert models.state.status == "none"
    ended: list[str] = []
    models.answer_ends.connect(ended.append)
    models.close()
    assert ended == []


def test_the_model_s_own_figures_are_those_of_its_card(models: ModelControl, settings: Settings) -> None:
    assert models.own_sampling() == Sampling()
    models.start()
    card = catalog.resolve("starter").sampling
    assert card is not None
    assert models.own_sampling() == Sampling(**asdict(card))
    settings.set_value("sampling/temperature", 1.25)
    assert models.sampling() == Sampling(**{**asdict(card), "temperature": 1.25})
    assert models.own_sampling().temperature == card.temperature


def test_an_answer_ends_before_the_model_changes(models: ModelControl, tmp_path: Path) -> None:
    models.start()
    told: list[str] = []
    models.answer_ends.connect(told.append)
    models.state_changed.connect(lambda state: told.append(state.status))
    models.load("starter")
    assert told[:2] == ["stopped", "loading"]
    told.clear()
    models.unload()
    assert told == ["stopped", "none"]
    told.clear()
    models.load(str(tmp_path / "gone.gguf"))
    assert told == []


def test_the_context_stays_between_its_ends(models: ModelControl, settings: Settings) -> None:
    models.start()
    info = models.state.info
    assert info is not None
    models.change_context(100.0)
    assert settings.n_ctx == info.n_ctx_train
    models.change_context(0.0001)
    assert settings.n_ctx == SMALLEST_CONTEXT
