"""Settings per model: over those for all models, known by content, and harmless when damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QSettings

from belle import paths
from belle.engine.process.commands import Sampling
from desktop.library.fit import Fit
from desktop.library.library import Library
from desktop.model_settings import LoadSettings, ModelSettings, ModelSettingsStore, model_identity
from desktop.settings import Settings
from tests.belle.engine.tiny_gguf import write_random_model
from tests.support.library import QuietLibrary


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def store(settings: Settings) -> ModelSettingsStore:
    return ModelSettingsStore(settings)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "one.gguf"
    write_random_model(path)
    return path


def test_what_is_set_for_a_model_goes_over_what_is_set_for_all(
    settings: Settings, store: ModelSettingsStore, model: Path
) -> None:
    settings.set_value("model/n_ctx", 8192)
    settings.set_value("model/threads", 4)
    assert store.of(model).load_settings(settings) == LoadSettings(8192, 4)
    for name, value in {"n_ctx": 2048, "threads": 0, "kv_type": "q8_0", "flash_attention": "on"}.items():
        store.set(model, name, value)
    assert store.of(model).load_settings(settings) == LoadSettings(2048, None, -1, "q8_0", "on")
    store.set(model, "temperature", 0.2)
    store.set(model, "seed", 7)
    base = Sampling(temperature=1.0, top_k=20)
    assert store.of(model).sampling(base) == Sampling(temperature=0.2, top_k=20, seed=7)


def test_settings_are_there_at_the_next_start_and_follow_a_file_that_is_moved(
    store: ModelSettingsStore, model: Path, tmp_path: Path
) -> None:
    store.set(model, "n_ctx", 2048)
    moved = model.rename(tmp_path / "elsewhere.gguf")
    other = tmp_path / "other.gguf"
    write_random_model(other, seed=1)
    again = ModelSettingsStore(Settings())
    assert again.of(moved).n_ctx == 2048
    assert again.of(other) == ModelSettings()
    assert again.of(model) == ModelSettings(), "a file that is gone has none"


def test_another_file_in_the_same_place_has_settings_of_its_own(store: ModelSettingsStore, model: Path) -> None:
    store.set(model, "n_ctx", 2048)
    write_random_model(model, seed=2, n_layers=2)
    assert store.of(model) == ModelSettings()


def test_back_to_defaults_leaves_nothing(settings: Settings, store: ModelSettingsStore, model: Path) -> None:
    store.set(model, "n_ctx", 2048)
    store.set(model, "top_k", 5)
    store.reset(model)
    assert store.of(model) == ModelSettings()
    assert settings.groups("models") == []
    store.set(model, "n_ctx", 2048)
    store.set(model, "n_ctx", None)
    assert settings.groups("models") == []


def test_the_settings_of_a_file_that_is_gone_are_found_by_its_path(
    settings: Settings, store: ModelSettingsStore, model: Path
) -> None:
    store.set(model, "n_ctx", 2048)
    assert store.identities([model.with_name("other.gguf")]) == frozenset()
    (identity,) = store.identities([model])
    model.unlink()
    assert store.identities([model]) == {identity}
    store.drop([identity])
    assert settings.groups("models") == []


@pytest.mark.parametrize("gone", [False, True], ids=["its file is here", "its file is gone"])
def test_removing_a_model_removes_its_settings(settings: Settings, model: Path, tmp_path: Path, gone: bool) -> None:
    library = QuietLibrary(settings)
    other = tmp_path / "other.gguf"
    write_random_model(other, seed=9)
    for path in (model, other):
        library.add(path)
        library.model_settings.set(path, "n_ctx", 2048)
    if gone:
        model.unlink()
    entry = next(one for one in library.entries() if one.path == model)
    assert entry.status == ("missing" if gone else "installed")
    library.remove(library.removal(entry))
    assert library.model_settings.of(other).n_ctx == 2048
    assert len(settings.groups("models")) == 1


def test_the_verdict_is_about_the_settings_of_the_model(settings: Settings, model: Path) -> None:
    library = QuietLibrary(settings)
    write_random_model(model, n_embd=128, n_layers=4, n_ctx=8192)
    library.add(model)

    def fit() -> Fit:
        found = next(one for one in library.entries() if one.path == model).fit
        assert found is not None
        return found

    before = fit()
    library.model_settings.set(model, "n_ctx", 8192)
    larger = fit()
    library.model_settings.set(model, "kv_type", "q8_0")
    smaller = fit()
    assert (before.n_ctx, larger.n_ctx, smaller.n_ctx) == (4096, 8192, 8192)
    assert before.memory < larger.memory
    kv = 8192 * 4 * 2 * 128
    assert larger.memory - smaller.memory >= kv * (2 - 34 / 32), "and the scores, which flash attention does not have"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("n_ctx", "many"),
        ("n_ctx", "-5"),
        ("n_ctx", "1e400"),
        ("threads", "-1"),
        ("n_gpu_layers", "-2"),
        ("kv_type", "q9_9"),
        ("flash_attention", "maybe"),
        ("temperature", "nan"),
        ("temperature", "50"),
        ("top_p", "inf"),
        ("seed", "99999999999999"),
        ("top_k", ""),
    ],
)
def test_a_damaged_value_counts_as_not_set(store: ModelSettingsStore, model: Path, name: str, text: str) -> None:
    store.set(model, "min_p", 0.25)
    file = QSettings(str(paths.settings_file()), QSettings.Format.IniFormat)
    file.setValue(f"models/{model_identity(model)}/{name}", text)
    file.sync()
    assert ModelSettingsStore(Settings()).of(model) == ModelSettings(min_p=0.25)


@given(text=st.text(max_size=20), name=st.sampled_from([*ModelSettings.__dataclass_fields__]))
def test_any_text_is_a_value_within_its_range_or_none(text: str, name: str) -> None:
    class Fixed(Settings):
        def value(self, name: str, default: object = None) -> object:
            return text

    value = ModelSettingsStore(Fixed())._read("any", name)
    assert value is None or isinstance(value, int | float | str)
    if isinstance(value, int | float):
        assert -1 <= value <= 1 << 31


@pytest.mark.parametrize(("memory", "asked"), [([], 1), ([7 << 30], 2), ([0], 2)])
def test_gpus_are_asked_for_again_only_where_there_are_some(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, memory: list[int], asked: int
) -> None:
    calls: list[str] = []

    def call(function: str, **_: object) -> object:
        calls.append(function.rpartition(":")[2])
        return memory if calls[-1] == "gpu_memory" else {"seconds_per_byte": {"Q4_K": 1e-10}, "node_seconds": 1e-6}

    monkeypatch.setattr("desktop.library.library.call", call)
    monkeypatch.setattr("desktop.library.library.found_models", tuple)
    library = Library(settings)
    assert not library.has_gpu, "before this machine was looked at"
    library._look()
    library._look()
    assert calls.count("gpu_memory") == asked
    assert library.has_gpu == bool(memory)
    (starter,) = (one for one in library.entries() if one.name == "starter")
    assert starter.fit is not None
