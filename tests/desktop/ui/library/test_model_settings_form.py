"""The settings of one model in its details: what is changed is stored for it alone, and judged at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from belle.engine.process.commands import Sampling
from belle.gguf.reader import read_header
from desktop.i18n import set_language
from desktop.library.entries import LibraryEntry
from desktop.model_settings import LoadSettings, ModelSettings
from desktop.settings import Settings
from desktop.ui.library.details import ModelDetailsDialog
from desktop.ui.library.model_settings import ModelSettingsForm
from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.library import NoExamination, QuietLibrary

CARD = Sampling(temperature=0.6, top_k=20)


@pytest.fixture
def library(settings: Settings) -> QuietLibrary:
    return QuietLibrary(settings)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    write_random_model(path, n_embd=128, n_layers=4, n_ctx=8192)
    return path


def open_form(
    path: Path, library: QuietLibrary, settings: Settings, qtbot: Any, loaded_with: LoadSettings | None = None
) -> ModelSettingsForm:
    entry = LibraryEntry(
        str(path), path.stem, path.stem, "installed", "installed", path, header=read_header(path), sampling=CARD
    )
    form = ModelSettingsForm(entry, library, settings, loaded_with=loaded_with)
    qtbot.addWidget(form)
    form.show()
    return form


def test_it_shows_the_defaults_and_stores_what_is_changed(
    model: Path, library: QuietLibrary, settings: Settings, qtbot: Any
) -> None:
    settings.set_value("model/threads", 1)
    form = open_form(model, library, settings, qtbot)
    shown = (
        form.context_choice.value(),
        form.threads_choice.value(),
        form.kv_choice.value(),
        form.flash_choice.value(),
    )
    assert shown == ("4096", "fixed", "f16", "auto")
    assert (form.fields["temperature"].value(), form.fields["top_k"].value()) == (0.6, 20)
    assert library.model_settings.of(model) == ModelSettings(), "showing stores nothing"
    form.context_choice.button("8192").click()
    form.threads_choice.button("auto").click()
    form.kv_choice.button("q8_0").click()
    form.flash_choice.button("on").click()
    form.fields["temperature"].setValue(0.2)
    form.seed_choice.button("fixed").click()
    form.seed_field.setValue(11)
    assert library.model_settings.of(model) == ModelSettings(
        n_ctx=8192, threads=0, kv_type="q8_0", flash_attention="on", temperature=0.2, seed=11
    )
    again = open_form(model, library, settings, qtbot)
    assert (again.kv_choice.value(), again.seed_field.value(), again.threads_choice.value()) == ("q8_0", 11, "auto")
    assert settings.n_ctx == 4096, "of all models nothing has changed"


def test_back_to_defaults(model: Path, library: QuietLibrary, settings: Settings, qtbot: Any) -> None:
    form = open_form(model, library, settings, qtbot)
    assert not form.reset_button.isEnabled()
    form.kv_choice.button("q4_0").click()
    form.fields["top_p"].setValue(0.5)
    form.reset_button.click()
    assert (form.kv_choice.value(), form.fields["top_p"].value()) == ("f16", CARD.top_p)
    assert library.model_settings.of(model) == ModelSettings()
    assert not form.reset_button.isEnabled()


def test_the_verdict_follows(model: Path, library: QuietLibrary, settings: Settings, qtbot: Any) -> None:
    form = open_form(model, library, settings, qtbot)
    texts = [form._fit.text()]
    assert "4,096" in texts[0]
    for button in (form.context_choice.button("8192"), form.kv_choice.button("q4_0")):
        button.click()
        texts.append(form._fit.text())
    assert "8,192" in texts[1]
    assert len(set(texts)) == 3
    assert form._advice.isHidden()
    form.flash_choice.button("off").click()
    assert "16 bits" in form._advice.text(), "four bits need flash attention"


def test_a_context_longer_than_the_model_was_trained_with_is_not_offered(
    tmp_path: Path, library: QuietLibrary, settings: Settings, qtbot: Any
) -> None:
    path = tmp_path / "short.gguf"
    write_random_model(path, n_ctx=2560)
    form = open_form(path, library, settings, qtbot)
    assert list(form._contexts) == [2048, 2560]
    assert form.context_choice.value() == "2560"


def test_layers_are_for_a_machine_with_a_gpu(
    model: Path, library: QuietLibrary, settings: Settings, qtbot: Any
) -> None:
    form = open_form(model, library, settings, qtbot)
    assert not form.layers_choice.isVisible()
    library._gpu_memory = (10**9,)
    library.changed.emit()
    assert form.layers_choice.isVisible()
    form.layers_choice.button("some").click()
    form.layers_field.setValue(2)
    assert library.model_settings.of(model).n_gpu_layers == 2
    form.layers_choice.button("all").click()
    assert library.load_settings(model).n_gpu_layers == -1


def test_a_loaded_model_is_loaded_again_on_request(
    model: Path, library: QuietLibrary, settings: Settings, qtbot: Any
) -> None:
    form = open_form(model, library, settings, qtbot, library.load_settings(model))
    assert not form.reload_button.isVisible()
    form.fields["top_k"].setValue(7)
    assert not form.reload_button.isVisible(), "this holds from the next question on"
    form.context_choice.button("2048").click()
    assert form.reload_button.isVisible()
    with qtbot.waitSignal(form.reload_requested):
        form.reload_button.click()
    form.context_choice.button("4096").click()
    assert not form.reload_button.isVisible()


def test_in_chinese_and_in_the_details(model: Path, library: QuietLibrary, settings: Settings, qtbot: Any) -> None:
    library.add(model)
    entry = next(one for one in library.entries() if one.path == model)
    dialog = ModelDetailsDialog(entry, library, settings, current=False, examination=NoExamination())
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog.form is not None
    dialog.tabs.button("load").click()
    assert dialog.form.context_choice.isVisible() and not dialog.form.seed_choice.isVisible()
    dialog.tabs.button("answers").click()
    assert dialog.form.seed_choice.isVisible()
    assert dialog.form.context_choice.accessibleName() == "Context length"
    set_language("zh_CN")
    QApplication.processEvents()
    assert dialog.form.reset_button.text() == "恢复默认"
    assert dialog.form.kv_choice.button("q8_0").text() == "8 位"
    set_language("en")
