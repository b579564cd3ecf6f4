"""The signals about models and their order; conversations are in test_controller.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from belle.engine.process import client
from belle.engine.process.commands import Generate, Sampling
from belle.engine.process.events import Done, Failed, Fallback
from belle.models import catalog, registry
from belle.prompts import Message
from desktop.chat.model_control import ModelControl
from desktop.chat.state import Notice
from desktop.model_settings import LoadSettings, ModelSettingsStore
from desktop.settings import SMALLEST_CONTEXT, Settings
from desktop.ui.notices.text import notice_text
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
    models = ModelControl(settings, FakeEngines(), parent)
    yield models
    models.close()


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
    emitted: list[str] = []
    models.answer_ends.connect(emitted.append)
    models.state_changed.connect(lambda state: emitted.append(state.status))
    models.load("starter")
    assert emitted[:2] == ["stopped", "loading"]
    emitted.clear()
    models.load(str(tmp_path / "gone.gguf"))
    assert emitted == []


def test_the_context_stays_between_its_ends(models: ModelControl, settings: Settings) -> None:
    models.start()
    info = models.state.info
    assert info is not None
    models.change_context(100.0)
    assert settings.n_ctx == info.n_ctx_train
    models.change_context(0.0001)
    assert settings.n_ctx == SMALLEST_CONTEXT


def test_a_model_is_loaded_and_answers_with_the_settings_of_its_own(
    models: ModelControl, settings: Settings, tmp_path: Path
) -> None:
    path, own = tmp_path / "model.gguf", ModelSettingsStore(settings)
    write_random_model(path)
    settings.set_value("sampling/temperature", 1.25)
    settings.set_value("model/n_ctx", 8192)
    for name, value in {"n_ctx": 2048, "threads": 1, "kv_type": "q8_0", "flash_attention": "on"}.items():
        own.set(path, name, value)
    own.set(path, "temperature", 0.5)
    models.load(str(path))
    assert models.loaded_with() == LoadSettings(2048, 1, -1, "q8_0", "on")
    assert models.sampling().temperature == 0.5
    own.set(path, "temperature", None)
    assert models.sampling().temperature == 1.25, "at once, without loading it again"
    models.load("starter")
    assert models.loaded_with() == LoadSettings(8192)


def test_more_room_for_a_model_with_a_context_of_its_own_is_for_it_alone(
    models: ModelControl, settings: Settings, tmp_path: Path
) -> None:
    path, own = tmp_path / "model.gguf", ModelSettingsStore(settings)
    write_random_model(path)
    own.set(path, "n_ctx", 2048)
    before = settings.n_ctx
    models.load(str(path))
    models.change_context(2.0)
    assert own.of(path).n_ctx == 4096
    assert settings.n_ctx == before


def test_what_could_not_be_taken_is_told_once_and_no_longer_with_another_model(
    qtbot: QtBot, settings: Settings
) -> None:
    engines = FakeEngines(fallbacks=(Fallback("kv_type", "q8_0", "f16", "head_size", "Its heads have 80 values."),))
    parent = QObject()
    models = ModelControl(settings, engines, parent)
    told: list[Notice] = []
    cleared: list[str] = []
    models.notice.connect(told.append)
    models.notice_cleared.connect(cleared.append)
    models.start()
    models.set_template("belle")
    assert [(notice.kind, notice.level) for notice in told] == [("fallback", "info")]
    assert "16 bits" in notice_text(told[0]).title
    models.load("starter")
    assert told[0].key in cleared
    models.close()


@pytest.fixture
def real(qtbot: QtBot, settings: Settings) -> Iterator[tuple[ModelControl, list[str]]]:
    """With real workers; and the kinds of what is emitted."""
    parent = QObject()
    models, emitted = ModelControl(settings, None, parent), []
    models.notice.connect(lambda notice: emitted.append(notice.kind))
    yield models, emitted
    models.close()


def test_a_question_is_answered_where_the_extra_kernels_do_not_work(
    real: tuple[ModelControl, list[str]], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", illegal_kernels.install(tmp_path)["PYTHONPATH"])
    path = tmp_path / "model.gguf"
    write_random_model(path, template="{{ messages[0].content }}")
    models, emitted = real
    answered: list[object] = []
    models.load(str(path))
    models.host.answer_event.connect(answered.append)
    qtbot.waitUntil(lambda: models.state.status == "ready", timeout=60_000)
    models.host.generate(Generate(1, (Message("user", "hello world, hello a b."),), max_tokens=2))
    qtbot.waitUntil(lambda: any(isinstance(event, Done) for event in answered), timeout=60_000)
    assert emitted.count("safer_mode") == 1 and not {"engine_restarted", "engine_gave_up"} & set(emitted)
    assert not any(isinstance(event, Failed) for event in answered)
    assert models.state.status == "ready"


def test_a_file_that_crashes_the_engine_is_given_up(
    real: tuple[ModelControl, list[str]], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiny_gguf, "SPM_WORDS", [*tiny_gguf.SPM_WORDS, tiny_gguf.SPM_WORDS[0]])
    write_random_model(tmp_path / "equal.gguf", template="{{ messages[0].content }}")
    models, emitted = real
    models.load(str(tmp_path / "equal.gguf"))
    qtbot.waitUntil(lambda: "engine_gave_up" in emitted, timeout=60_000)
    assert "safer_mode" not in emitted
    assert models.state.status == "failed"


def test_a_process_that_cannot_be_started_is_reported_and_started_when_asked_again(
    real: tuple[ModelControl, list[str]], qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, emitted = real
    notices: list[Notice] = []
    models.notice.connect(notices.append)
    with monkeypatch.context() as patch:
        patch.setattr(client, "_COMMAND", (str(tmp_path / "no-python"),))
        models.load("starter")
        qtbot.waitUntil(lambda: models.state.status == "failed", timeout=10_000)
    assert emitted == ["no_process"]
    assert notices[0].actions == ("restart_engine", "choose_model")
    assert "No such file" in notices[0].details["message"]
    models.reload()
    qtbot.waitUntil(lambda: models.state.status == "ready", timeout=60_000)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A model file of one's own."""
    path = tmp_path / "mine.gguf"
    path.symlink_to(catalog.resolve("starter").path)
    return path


def test_a_model_is_remembered_when_it_is_loaded_and_not_before(qtbot: QtBot, settings: Settings, mine: Path) -> None:
    engines, parent = FakeEngines(ready_at_once=False), QObject()
    models = ModelControl(settings, engines, parent)
    models.start(str(mine))
    assert (settings.model, registry.installed()) == ("", [])
    engines.last.on_event(Failed(None, "too_big_for_memory", "It does not fit.", "", {}))
    assert (settings.model, registry.installed()) == ("", [])
    models.load(str(mine))
    engines.last.ready()
    assert settings.model == str(mine)
    assert [model.path for model in registry.installed()] == [mine]
    models.close()


@pytest.mark.parametrize("asked", ["nosuchmodel", "gone.gguf", "belle-7b-2m"])
def test_a_model_that_cannot_be_opened_is_told_and_the_one_of_last_time_is_there(
    models: ModelControl, settings: Settings, asked: str
) -> None:
    settings.set_value("model/ref", "starter")
    notices: list[Notice] = []
    cleared: list[str] = []
    models.notice.connect(notices.append)
    models.notice_cleared.connect(cleared.append)
    models.start(asked)
    assert settings.model == "starter"
    assert models.state.is_starter
    assert len(notices) == 1
    assert notices[0].key not in cleared  # the next model does not take the words away


def test_a_context_is_remembered_when_the_model_could_be_loaded_with_it(qtbot: QtBot, settings: Settings) -> None:
    engines, parent = FakeEngines(), QObject()
    models = ModelControl(settings, engines, parent)
    notices: list[Notice] = []
    models.notice.connect(notices.append)
    models.start()
    before = settings.n_ctx
    engines.options["ready_at_once"] = False
    models.change_context(2.0)
    assert engines.last.loads[-1].n_ctx == 2 * before
    engines.last.on_event(Failed(None, "context_too_large", "It does not fit.", "", {}))
    assert settings.n_ctx == before
    assert "smaller_context" in notices[-1].actions
    models.change_context(0.5)
    assert engines.last.loads[-1].n_ctx == before
    models.change_context(0.5)
    engines.last.ready()
    assert settings.n_ctx == before // 2
    models.close()


def test_a_context_from_the_settings_that_does_not_fit_is_not_there_at_the_next_start(
    qtbot: QtBot, settings: Settings
) -> None:
    engines, parent = FakeEngines(), QObject()
    models = ModelControl(settings, engines, parent)
    models.start()
    before = settings.n_ctx
    engines.options["ready_at_once"] = False
    settings.set_value("model/n_ctx", 1 << 20)
    models.apply_settings()
    assert engines.last.loads[-1].n_ctx == 1 << 20
    engines.last.on_event(Failed(None, "context_too_large", "It does not fit.", "", {}))
    assert settings.n_ctx == before
    models.close()


def test_a_template_is_remembered_when_it_works(qtbot: QtBot, settings: Settings, mine: Path) -> None:
    engines, parent = FakeEngines(template=None), QObject()
    models = ModelControl(settings, engines, parent)
    models.load(str(mine))
    assert (settings.model, registry.installed()) == ("", [])
    models.set_template("belle")
    assert [(model.path, model.template) for model in registry.installed()] == [(mine, "belle")]
    assert settings.model == str(mine)
    models.close()
