"""The window of the library: what it shows of a model, and what its buttons ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QDialog

from belle.clients.progress import Step
from belle.errors import KnownError
from belle.models.registry import installed
from desktop.i18n import set_language
from desktop.library.jobs import JobState
from desktop.library.library import ENDPOINT, LLAMA_WEIGHTS
from desktop.settings import Settings
from desktop.ui.library import words
from desktop.ui.library.asking import MIRROR, GetDialog, SourceDialog
from desktop.ui.library.cost import CostDialog
from desktop.ui.library.dialog import SECTIONS, LibraryDialog
from tests.belle.engine.tiny_gguf import write_random_model
from tests.belle.speech.speaking_model import write_model
from tests.support.library import QuietLibrary


class Recording(QuietLibrary):
    """Starts no process, and notes what it should have done."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.started: list[dict[str, Any]] = []

    def _start(self, ref: str, job: Any) -> None:
        self.started.append(dict(job))
        self.tell(JobState(ref))

    def tell(self, state: JobState) -> None:
        self._states[state.ref] = state
        self.job_changed.emit(state)


@pytest.fixture
def library(settings: Settings) -> Recording:
    return Recording(settings)


@pytest.fixture
def dialog(library: Recording, settings: Settings, qtbot: Any) -> Iterator[LibraryDialog]:
    shown = LibraryDialog(library, settings, lambda: "starter")
    shown.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(shown)
    shown.show()
    yield shown
    set_language("en")


def show(dialog: LibraryDialog, section: str) -> None:
    dialog.tabs.button(section).click()


def visible(dialog: LibraryDialog, ref: str) -> set[str]:
    return {action for action, button in dialog.lines[ref].buttons.items() if not button.isHidden()}


def child(dialog: QDialog, name: str) -> Any:
    QApplication.processEvents()
    return next(one for one in dialog.findChildren(QDialog) if type(one).__name__ == name and one.isVisible())


def test_the_lists(dialog: LibraryDialog) -> None:
    assert not dialog.isModal()
    assert list(dialog.lines) == ["starter"]
    assert visible(dialog, "starter") == {"compare", "details", "folder"}, "in use, and comes with the program"
    for section in SECTIONS:
        show(dialog, section)
        assert all(line.entry.section == section for line in dialog.lines.values())
    assert not dialog._nothing.isHidden()


@pytest.mark.parametrize(
    ("language", "size", "get"), [("en", "2.5 GB to download", "Get"), ("zh_CN", "2.5 GB", "获取")]
)
def test_a_line_says_what_it_is_and_whether_it_fits(dialog: LibraryDialog, language: str, size: str, get: str) -> None:
    set_language(language)
    show(dialog, "small")
    line = dialog.lines["qwen3-4b"]
    assert line.title.text() == "Qwen3 4B"
    assert line.pill.text() == words.pill(line.entry.fit)  # type: ignore[arg-type]
    assert size in line._facts.text()
    assert "Apache-2.0" in line._facts.text()
    assert line.buttons["get"].text() == get
    assert visible(dialog, "qwen3-4b") == {"get"}


def test_get_shows_the_terms_before_anything_is_requested(dialog: LibraryDialog, library: Recording) -> None:
    show(dialog, "small")
    dialog.lines["gemma-3-1b"].buttons["get"].click()
    asks = child(dialog, "GetDialog")
    assert "Gemma Terms of Use" in asks._terms.text()
    assert "806 MB" in asks._source.text()
    assert library.started == []
    asks.get_button.click()
    assert library.started == [{"do": "get", "name": "gemma-3-1b", "endpoint": None}]
    assert visible(dialog, "gemma-3-1b") == {"pause", "cancel"}


def test_the_progress_and_how_it_ends(dialog: LibraryDialog, library: Recording) -> None:
    show(dialog, "small")
    line = dialog.lines["qwen3-4b"]
    library.tell(JobState("qwen3-4b", step=Step("download", "x", 500_000_000, 2_000_000_000, 10e6)))
    assert (line.bar.isHidden(), line.bar.value()) == (False, 250)
    assert line.state.text() == "Downloading · 500 MB of 2 GB · 10 MB/s · 2 min left"
    library.tell(JobState("qwen3-4b", step=Step("download", "x", 5, 20, waiting=4.0, why="cut")))
    assert "Trying again in 4 s" in line.state.text()
    library.tell(
        JobState("qwen3-4b", outcome="failed", error=KnownError("rate_limited", "m", "a", endpoint="https://h"))
    )
    assert line.bar.isHidden()
    assert line.state.property("level") == "bad"
    assert line.state.text().startswith("https://h asks for fewer requests")
    assert line.buttons["get"].text() == "Go on"


def test_an_encrypted_model_explains_why_it_needs_a_file(
    dialog: LibraryDialog, library: Recording, settings: Settings, tmp_path: Path
) -> None:
    show(dialog, "belle")
    dialog.lines["belle-llama-7b-2m"].buttons["get"].click()
    asks: GetDialog = child(dialog, "GetDialog")
    assert "Meta's licence" in asks._key_why.text()
    assert not asks.get_button.isEnabled()
    key = tmp_path / "consolidated.00.pth"
    asks.key_field.setText(str(key))
    assert not asks.get_button.isEnabled(), "there is no such file"
    key.touch()
    asks.key_field.setText(f"{key} ")
    asks.get_button.click()
    assert library.started[0]["llama_weights"] == str(key) == settings.value(LLAMA_WEIGHTS)


@pytest.mark.parametrize("text", ["~nobody-of-that-name/x.pth", "x" * 5000, "a\0b", "~", "", "  "])
def test_what_is_no_file_is_not_taken_for_one(
    dialog: LibraryDialog, library: Recording, settings: Settings, qtbot: Any, text: str
) -> None:
    entries = {entry.name: entry for entry in library.entries()}
    get, cost = GetDialog(entries["belle-llama-7b-2m"], settings), CostDialog(entries["starter"])
    for asks, field, button in (
        (get, get.key_field, get.get_button),
        (cost, cost.field, cost.measure_button),
    ):
        qtbot.addWidget(asks)
        field.setMaxLength(10_000)
        field.setText(text)
        assert button.isEnabled() == (text == "~" and asks is cost), "a home is a folder"


def test_where_downloads_come_from_is_chosen(dialog: LibraryDialog, library: Recording, settings: Settings) -> None:
    dialog.source_button.click()
    source: SourceDialog = child(dialog, "SourceDialog")
    source.choice.button("mirror").click()
    assert settings.value(ENDPOINT) == MIRROR
    source.choice.button("other").click()
    source.field.setText("http://127.0.0.1:8080")
    source.accept()
    assert "127.0.0.1:8080" in dialog.source_button.text()
    library.get("qwen3-4b")
    assert library.started[-1]["endpoint"] == "http://127.0.0.1:8080"
    source = SourceDialog(settings)
    source.choice.button("hub").click()
    assert settings.value(ENDPOINT) is None


def test_a_dropped_file_is_on_the_list_and_taken_off_it(dialog: LibraryDialog, tmp_path: Path, qtbot: Any) -> None:
    path = tmp_path / "mine.gguf"
    write_random_model(path, template="{{ messages }}", name="Mine")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    point, copy, left, no = QPointF(9, 9), Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0)
    dialog.dropEvent(QDropEvent(point, copy, data, left, no))
    assert dialog.message.text() == "mine.gguf is on the list now."
    assert visible(dialog, str(path)) == {"use", "compare", "details", "folder", "delete"}
    dialog.take(path)
    assert "here already" in dialog.message.text()

    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.lines[str(path)].buttons["use"].click()
    assert chosen.args == [str(path)]
    dialog.lines[str(path)].buttons["delete"].click()
    asks = child(dialog, "ConfirmDialog")
    asks.do_button.click()
    assert list(dialog.lines) == ["starter"]
    assert path.exists()
    assert installed() == []


def test_what_cannot_be_imported_says_why(dialog: LibraryDialog, tmp_path: Path) -> None:
    page = tmp_path / "page.gguf"
    page.write_text("<html>")
    dialog.take(page)
    assert dialog.message.property("level") == "bad"
    assert "page.gguf" in dialog.message.text()


def test_a_checkpoint_and_an_adapter_are_converted(
    dialog: LibraryDialog, library: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog.take(tmp_path)
    assert library.started == [{"do": "convert", "path": str(tmp_path)}]
    assert dialog.stop_button.isVisible()
    library.tell(JobState(str(tmp_path), step=Step("convert", "x", 1, 2)))
    assert "Converting" in dialog.message.text()
    library.tell(JobState(str(tmp_path), outcome="stopped"))
    assert not dialog.stop_button.isVisible()
    assert not dialog.message.isVisible()
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    monkeypatch.setattr("desktop.ui.library.dialog.choose_folder", lambda parent, title, then: then(tmp_path / "base"))
    dialog.take(adapter)
    assert library.started[-1] == {"do": "convert", "path": str(tmp_path / "base"), "adapter": str(adapter)}


def test_an_import_can_be_stopped_while_a_model_of_the_list_is_downloaded(
    dialog: LibraryDialog, library: Recording, tmp_path: Path
) -> None:
    show(dialog, "small")
    dialog.take(tmp_path)
    library.tell(JobState("qwen3-4b", step=Step("download", "x", 1, 2)))
    assert dialog.stop_button.isVisible()
    assert not dialog.lines["qwen3-4b"].bar.isHidden()


def test_a_line_keeps_its_place_and_its_focus_when_others_change(dialog: LibraryDialog, library: Recording) -> None:
    show(dialog, "belle")
    before = dict(dialog.lines)
    library.changed.emit()
    assert dialog.lines == before


@pytest.mark.parametrize(
    ("seconds", "words_"), [(0.2, "1 s"), (89, "89 s"), (90, "2 min"), (3540, "59 min"), (7500, "2 h 5 min")]
)
def test_durations(qapp: Any, seconds: float, words_: str) -> None:
    assert words.duration(seconds) == words_


def test_a_speech_model_is_chosen_for_dictation_and_not_for_the_chat(
    dialog: LibraryDialog, library: Recording, settings: Settings, tmp_path: Path
) -> None:
    file = write_model(tmp_path / "mine.bin", [" Hi"])
    dialog.take(file)
    assert dialog.tabs.value() == "speech"
    chosen: list[str] = []
    dialog.chosen.connect(chosen.append)
    mine = dialog.lines[str(file)]
    assert not mine.buttons["compare"].isVisible()
    mine.buttons["use"].click()
    assert settings.speech_model == str(file)
    assert not chosen
    assert not mine.buttons["use"].isVisible()
    dialog.lines["whisper-base"].buttons["get"].click()
    asked = next(one for one in dialog.findChildren(GetDialog) if one.isVisible())
    asked.accept()
    assert library.started == [{"do": "get", "name": "whisper-base", "endpoint": None}]
