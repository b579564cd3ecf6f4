"""Getting and importing models: real processes, and a hub on this machine that behaves as badly as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from belle import paths
from belle.clients.progress import Step
from belle.errors import KnownError
from belle.models.registry import installed
from convert.install.folder import ModelFolder
from desktop.chat.library import ModelLibrary
from desktop.library.entries import LibraryEntry
from desktop.library.jobs import JobState
from desktop.library.library import Library, kind_of
from desktop.settings import Settings
from tests.belle.engine.tiny_gguf import write_random_model
from tests.belle.speech.speaking_model import write_model
from tests.convert.checkpoints import llama_checkpoint, llama_shapes
from tests.convert.install.belle_checkpoint import WEIGHTS, belle_bloom
from tests.convert.install.conftest import REPO
from tests.convert.install.loopback_hub import Answer, LoopbackHub
from tests.convert.lora.adapters import LLAMA_LAYERS, adapter_for, save_adapter

PATIENCE_MS = 120_000
NAME = "belle-7b-2m"


def wait_until_begun(qtbot: Any) -> None:
    """Wait for what makes a line `begun`; the lines themselves take a look at every model and at the machine."""
    qtbot.waitUntil(ModelFolder(NAME).source_file.exists, timeout=PATIENCE_MS)


def line(library: Library, ref: str) -> LibraryEntry:
    return next(entry for entry in library.entries() if entry.ref == ref)


def ending(library: Library, qtbot: Any, do: Callable[[], object]) -> JobState:
    """How the job that `do` starts ends."""
    states: list[JobState] = []
    library.job_changed.connect(states.append)
    do()
    qtbot.waitUntil(lambda: bool(states) and states[-1].outcome != "running", timeout=PATIENCE_MS)
    return states[-1]


def test_belle_is_got_at_a_press_with_nothing_asked_before_it(library: Library, hub: LoopbackHub, qtbot: Any) -> None:
    assert line(library, NAME).status == "available"
    assert hub.requests == []
    steps: list[Step] = []
    library.job_changed.connect(lambda state: state.step and steps.append(state.step))
    state = ending(library, qtbot, lambda: library.get(NAME))
    assert state.outcome == "done", state.error
    assert {"download", "convert", "verify"} <= {step.stage for step in steps}
    entry = line(library, NAME)
    assert (entry.status, entry.section, entry.own) == ("installed", "installed", True)
    assert library.job(NAME) is None

    removal = library.removal(entry)
    assert removal.n_bytes == entry.size
    library.remove(removal)
    assert line(library, NAME).status == "available"
    assert not (paths.models_dir() / NAME).exists()


def test_a_paused_download_goes_on_in_another_window(library: Library, hub: LoopbackHub, qtbot: Any) -> None:
    hub.repos[REPO] = belle_bloom(width=512, layers=8, vocabulary=12000)
    hub.bytes_per_second = 12_000_000
    states: list[JobState] = []
    library.job_changed.connect(states.append)
    before = line(library, NAME)
    library.get(NAME)
    part = paths.models_dir() / NAME / ".download/checkpoint" / f".{WEIGHTS}.part"
    qtbot.waitUntil(lambda: part.exists() and part.stat().st_size > 9 << 20, timeout=PATIENCE_MS)
    library.stop(NAME)
    qtbot.waitUntil(lambda: states[-1].outcome == "stopped", timeout=PATIENCE_MS)
    assert states[-1].stopping
    entry = line(library, NAME)
    assert entry.status == "begun"
    assert entry.fit is not None
    assert before.fit is not None
    assert before.fit.disk - entry.fit.disk >= 8 << 20, "what is here already needs no disk"

    hub.bytes_per_second = 0
    hub.requests.clear()
    after_a_restart = Library(library._settings)
    assert ending(after_a_restart, qtbot, lambda: after_a_restart.get(NAME)).outcome == "done"
    assert [request.range for request in hub.asked("GET", "/storage")] == ["bytes=8388608-"]


def test_a_cancelled_download_leaves_nothing(library: Library, hub: LoopbackHub, qtbot: Any) -> None:
    hub.bytes_per_second = 200_000
    library.get(NAME)
    wait_until_begun(qtbot)
    assert line(library, NAME).status == "begun"
    library.discard(NAME)
    qtbot.waitUntil(lambda: library.job(NAME) is None, timeout=PATIENCE_MS)
    assert line(library, NAME).status == "available"
    assert not (paths.models_dir() / NAME).exists()


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Answer(404, {"X-Error-Code": "RepoNotFound"}), "repository_not_found"),
        (Answer(401), "login_needed"),
        (Answer(429, {"Retry-After": "4000"}), "rate_limited"),
        (Answer(200, {}, b"<html>Log in first"), "not_a_hub"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_a_refusal_is_told_and_can_be_tried_again(
    library: Library, hub: LoopbackHub, qtbot: Any, trouble: Answer, kind: str
) -> None:
    hub.answers["/api/models/"] = trouble
    state = ending(library, qtbot, lambda: library.get(NAME))
    assert state.error is not None
    assert state.error.kind == kind
    assert library.job(NAME) == state
    assert installed() == []


def test_wrong_bytes_are_told_and_cut_connections_are_not(library: Library, hub: LoopbackHub, qtbot: Any) -> None:
    hub.cuts[WEIGHTS] = [50_000]
    hub.wrong.add(WEIGHTS)
    state = ending(library, qtbot, lambda: library.get(NAME))
    assert state.error is not None
    assert state.error.kind == "wrong_bytes"
    hub.wrong.clear()
    assert ending(library, qtbot, lambda: library.get(NAME)).outcome == "done"


def test_an_encrypted_model_asks_for_the_key(library: Library, hub: LoopbackHub, qtbot: Any) -> None:
    state = ending(library, qtbot, lambda: library.get("belle-llama-7b-2m"))
    assert state.error is not None
    assert state.error.kind == "llama_weights_needed"
    assert hub.requests == []
    assert line(library, "belle-llama-7b-2m").needs_llama


def test_a_process_that_dies_costs_only_the_job(library: Library, hub: LoopbackHub, qtbot: Any) -> None:
    hub.bytes_per_second = 200_000
    library.get(NAME)
    wait_until_begun(qtbot)
    state = ending(library, qtbot, library._jobs[NAME]._process.kill)
    assert state.error is not None
    assert state.error.kind == "job_died"


def test_a_file_is_used_in_place_or_copied_and_known_again(library: Library, qtbot: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    write_random_model(path, template="{{ messages }}", name="Mine")
    assert library.add(path) is None
    entry = line(library, str(path))
    assert (entry.title, entry.own, entry.status) == ("Mine", False, "installed")
    twin = tmp_path / "twin.gguf"
    twin.write_bytes(path.read_bytes())
    assert library.add(twin) == path
    removal = library.removal(entry)
    assert (removal.files, removal.kept) == ((), path)
    library.remove(removal)
    assert path.exists()

    state = ending(library, qtbot, lambda: library.copy_in(twin))
    assert state.result is not None
    copy = Path(state.result["path"])
    assert copy.read_bytes() == twin.read_bytes()
    assert line(library, str(copy)).own


def test_a_checkpoint_s_folder_and_its_file_are_converted(
    library: Library, small_files: dict[str, bytes], qtbot: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "My BELLE"
    folder.mkdir()
    for name, content in small_files.items():
        (folder / name).write_bytes(content)
    assert kind_of(folder) == kind_of(folder / WEIGHTS) == "checkpoint"
    state = ending(library, qtbot, lambda: library.convert(folder / WEIGHTS))
    assert state.outcome == "done", state.error
    (model,) = installed()
    assert model.path.parent.parent == paths.models_dir()
    assert model.details["converted"] == str(folder / WEIGHTS)
    assert line(library, str(model.path)).own


def test_half_a_checkpoint_is_refused_and_leaves_nothing(library: Library, qtbot: Any, tmp_path: Path) -> None:
    broken = tmp_path / "half.pt"
    broken.write_bytes(b"PK\x03\x04 and no more")
    state = ending(library, qtbot, lambda: library.convert(broken))
    assert state.error is not None
    assert installed() == []
    assert not any(paths.models_dir().glob("*/*"))


def test_speech_models_have_a_section_of_their_own_and_are_none_to_chat_with(library: Library, tmp_path: Path) -> None:
    file = write_model(tmp_path / "mine.bin", [" Hi"])
    assert kind_of(file) == "model"
    assert library.add(file) is None
    assert library.add(file) == file
    entry = line(library, str(file))
    assert (entry.section, entry.status, entry.is_speech, entry.header) == ("speech", "installed", True, None)
    assert entry.quantization == "F16"
    chats = {choice.ref for choice in ModelLibrary(Settings()).choices()}
    speech = {entry.ref for entry in library.entries() if entry.section == "speech"}
    assert {"whisper-base", "belle-whisper-turbo-zh", str(file)} < speech
    assert not chats & speech
    with pytest.raises(KnownError, match="does not chat"):
        ModelLibrary(Settings()).resolve(str(file))
    file.unlink()
    assert line(library, str(file)).status == "missing"


def test_kinds_of_what_is_dropped(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").touch()
    (tmp_path / "a.GGUF").touch()
    assert kind_of(adapter) == kind_of(adapter / "adapter_model.safetensors") == "adapter"
    assert kind_of(tmp_path / "a.GGUF") == "model"
    assert kind_of(tmp_path) == "checkpoint"


def test_a_lora_adapter_is_merged_into_its_base(library: Library, qtbot: Any, tmp_path: Path) -> None:
    shapes = llama_shapes(width=256, ffn=512, layers=2, vocabulary=320, kv_width=256)
    base = llama_checkpoint(tmp_path / "Base", layers=2)
    adapter = save_adapter(tmp_path / "mine", adapter_for(shapes, LLAMA_LAYERS))
    state = ending(library, qtbot, lambda: library.convert(base, adapter))
    assert state.outcome == "done", state.error
    (model,) = installed()
    assert (model.name, model.title) == ("base-mine", "Base + mine")
    assert model.details["adapter"] == str(adapter)


def test_a_full_disk_is_told_with_what_is_missing(library: Library, hub: LoopbackHub, qtbot: Any) -> None:
    huge = {"rfilename": WEIGHTS, "size": 10**15, "lfs": {"sha256": "0" * 64, "size": 10**15, "pointerSize": 134}}
    listing = {"id": REPO, "sha": hub.commit, "siblings": [huge], "tags": [], "private": False}
    base = {"id": "bigscience/bloomz-7b1-mt", "sha": hub.commit, "siblings": [], "tags": [], "private": False}
    hub.answers[f"/api/models/{REPO}"] = Answer(200, {"Content-Type": "application/json"}, json.dumps(listing).encode())
    hub.answers["/api/models/bigscience"] = Answer(200, {"Content-Type": "application/json"}, json.dumps(base).encode())
    state = ending(library, qtbot, lambda: library.get(NAME))
    assert state.error is not None
    assert state.error.kind == "disk_full"
    assert state.error.details["needed"] > 10**15 > state.error.details["free"]
    assert hub.sent == {}
