"""What is told about models, and in which order; conversations are in test_controller.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from belle import catalog
from belle.engine.protocol import Done, Failed, Generate, Sampling
from belle.prompts import Message
from desktop.chat.model_control import ModelControl
from desktop.settings import SMALLEST_CONTEXT, Settings
from tests.belle.engine import tiny_gguf
from tests.belle.engine.tiny_gguf import write_random_model
from tests.support import illegal_kernels
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


@pytest.fixture
def real(qtbot: QtBot, settings: Settings) -> Iterator[tuple[ModelControl, list[str]]]:
    """With real workers; and the kinds of what is told."""
    parent = QObject()
    made, told = ModelControl(settings, None, parent), []
    made.notice.connect(lambda notice: told.append(notice.kind))
    yield made, told
    made.close()


def test_a_question_is_answered_where_the_extra_kernels_do_not_work(
    real: tuple[ModelControl, list[str]], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", illegal_kernels.install(tmp_path)["PYTHONPATH"])
    path = tmp_path / "model.gguf"
    write_random_model(path, template="{{ messages[0].content }}")
    models, told = real
    answered: list[object] = []
    models.load(str(path))
    models.host.answer_event.connect(answered.append)
    qtbot.waitUntil(lambda: models.state.status == "ready", timeout=60_000)
    models.host.generate(Generate(1, (Message("user", "hello world, hello a b."),), max_tokens=2))
    qtbot.waitUntil(lambda: any(isinstance(event, Done) for event in answered), timeout=60_000)
    assert told.count("safer_mode") == 1 and not {"engine_restarted", "engine_gave_up"} & set(told)
    assert not any(isinstance(event, Failed) for event in answered)
    assert models.state.status == "ready"


def test_a_file_that_crashes_the_engine_is_given_up_after_two_tries(
    real: tuple[ModelControl, list[str]], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_gguf, "SPM_WORDS", [*tiny_gguf.SPM_WORDS, tiny_gguf.SPM_WORDS[0]])
    write_random_model(tmp_path / "equal.gguf", template="{{ messages[0].content }}")
    models, told = real
    models.load(str(tmp_path / "equal.gguf"))
    qtbot.waitUntil(lambda: "engine_gave_up" in told, timeout=60_000)
    assert [kind for kind in told if kind in ("safer_mode", "engine_restarted")] == ["safer_mode"]
    assert models.state.status == "failed"
