"""The real window on a real store: typed text comes back, and a question without an answer says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from desktop.settings import Settings
from desktop.store import Store
from desktop.ui.dialogs.system_prompt import SystemPromptDialog
from desktop.ui.sidebar.conversations import ItemRole
from desktop.ui.transcript.message.widget import MessageWidget
from desktop.ui.window.main_window import MainWindow
from tests.support.desk import Desk, make_desk
from tests.support.fake_engine import FakeEngines
from tests.support.full_disk import full_disk


class Opened:
    """A window with its desk."""

    def __init__(self, qtbot: QtBot, path: Path) -> None:
        self.store = Store.open(path)
        self.desk: Desk = make_desk(self.store, FakeEngines())
        self.window = MainWindow(None, Settings())
        qtbot.addWidget(self.window)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.window.attach(self.desk.controller)
        self.desk.controller.start()
        qtbot.waitUntil(lambda: self.window._complete)

    def type(self, text: str) -> None:
        QTest.keyClicks(self.window.composer.editor, text)

    def ask(self, text: str, answer: str = "") -> None:
        self.type(text)
        QTest.keyClick(self.window.composer.editor, Qt.Key.Key_Return)
        if answer:
            self.desk.engines.last.say(answer)
            self.desk.engines.last.finish()

    def message(self, index: int) -> MessageWidget:
        widget = self.window.transcript.message_widget(self.window.transcript.messages()[index].id)
        assert widget is not None
        return widget

    def edit(self, index: int, text: str) -> None:
        widget = self.message(index)
        widget.edit()
        assert widget.editor is not None
        widget.editor.field.selectAll()
        QTest.keyClicks(widget.editor.field, text)

    def editor_says(self, index: int) -> str | None:
        editor = self.message(index).editor
        return editor.field.toPlainText() if editor else None

    def save(self, index: int) -> None:
        button = self.message(index).findChild(QPushButton, "save")
        assert button is not None
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def shown(self) -> list[str]:
        return [message.text for message in self.window.transcript.messages()]

    def kill(self) -> None:
        """The process is gone: nothing more is read or written."""
        self.desk.controller.drafting._timer.stop()
        self.desk.controller.answers._current._checkpoint_timer.stop()
        self.window._attached = False
        for part in (self.window.header, self.window.sidebar.model):
            part.blockSignals(True)
        self.close()

    def close(self) -> None:
        self.window.hide()  # what it does a little later, it leaves
        self.store.close()


@pytest.fixture
def open_window(qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[[], Opened]]:
    windows: list[Opened] = []

    def open_one() -> Opened:
        for before in windows:
            before.close()
        windows.append(Opened(qtbot, tmp_path / "chat.sqlite3"))
        return windows[-1]

    yield open_one
    windows[-1].desk.controller.close()
    windows[-1].close()


def test_an_edit_a_question_and_then_save(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    opened.ask("first question", "first answer")
    opened.edit(0, "first question, mended")
    opened.ask("second question")
    opened.save(0)  # nothing happens while the second is being answered, and nothing is lost
    assert opened.editor_says(0) == "first question, mended"
    opened.desk.engines.last.say("second answer")
    opened.desk.engines.last.finish()
    opened.save(0)
    assert opened.shown() == ["first question, mended"]
    assert opened.editor_says(0) is None
    opened.desk.controller.messages.stop()
    opened.desk.engines.last.finish("stopped")
    opened.desk.controller.messages.switch_version(opened.window.transcript.messages()[0].id, -1)
    assert opened.shown() == ["first question", "first answer", "second question", "second answer"]


def test_an_edit_comes_back_with_its_conversation(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    opened.ask("a question", "an answer")
    conversation = opened.desk.controller.conversation.id
    opened.edit(0, "half a thou")
    opened.edit(1, "an answer of mine")
    opened.desk.controller.conversations.new_chat()
    opened.desk.controller.conversations.open(conversation)
    assert (opened.editor_says(0), opened.editor_says(1)) == ("half a thou", "an answer of mine")


def test_an_edit_comes_back_with_its_version(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    opened.ask("a question", "an answer")
    opened.desk.controller.messages.regenerate(opened.window.transcript.messages()[1].id)
    opened.desk.engines.last.say("another")
    opened.desk.engines.last.finish()
    opened.edit(1, "another, mended")
    second = opened.window.transcript.messages()[1].id
    opened.desk.controller.messages.switch_version(second, -1)
    assert opened.editor_says(1) is None
    opened.desk.controller.messages.switch_version(opened.window.transcript.messages()[1].id, 1)
    assert opened.editor_says(1) == "another, mended"


def test_cancel_gives_an_edit_up_for_good(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    opened.ask("a question", "an answer")
    conversation = opened.desk.controller.conversation.id
    opened.edit(0, "never mind")
    QTest.keyClick(opened.message(0).editor.field, Qt.Key.Key_Escape)
    opened.desk.controller.conversations.open(conversation)
    assert opened.editor_says(0) is None


def test_an_edit_that_the_full_disk_refuses_stays_in_the_editor(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    opened.ask("a question", "an answer")
    opened.edit(0, "mended")
    opened.message(0).editor.field.setPlainText("mended " * 1000)
    with full_disk(opened.store):
        opened.save(0)
        assert opened.editor_says(0) == "mended " * 1000
    opened.save(0)
    assert opened.shown()[0] == "mended " * 1000


def test_drafts_and_edits_come_back_after_a_kill(open_window: Callable[[], Opened], qtbot: QtBot) -> None:
    opened = open_window()
    opened.ask("a question", "an answer")
    conversation = opened.desk.controller.conversation.id
    opened.edit(0, "half a thou")
    opened.window.composer.setFocus()
    opened.type("and the nex")
    opened.desk.controller.conversations.new_chat()
    opened.type("something new")
    qtbot.waitUntil(lambda: opened.store.draft(None) == "something new", timeout=2000)
    opened.kill()
    again = open_window()
    assert again.window.composer.text() == "something new"
    again.desk.controller.conversations.open(conversation)
    assert again.window.composer.text() == "and the nex"
    assert again.editor_says(0) == "half a thou"


def system_prompt(opened: Opened) -> SystemPromptDialog:
    opened.window.window_actions.dialogs.show_system_prompt()
    return next(dialog for dialog in opened.window.findChildren(SystemPromptDialog) if dialog.isVisible())


@pytest.mark.parametrize("begun", [True, False])
def test_a_system_prompt_comes_back_after_a_kill(open_window: Callable[[], Opened], qtbot: QtBot, begun: bool) -> None:
    opened = open_window()
    if begun:
        opened.ask("a question", "an answer")
    conversation_id = opened.desk.controller.conversation.id if begun else None
    QTest.keyClicks(system_prompt(opened).field, "Be bri")
    qtbot.waitUntil(lambda: opened.store.typed_text("system_prompt", conversation_id) == "Be bri", timeout=2000)
    opened.kill()
    again = open_window()
    if conversation_id is not None:
        again.desk.controller.conversations.open(conversation_id)
    assert again.desk.controller.conversations.system_prompt == ""
    shown = system_prompt(again)
    assert shown.field.toPlainText() == "Be bri"
    QTest.keyClicks(shown.field, "ef.")
    QTest.mouseClick(shown.save_button, Qt.MouseButton.LeftButton)
    assert again.desk.controller.conversations.system_prompt == "Be brief."


def test_cancel_gives_a_system_prompt_up_for_good(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    shown = system_prompt(opened)
    QTest.keyClicks(shown.field, "never mind")
    QTest.mouseClick(shown.cancel_button, Qt.MouseButton.LeftButton)
    assert system_prompt(opened).field.toPlainText() == ""
    assert opened.desk.controller.save()
    assert opened.store.typed_text("system_prompt", None) is None


def title_in(where: str, opened: Opened) -> QLineEdit:
    """Begin to change the title of the open conversation."""
    if where == "header":
        opened.window.header.edit_title()
        return opened.window.header.title_field
    opened.window.sidebar.list.choose_first()
    opened.window.sidebar.rename_current()
    (field,) = opened.window.sidebar.list.findChildren(QLineEdit)
    return field


@pytest.mark.parametrize("where", ["header", "sidebar"])
def test_a_title_comes_back_after_a_kill(open_window: Callable[[], Opened], qtbot: QtBot, where: str) -> None:
    opened = open_window()
    opened.ask("a question", "an answer")
    conversation_id = opened.desk.controller.conversation.id
    QTest.keyClicks(title_in(where, opened), "half a ti")
    qtbot.waitUntil(lambda: opened.store.typed_text("title", conversation_id) == "half a ti", timeout=2000)
    opened.kill()
    again = open_window()
    again.desk.controller.conversations.open(conversation_id)
    assert again.desk.controller.conversation.title == "a question"
    field = title_in(where, again)
    assert field.text() == "half a ti"
    field.end(False)
    QTest.keyClicks(field, "tle")
    QTest.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: again.desk.controller.conversation.title == "half a title")
    assert again.desk.controller.drafting.typed_text("title", conversation_id) is None


@pytest.mark.parametrize("where", ["header", "sidebar"])
def test_esc_gives_a_title_up_for_good(open_window: Callable[[], Opened], qtbot: QtBot, where: str) -> None:
    opened = open_window()
    opened.ask("a question", "an answer")
    conversation_id = opened.desk.controller.conversation.id
    field = title_in(where, opened)
    QTest.keyClicks(field, "never mind")
    assert opened.desk.controller.drafting.typed_text("title", conversation_id) == "never mind"
    QTest.keyClick(field, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: opened.desk.controller.drafting.typed_text("title", conversation_id) is None)
    assert opened.desk.controller.conversation.title == "a question"


def test_a_title_goes_to_the_conversation_that_it_was_typed_for(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    opened.ask("one", "ONE")
    first = opened.desk.controller.conversation.id
    opened.desk.controller.conversations.new_chat()
    opened.ask("two", "TWO")
    second = opened.desk.controller.conversation.id
    QTest.keyClicks(title_in("header", opened), "second")
    opened.desk.controller.conversations.open(first)
    opened.window.composer.setFocus()
    assert {row.id: row.title for row in opened.store.conversations()} == {first: "one", second: "second"}


@pytest.mark.parametrize(
    ("ending", "words"), [("stopped", "Stopped before"), ("failed", "failed before"), ("died", "Interrupted before")]
)
def test_a_question_without_an_answer_says_what_happened_and_can_be_answered(
    open_window: Callable[[], Opened], ending: str, words: str
) -> None:
    opened = open_window()
    opened.ask("a question")
    engine = opened.desk.engines.last
    if ending == "stopped":
        opened.desk.controller.messages.stop()
        engine.finish("stopped")
    elif ending == "failed":
        engine.fail("backend_error")
    else:
        engine.die()
    question = opened.message(0)
    assert words in question._note.text()
    question.set_active(True)
    assert question.action_bar().button("regenerate").isVisibleTo(question)
    assert question.action_bar().button("edit").isVisibleTo(question)
    QTest.mouseClick(question._note.button, Qt.MouseButton.LeftButton)
    assert question._note.text() == ""
    opened.desk.engines.last.say("an answer")
    opened.desk.engines.last.finish()
    assert opened.shown() == ["a question", "an answer"]
    assert question._note.text() == ""


def test_a_question_that_was_never_answered_says_so_at_the_next_start(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    opened.ask("a question")
    conversation = opened.desk.controller.conversation.id
    opened.kill()
    again = open_window()
    again.desk.controller.conversations.open(conversation)
    assert again.message(0)._note.text() == "Not answered yet."


def test_a_waiting_question_is_seen_in_its_own_chat_only(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    opened.ask("one")
    opened.desk.controller.conversations.new_chat()
    assert not opened.window.transcript._progress.has_text
    opened.ask("two")
    waiting = opened.desk.controller.conversation.id
    assert "Another conversation" in opened.window.transcript._progress.text()
    assert "another answer" in opened.window.composer.hint.text()
    opened.desk.controller.conversations.new_chat()
    assert not opened.window.transcript._progress.has_text
    assert opened.window.composer.hint.text() == ""
    opened.desk.controller.conversations.open(waiting)
    assert "Another conversation" in opened.window.transcript._progress.text()
    QTest.keyClick(opened.window.composer.editor, Qt.Key.Key_Escape)
    assert "Stopped before" in opened.message(0)._note.text()


@pytest.mark.parametrize("ending", ["failed", "died", "stopped", "answered"])
def test_a_failure_in_a_chat_that_is_not_open_is_seen_until_it_is_opened(
    open_window: Callable[[], Opened], ending: str
) -> None:
    opened = open_window()
    controller, model = opened.desk.controller, opened.window.sidebar.model
    opened.ask("a question")
    conversation_id = controller.conversation.id
    controller.conversations.new_chat()
    assert not model.index(model.row_of(conversation_id)).data(ItemRole.HAS_FAILED)
    engine = opened.desk.engines.last
    {
        "failed": lambda: engine.fail("backend_error"),
        "died": engine.die,
        "stopped": lambda: engine.finish("stopped"),
        "answered": engine.finish,
    }[ending]()
    assert model.index(model.row_of(conversation_id)).data(ItemRole.HAS_FAILED) == (ending in ("failed", "died"))
    controller.conversations.open(conversation_id)
    controller.conversations.new_chat()
    assert not model.index(model.row_of(conversation_id)).data(ItemRole.HAS_FAILED)


def test_a_failure_before_ones_eyes_has_no_sign(open_window: Callable[[], Opened]) -> None:
    opened = open_window()
    opened.ask("a question")
    opened.desk.engines.last.fail("backend_error")
    conversation_id = opened.desk.controller.conversation.id
    opened.desk.controller.conversations.new_chat()
    assert not opened.desk.controller.has_failed(conversation_id)
