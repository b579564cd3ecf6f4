"""The list of models, importing a file, removing a model."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from belle import paths
from belle.clients.progress import Step
from belle.errors import KnownError
from belle.models.catalog import load_catalog, resolve
from belle.models.registry import installed, register
from convert.install.job import InstallOptions, install
from convert.install.library import LibraryRow, plan_removal, remove, rows, take_over
from tests.belle.engine.tiny_gguf import write_random_model
from tests.convert.install.belle_checkpoint import WEIGHTS
from tests.convert.install.loopback_hub import LoopbackHub


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "My Model.gguf"
    write_random_model(path, template="{{ messages }}")
    return path


def row(name: str) -> LibraryRow:
    return next(one for one in rows() if one.name == name)


def begin(hub: LoopbackHub) -> None:
    """Leave an installation unfinished."""
    entry = load_catalog().find("belle-7b-2m")
    assert entry is not None
    hub.wrong.add(WEIGHTS)
    with pytest.raises(KnownError):
        install(entry)


# --- the list


def test_the_list_holds_the_catalogue_and_what_it_takes() -> None:
    assert [one.name for one in rows()] == [entry.name for entry in load_catalog()]
    starter = row("starter")
    assert (starter.status, starter.size) == ("installed", 98_362_432)
    assert starter.memory
    assert starter.memory > starter.size
    belle = row("belle-7b-2m")
    assert (belle.status, belle.path, belle.license, belle.research_only) == ("available", "", "apache-2.0", True)
    assert belle.download == 7_350_000_000
    assert belle.size
    assert belle.memory
    assert 5.0e9 < belle.size < 5.5e9 < belle.memory < 7e9
    assert row("chatbelle-int4").status == "unsupported"


def test_the_list_shows_what_is_here_what_is_gone_and_what_was_begun(gguf: Path, hub: LoopbackHub) -> None:
    take_over(gguf, name="mine")
    mine = row("mine")
    assert (mine.status, mine.path, mine.size) == ("installed", str(gguf), gguf.stat().st_size)
    gguf.unlink()
    assert row("mine").status == "missing"
    begin(hub)
    assert row("belle-7b-2m").status == "begun"


# --- taking over


def test_a_file_is_registered_where_it_is(gguf: Path) -> None:
    model, header = take_over(gguf)
    assert (model.name, model.path, model.title, model.template) == ("my-model", gguf, "Random", None)
    assert header.architecture == "llama"
    assert resolve("my-model").path == gguf


def test_a_name_and_a_template_can_be_chosen(gguf: Path) -> None:
    take_over(gguf, name="mine", template="belle")
    assert resolve("mine").template == "belle"
    take_over(gguf, name="mine", template="chatml")
    assert [model.template for model in installed()] == ["chatml"]


def test_a_file_can_be_a_model_of_the_catalogue(gguf: Path) -> None:
    take_over(gguf, name="Belle-LLaMA-7B-2M")
    found = resolve("belle-llama-7b-2m")
    assert (found.path, found.template) == (gguf, "belle-v0")
    assert row("belle-llama-7b-2m").status == "installed"


def test_a_copy_is_made_whole_or_not_at_all(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10_000))
        with pytest.raises(KnownError) as caught:
            take_over(gguf, name="mine", copy=True)
    assert caught.value.kind == "disk_full"
    assert not (paths.models_dir() / "mine").exists()
    steps: list[Step] = []
    model, _ = take_over(gguf, name="mine", copy=True, listener=steps.append)
    assert model.path == paths.models_dir() / "mine" / gguf.name
    assert model.path.read_bytes() == gguf.read_bytes()
    assert steps[-1].stage == "copy"
    again, _ = take_over(model.path, name="mine", copy=True)
    assert again.path == model.path


def test_all_parts_of_a_split_file_are_copied_and_removed(gguf: Path) -> None:
    parts = [gguf.with_name(f"m-0000{number}-of-00002.gguf") for number in (1, 2)]
    for part in parts:
        shutil.copy(gguf, part)
    model, _ = take_over(parts[0], name="split", copy=True)
    assert sorted(path.name for path in model.path.parent.iterdir()) == [part.name for part in parts]
    remove(plan_removal("split"))
    assert not model.path.parent.exists()
    assert all(part.exists() for part in parts)


@pytest.mark.parametrize("name", ["starter", "chatbelle-int4"])
def test_a_name_that_is_another_model_s(gguf: Path, name: str) -> None:
    with pytest.raises(KnownError) as caught:
        take_over(gguf, name=name)
    assert caught.value.kind == "name_taken"


def test_a_name_that_another_file_has(gguf: Path, tmp_path: Path) -> None:
    take_over(gguf, name="mine")
    other = tmp_path / "other.gguf"
    write_random_model(other)
    with pytest.raises(KnownError) as caught:
        take_over(other, name="mine")
    assert caught.value.kind == "name_taken"
    assert str(gguf) in caught.value.message
    gguf.unlink()
    take_over(other, name="mine")
    assert resolve("mine").path == other


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "-rf", "a b"])
def test_a_name_that_is_none(gguf: Path, name: str) -> None:
    with pytest.raises(KnownError) as caught:
        take_over(gguf, name=name)
    assert caught.value.kind == "bad_name"


def test_another_architecture_is_not_that_model(gguf: Path) -> None:
    with pytest.raises(KnownError, match="bloom"):
        take_over(gguf, name="belle-7b-2m")


def test_what_is_no_gguf(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"PK\x03\x04 and so on, a PyTorch checkpoint renamed")
    with pytest.raises(KnownError) as caught:
        take_over(path)
    assert caught.value.kind == "not_gguf"
    with pytest.raises(KnownError):
        take_over(tmp_path / "nowhere.gguf")
    assert installed() == []


# --- removing


def test_an_installed_model_is_deleted(hub: LoopbackHub) -> None:
    entry = load_catalog().find("belle-7b-2m")
    assert entry is not None
    install(entry, InstallOptions(keep_download=True, codes="fast"))
    result = install(entry, InstallOptions(keep_download=True))
    removal = plan_removal("BELLE-7B-2M")
    assert result.path in removal.files
    assert removal.n_bytes > result.n_bytes, "the kept download too"
    remove(removal)
    assert installed() == []
    assert not result.path.parent.exists()


def test_an_unfinished_installation_is_deleted(hub: LoopbackHub) -> None:
    begin(hub)
    removal = plan_removal("belle-7b-2m")
    assert not removal.registered
    remove(removal)
    assert not (paths.models_dir() / "belle-7b-2m").exists()
    assert row("belle-7b-2m").status == "available"


def test_a_file_of_one_s_own_stays(gguf: Path) -> None:
    take_over(gguf, name="mine")
    removal = plan_removal("mine")
    assert (removal.files, removal.kept) == ((), gguf)
    remove(removal)
    assert gguf.exists()
    assert installed() == []


@pytest.mark.parametrize("path", ["models/../outside.gguf", "models-2/inside.gguf", "inside.gguf"])
def test_only_files_in_the_models_folder_are_deleted(tmp_path: Path, path: str) -> None:
    outside = paths.data_dir() / path
    outside.parent.mkdir(parents=True, exist_ok=True)
    paths.models_dir().mkdir(parents=True, exist_ok=True)
    outside.write_bytes(b"GGUF")
    register("theirs", outside)
    remove(plan_removal("theirs"))
    assert outside.exists()


def test_a_link_is_deleted_and_not_what_it_leads_to(gguf: Path) -> None:
    link = paths.models_dir() / "linked" / "m.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(gguf)
    register("linked", link)
    remove(plan_removal("linked"))
    assert not link.is_symlink()
    assert gguf.exists()


def test_other_files_in_the_folder_stay(gguf: Path) -> None:
    model, _ = take_over(gguf, name="mine", copy=True)
    notes = model.path.with_name("notes.txt")
    notes.write_text("mine")
    remove(plan_removal("mine"))
    assert notes.exists()
    assert not model.path.exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("starter", "comes_with_program"), ("belle-7b-2m", "not_installed"), ("belle-7b-3m", "unknown_model")],
)
def test_what_cannot_be_removed(name: str, kind: str) -> None:
    with pytest.raises(KnownError) as caught:
        plan_removal(name)
    assert caught.value.kind == kind
