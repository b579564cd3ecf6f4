"""The window opens the conversations in any state, or says why not and what can be done."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from belle import paths
from desktop.app import WindowSession
from desktop.chat.state import Notice
from desktop.opening import Opened, open_store
from desktop.settings import Settings
from desktop.store import Store, StoreError, make_daily
from desktop.store.opening import StoreLock
from desktop.ui.dialogs.store_fault import StoreFaultDialog
from desktop.ui.dialogs.unsaved import UnsavedDialog
from tests.desktop.store.processes import line_of, python
from tests.support.full_disk import full_disk


@contextmanager
def dialog(answer: Callable[[StoreFaultDialog], object]) -> Iterator[list[str]]:
    """Every dialog that comes up is answered; yields their headings."""
    seen: list[str] = []

    def look() -> None:
        shown = QApplication.activeModalWidget()
        if isinstance(shown, StoreFaultDialog):
            seen.append(shown.heading.text())
            answer(shown)

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(10)
    yield seen
    timer.stop()


def fill(*titles: str) -> Path:
    """Conversations, closed."""
    with Store.open(paths.database_file()) as store:
        for title in titles:
            conversation = store.create_conversation(title=title).id
            store.add_message(conversation, None, "user", "text " * 2000)
    return paths.database_file()


def titles(opened: Opened) -> list[str]:
    assert opened.store is not None
    titles = sorted(row.title for row in opened.store.conversations())
    opened.store.close()
    return titles


def spoil(path: Path) -> None:
    """Damage in the middle; the log says that the last run did not close the file."""
    data = bytearray(path.read_bytes())
    data[-4096:] = b"\xff" * 4096
    path.write_bytes(data)
    path.with_name(f"{path.name}-wal").write_bytes(b"left over")


def test_a_damaged_file_is_repaired_from_yesterdays_copy_and_kept(qtbot: QtBot) -> None:
    path = fill("yesterday")
    make_daily(path, paths.backups_dir(), now=time.time() - 90_000)
    fill("today")
    spoil(path)
    damaged = path.read_bytes()

    with dialog(lambda shown: shown.restore_button.click()) as seen:
        opened = open_store("")
    assert seen == ["The conversations' file is damaged"]
    assert titles(opened) == ["yesterday"]
    (aside,) = [file for file in path.parent.glob("*.damaged-*") if not file.name.endswith("-wal")]
    assert aside.read_bytes() == damaged


def test_the_newest_copy_is_offered_first_and_each_with_its_date(qtbot: QtBot) -> None:
    path = fill("one")
    for days in (3, 2):
        make_daily(path, paths.backups_dir(), now=time.time() - days * 90_000)
        os.utime(path)
    offered: list[str] = []

    def look(shown: StoreFaultDialog) -> None:
        offered.extend(shown.choice.itemText(i) for i in range(shown.choice.count()))
        shown.quit_button.click()

    spoil(path)
    with dialog(look):
        assert open_store("") == Opened(status=1)
    assert len(set(offered)) == 2


def test_a_damaged_file_can_be_opened_for_what_can_be_read(qtbot: QtBot) -> None:
    path = fill("one", "two")
    spoil(path)
    with dialog(lambda shown: shown.open_button.click()) as seen:
        opened = open_store("")
    assert len(seen) == 1
    assert titles(opened) == ["one", "two"]


def test_without_a_copy_nothing_is_offered(qtbot: QtBot) -> None:
    paths.private_folder(paths.data_dir())
    paths.database_file().write_bytes(b"this is not a database" * 500)
    seen: list[bool] = []

    def look(shown: StoreFaultDialog) -> None:
        seen.append(shown.restore_button.isVisible() or shown.open_button.isVisible())
        shown.quit_button.click()

    with dialog(look):
        assert open_store("") == Opened(status=1)
    assert seen == [False]


def test_without_a_copy_none_is_spoken_of_but_that_there_is_none(qtbot: QtBot) -> None:
    spoil(fill("one"))
    said: list[str] = []

    def look(shown: StoreFaultDialog) -> None:
        said.extend(part.text() for part in shown.findChildren(QLabel) if part.isVisible())
        shown.quit_button.click()

    with dialog(look):
        open_store("")
    assert "There is no copy of it yet that could be put back." in said
    assert not [text for text in said if "copies" in text or "put back a copy" in text]


@contextmanager
def as_somebody_else(folder: Path) -> Iterator[None]:
    """Work with no more rights than an ordinary user, to whom `folder` belongs; root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that anybody can reach (pytest's own folders are closed to others)."""
    home = Path(tempfile.mkdtemp())
    monkeypatch.setenv("HOME", str(home))
    yield home
    for path in (home, *home.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(home)


def make_read_only(home: Path) -> None:
    for path in sorted(home.rglob("*"), reverse=True):
        path.chmod(0o500 if path.is_dir() else 0o400)
    home.chmod(0o500)


def test_conversations_that_may_not_be_written_can_be_read(home: Path, qtbot: QtBot) -> None:
    path = fill("one")
    make_read_only(home)
    before = path.read_bytes()
    with as_somebody_else(home):
        opened = open_store("")
        assert opened.notice is not None
        assert opened.notice.kind == "read_only"
        store = opened.store
        assert store is not None
        assert len(store.active_path(1)[0].text) == 10_000
        assert [hit.conversation_id for hit in store.search("text")] == [1]
        with pytest.raises(StoreError) as caught:
            store.add_message(1, 1, "user", "more")
        assert caught.value.kind == "read_only"
        assert caught.value.details["path"] == str(path)
        assert Notice.of_store(caught.value).key == opened.notice.key  # one banner, not two
        store.close()
    assert path.read_bytes() == before
    assert not list(Path(tempfile.gettempdir()).glob("chatbelle-*/*.sqlite3"))


def test_a_home_in_which_nothing_can_be_made_opens_an_empty_window(home: Path, qtbot: QtBot) -> None:
    home.chmod(0o500)
    with as_somebody_else(home):
        running = WindowSession(Settings())
        qtbot.addWidget(running.window)
        opened = open_store("")
        assert opened.store is not None
        controller = running.begin(opened.store)
        running.window.show()
        qtbot.waitUntil(lambda: running.window._complete)
        assert opened.notice is not None
        controller.notice.emit(opened.notice)
        assert running.window.composer.hint.text() == "Reading only"
        assert not controller.messages.send("a question")
        running._settings.set_value("window/zoom", 1.1)
        running.window.close()
        running.close()


def test_a_full_disk_at_the_start_is_no_dead_start(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fill("one")

    class OnAFullDisk(StoreLock):
        def __init__(self, asked: Path) -> None:
            if asked == path:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().__init__(asked)

    monkeypatch.setattr("desktop.store.database.StoreLock", OnAFullDisk)
    opened = open_store("")
    assert opened.notice is not None
    assert opened.notice.kind == "full_at_start"
    assert titles(opened) == ["one"]


@pytest.mark.parametrize("folder", ["/proc/nowhere", "{home}/a-file/below"])
def test_a_data_folder_that_cannot_exist_does_no_harm(
    home: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (home / "a-file").touch()
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, folder.format(home=home))
    Settings().set_value("window/zoom", 1.1)
    opened = open_store("")
    assert opened.notice is not None
    assert titles(opened) == []


def test_a_later_start_brings_the_window_forward_with_its_model(qtbot: QtBot) -> None:
    running = WindowSession(Settings())
    qtbot.addWidget(running.window)
    controller = running.begin(Store.open(paths.database_file()))
    notices: list[str] = []
    controller.notice.connect(lambda notice: notices.append(notice.kind))
    running.window.showMinimized()
    qtbot.waitUntil(lambda: running.window._complete or running.window.isMinimized())
    running.raise_window("nosuchmodel")
    assert not running.window.isMinimized()
    assert running.window.isVisible()
    assert notices == ["unknown_model"]
    running.raise_window()
    assert len(notices) == 1
    running.window.close()
    running.close()


def test_closing_with_something_unsaved_asks_first(qtbot: QtBot) -> None:
    store = Store.open(paths.database_file())
    running = WindowSession(Settings())
    qtbot.addWidget(running.window)
    running.begin(store)
    running.window.show()
    qtbot.waitUntil(lambda: running.window._complete)
    asked: list[bool] = []

    def answer() -> None:
        shown = QApplication.activeModalWidget()
        if isinstance(shown, UnsavedDialog):
            asked.append(True)
            (shown.stay if len(asked) == 1 else shown.close_anyway).click()

    timer = QTimer()
    timer.timeout.connect(answer)
    timer.start(10)
    with full_disk(store):
        running.window.composer.editor.setPlainText("long " * 5000)
        assert not running.window.close()
        assert running.window.close()
    assert len(asked) == 2
    running.close()


@pytest.mark.faults
def test_what_was_typed_into_a_window_that_is_killed_stands_in_the_next(qtbot: QtBot) -> None:
    script = """
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from belle import paths
from desktop.app import WindowSession, make_application
from desktop.settings import Settings
from desktop.store import Store

application = make_application()
running = WindowSession(Settings())
running.begin(Store.open(paths.database_file()))
running.window.show()
QTest.keyClicks(running.window.composer.editor, "half a thou")
QTimer.singleShot(600, lambda: print("typed", flush=True))
application.exec()
"""
    with python(script) as process:
        assert line_of(process) == "typed"
    running = WindowSession(Settings())
    qtbot.addWidget(running.window)
    running.begin(Store.open(paths.database_file()))
    assert running.window.composer.text() == "half a thou"
    running.close()
