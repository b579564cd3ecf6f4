"""The whole `chatbelle`: the real window on a real store with the real engine, driven through its widgets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from belle import paths
from desktop.app import _arguments
from desktop.opening import Opened, open_store
from desktop.ui.dialogs.store_fault import StoreFaultDialog
from tests.support.person import Person


@pytest.fixture
def chat(qtbot: QtBot) -> Iterator[Person]:
    chat = Person(qtbot)
    yield chat
    chat.leave()


def test_a_question_typed_while_the_model_loads_is_answered(chat: Person) -> None:
    chat.ask("Name three rivers.")
    assert chat.states == [("user", "complete")]
    assert chat.window.composer.editor.toPlainText() == ""
    chat.wait_words()
    chat.stop()
    assert chat.states == [("user", "complete"), ("assistant", "stopped")]
    assert chat.window.windowTitle() == "Name three rivers — ChatBELLE"


def test_the_second_question_reads_only_what_is_new(chat: Person) -> None:
    chat.wait_ready()
    chat.ask("Name three rivers.")
    chat.wait_words()
    chat.stop()
    chat.ask("And three mountains?")
    chat.wait_words()
    chat.stop()
    first, second = (m for m in chat.store.active_path(chat.controller.conversation.id) if m.role == "assistant")
    assert first.stats["reused_tokens"] == 0
    assert second.stats["reused_tokens"] >= first.stats["prompt_tokens"]


def test_answer_again_and_back_to_the_first_version(chat: Person) -> None:
    chat.wait_ready()
    chat.ask("Name a colour.")
    chat.wait_words()
    chat.stop()
    answer = chat.store.active_path(chat.controller.conversation.id)[-1]
    chat.answer_again()
    chat.wait_words()
    chat.stop()
    second = chat.store.active_path(chat.controller.conversation.id)[-1]
    assert (second.sibling_index, second.sibling_count) == (1, 2)
    chat.window.transcript.version_requested.emit(second.id, -1)
    assert chat.store.active_path(chat.controller.conversation.id)[-1].id == answer.id


def test_a_stopped_answer_goes_on(chat: Person) -> None:
    chat.wait_ready()
    chat.ask("Count from one to one hundred in words.")
    chat.wait_words()
    chat.stop()
    answer = chat.store.active_path(chat.controller.conversation.id)[-1]
    chat.window.transcript.continue_requested.emit(answer.id)
    chat.wait_words()
    chat.stop()
    longer = chat.store.message(answer.id)
    assert longer.text.startswith(answer.text)
    assert len(longer.text) > len(answer.text)


def test_a_file_that_is_no_model_leaves_the_window_and_the_model_alone(chat: Person, tmp_path: Path) -> None:
    chat.wait_ready()
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + (99).to_bytes(4, "little") + bytes(64))
    chat.controller.projects.choose_model(str(bad))
    assert chat.notices[-1].kind == "future_version"
    assert chat.controller.model.status == "ready"
    chat.ask("Are you there?")
    chat.wait_words()
    chat.stop()


def test_a_model_larger_than_the_memory_is_refused_with_the_numbers(chat: Person) -> None:
    chat.wait_ready()
    chat.settings.set_value("model/n_ctx", 8192)
    info = chat.controller.model.info
    assert info is not None
    assert info.n_ctx == 4096
    # A context whose KV cache no machine holds: the header allows it, the memory does not.
    from belle.engine.llama.memory import check_fits
    from belle.errors import KnownError
    from belle.gguf.reader import read_header

    with pytest.raises(KnownError) as refused:
        check_fits(read_header(Path(info.path)), n_ctx=200_000_000)
    assert refused.value.kind == "too_big_for_memory"
    assert refused.value.details["needed"] > refused.value.details["available"] > 0


def test_a_damaged_store_is_said_in_words_and_left_as_it_is(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.private_folder(paths.data_dir())
    paths.database_file().write_bytes(b"this is not a database, whatever its name says" * 100)
    before = paths.database_file().read_bytes()
    seen: list[str] = []

    def close_dialog() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, StoreFaultDialog)
        seen.append(dialog.windowTitle() or dialog._text.text())
        dialog.accept()

    timer = QTimer()
    timer.timeout.connect(lambda: close_dialog() if QApplication.activeModalWidget() else None)
    timer.start(20)
    assert open_store("") == Opened(status=1)
    timer.stop()
    assert seen
    assert paths.database_file().read_bytes() == before


def test_the_command_line() -> None:
    command = [sys.executable, "-m", "desktop"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("ChatBELLE ")
    wrong = subprocess.run([*command, "--nonsense"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2


@pytest.mark.parametrize(
    ("words", "model", "offline", "ask"),
    [
        ([], "", False, False),
        (["--offline"], "", True, False),
        (["belle-7b-2m"], "belle-7b-2m", False, False),
        (["a.gguf", "--offline"], "a.gguf", True, False),
        (["--ask"], "", False, True),
        (["--ask", "a.gguf"], "a.gguf", False, True),
    ],
)
def test_the_words_of_the_command_line(words: list[str], model: str, offline: bool, ask: bool) -> None:
    assert _arguments(words) == (model, offline, ask)
