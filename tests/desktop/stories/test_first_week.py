"""A new user's first week at the window, from the first start to chats that are exported and brought back.

BELLE-7B is a small stand-in of random weights in the layout of the published `.pt`, on a hub on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog

from belle.cli.main import main
from belle.models.registry import installed
from desktop.library.library import ENDPOINT
from desktop.ui.compare.dialog import CompareDialog
from desktop.ui.library.asking import GetDialog
from desktop.ui.library.dialog import LibraryDialog
from desktop.ui.window.attachments import AttachmentChip
from tests.convert.install.belle_checkpoint import belle_bloom
from tests.convert.install.conftest import REPO
from tests.convert.install.loopback_hub import LoopbackHub
from tests.support.documents import write_pdf
from tests.support.person import Person

_Dialog = TypeVar("_Dialog", bound=QDialog)

BELLE = "belle-7b-2m"
PAGES = ["The museum opens at nine.", "Tickets cost five euros.", "The director is Ada Brandt. 馆长是阿达。"]
BEIJING = "请用一句话介绍北京：" + "它是一座古老的城市，有很多胡同、公园和博物馆，春天的风很大，秋天的天很蓝。" * 2
LONG_MS = 120_000


@pytest.fixture
def checkpoint() -> dict[str, bytes]:
    """The files of BELLE-7B-gptq, with a model of some megabytes."""
    return belle_bloom()


@pytest.fixture
def hub(checkpoint: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    with LoopbackHub({REPO: dict(checkpoint)}).running() as server:
        for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_ENDPOINT"):
            monkeypatch.delenv(name, raising=False)
        yield server


@pytest.fixture(autouse=True)
def _this_computer_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desktop.library.library.Library.look_around", lambda library: None)


def dialog_of(person: Person, kind: type[_Dialog]) -> _Dialog:
    def shown() -> list[_Dialog]:
        return [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()]

    person.qtbot.waitUntil(lambda: bool(shown()), timeout=10_000)
    return shown()[0]


def ask(person: Person, question: str) -> None:
    """Ask, and wait for the first words; key presses know no Chinese."""
    person.window.composer.set_text(question)
    person.ask("")
    person.wait_words()


def use_menu(person: Person, entry: str) -> None:
    menu = person.window.header.more_menu
    menu.aboutToShow.emit()
    next(action for action in menu.actions() if action.text().split("\t")[0] == entry).trigger()


def say_where(person: Person, path: Path) -> None:
    dialog = dialog_of(person, QFileDialog)
    dialog.setDirectory(str(path.parent))
    dialog.selectFile(path.name)
    with person.qtbot.waitSignal(person.controller.notice, timeout=20_000):
        dialog.accept()


def get_belle(person: Person, hub: LoopbackHub) -> None:
    """From the library's button to the model in use; nothing is requested before the last press."""
    person.settings.set_value(ENDPOINT, hub.url)
    person.window.window_actions.dialogs.show_library("belle")
    library = dialog_of(person, LibraryDialog)
    library.lines[BELLE].buttons["get"].click()
    asked = dialog_of(person, GetDialog)
    assert hub.requests == []
    asked.get_button.click()
    person.qtbot.waitUntil(lambda: any(model.name == BELLE for model in installed()), timeout=LONG_MS)
    library.tabs.button("installed").click()
    person.qtbot.waitUntil(lambda: BELLE in library.lines and not library.lines[BELLE].is_running, timeout=LONG_MS)
    library.lines[BELLE].buttons["use"].click()
    person.wait(lambda: person.controller.models.ref == BELLE)
    library.close()
    with person.qtbot.waitActive(person.window):
        person.window.activateWindow()
    person.wait_ready()


def compare_with_16_bits(person: Person, path: Path) -> str:
    """Put the 16-bit file on the list, compare on the last question, keep its answer. Returns that."""
    person.window.window_actions.dialogs.show_library()
    library = dialog_of(person, LibraryDialog)
    library.take(path)
    library.close()
    use_menu(person, "Compare two models…")
    dialog = dialog_of(person, CompareDialog)
    assert dialog.columns["left"].entry.ref == BELLE
    assert dialog.columns["right"].entry.ref == str(path)
    assert dialog.columns["right"].entry.quantization == "F16"
    comparison = dialog.comparison
    with person.qtbot.waitSignal(comparison.compared, timeout=LONG_MS):
        dialog.run_button.click()
        person.wait(lambda: all(comparison.state(side).text for side in ("left", "right")))
        comparison.stop()
    dialog.columns["right"].keep_button.click()
    text = comparison.state("right").text
    dialog.close()
    return text


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_new_user_s_first_week(
    sits_down: Callable[..., Person], hub: LoopbackHub, checkpoint: dict[str, bytes], tmp_path: Path
) -> None:
    person = sits_down()
    assert person.controller.conversations.summaries() == []
    person.wait_ready()
    assert person.controller.model.is_starter
    ask(person, "What is rain?")
    person.stop()

    get_belle(person, hub)
    assert person.controller.model.info is not None
    assert person.controller.model.info.architecture == "bloom"
    person.new_chat()
    ask(person, BEIJING)
    begun, chat = person.answer.text, person.controller.conversation
    assert chat is not None
    person.leave()

    person = sits_down()
    person.wait_ready()
    assert person.controller.models.ref == BELLE
    person.window.sidebar.opened.emit(chat.id)
    assert person.answer.status in ("interrupted", "complete")
    assert person.answer.text.startswith(begun)
    if person.answer.status == "interrupted":
        before = person.answer.text
        person.press(person.answer, "continue")
        person.wait(lambda: len(person.answer.text) > len(before) or person.answer.status in ("complete", "length"))
        person.stop()
        stats = person.path[-1].stats
        assert stats["reused_tokens"] > 200, "it goes on at once: next to nothing is read again"
        assert stats["prompt_tokens"] - stats["reused_tokens"] < 40

    person.drop(write_pdf(tmp_path / "museum.pdf", PAGES))
    person.qtbot.waitUntil(
        lambda: any(chip.isVisible() for chip in person.window.findChildren(AttachmentChip)), timeout=20_000
    )
    ask(person, "第三页写了什么？")
    person.stop()
    question = person.path[-2]
    assert question.attachments[0].name == "museum.pdf"
    assert PAGES[2] in question.attachments[0].text

    folder = tmp_path / "BELLE"
    folder.mkdir()
    for name, content in checkpoint.items():
        (folder / name).write_bytes(content)
    sixteen = tmp_path / "belle-f16.gguf"
    assert main(["convert", str(folder), "-o", str(sixteen), "--type", "f16"]) == 0
    kept = compare_with_16_bits(person, sixteen)
    assert (person.path[-1].text, person.path[-1].parent_id) == (kept, question.id)
    assert "F16" in person.path[-1].model

    before = [person.store.tree(row.id) for row in person.controller.conversations.summaries()]
    assert len(before) == 2
    use_menu(person, "Export all chats…")
    say_where(person, tmp_path / "all.json")
    for row in person.controller.conversations.summaries():
        person.controller.conversations.delete(row.id)
    assert person.controller.conversations.summaries() == []
    use_menu(person, "Import chats…")
    say_where(person, tmp_path / "all.json")
    after = [person.store.tree(row.id) for row in person.controller.conversations.summaries()]
    assert sorted(after, key=lambda tree: tree.title) == sorted(before, key=lambda tree: tree.title)
