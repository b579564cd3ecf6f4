"""Code of the conversation is saved by the dialog for files."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from desktop.ui.window.code_saving import free_name
from tests.support.dialogs import open_dialog


@pytest.fixture
def ask(window, controller):
    """Presses Save at a block of code; returns the dialog that asks where."""

    def press(code: str, language: str) -> QFileDialog:
        conversation = controller.add("code", texts=("write it", f"```{language}\n{code}\n```"))
        controller.conversations.open(conversation)
        answer = window.transcript.message_widget(controller.paths[conversation][-1].id)
        _, save = answer.text.code_buttons()
        save.setFocus(Qt.FocusReason.TabFocusReason)
        QTest.keyClick(save, Qt.Key.Key_Space)
        return open_dialog("QFileDialog")

    return press


def test_code_is_saved_under_the_proposed_name_where_the_person_says(ask, window, controller, tmp_path: Path) -> None:
    said = []
    controller.notice.connect(said.append)
    dialog = ask("print('春雨')", "python")
    assert [Path(path).name for path in dialog.selectedFiles()] == ["code.py"]
    dialog.setDirectory(str(tmp_path))
    dialog.selectFile("rain.py")
    dialog.accept()
    assert (tmp_path / "rain.py").read_text() == "print('春雨')\n"
    assert [(notice.kind, notice.details["file"]) for notice in said] == [("saved", str(tmp_path / "rain.py"))]
    assert "rain.py" in window.banners.banner("saved_code").spoken()
    again = ask("rain", "python")  # begins where the last one ended
    assert Path(again.directory().absolutePath()) == tmp_path
    again.reject()


def test_a_dialog_that_is_closed_writes_nothing(ask, controller, tmp_path: Path) -> None:
    said = []
    controller.notice.connect(said.append)
    dialog = ask("x", "makefile")
    dialog.setDirectory(str(tmp_path))
    assert [Path(path).name for path in dialog.selectedFiles()] == ["Makefile"]
    dialog.reject()
    assert said == []
    assert list(tmp_path.iterdir()) == []


def test_the_proposed_name_is_free(tmp_path: Path) -> None:
    assert free_name(tmp_path, "code.py") == "code.py"
    (tmp_path / "code.py").touch()
    assert free_name(tmp_path, "code.py") == "code-2.py"
    (tmp_path / "code-2.py").mkdir()
    assert free_name(tmp_path, "code.py") == "code-3.py"
    (tmp_path / "Makefile").touch()
    assert free_name(tmp_path, "Makefile") == "Makefile-2"
    assert free_name(tmp_path / "gone", "code.py") == "code.py"
