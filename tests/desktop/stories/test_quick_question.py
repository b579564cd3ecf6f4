"""A quick question: in a small window of its own, answered there, without touching what the main window shows."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from desktop.i18n import set_language
from desktop.ui.system.quick_ask import QuickAsk
from tests.support.person import ANSWERED_MS, LOADED_MS, Person


def quick(person: Person) -> QuickAsk:
    """Ctrl+Shift+K."""
    person.window.window_actions.by_id["quick_ask"].trigger()
    window = person.window.outside._quick
    assert window is not None and window.isVisible()
    return window


def ask(window: QuickAsk, text: str) -> None:
    QTest.keyClicks(window.field, text)
    QTest.keyClick(window.field, Qt.Key.Key_Return)


def wait_answered(person: Person, window: QuickAsk) -> None:
    person.qtbot.waitUntil(lambda: bool(window.answer.source), timeout=LOADED_MS)
    window.stop_button.click()
    person.qtbot.waitUntil(lambda: not window.chat.is_answering, timeout=ANSWERED_MS)


def test_it_is_answered_beside_the_open_conversation_and_continued_in_the_window(person: Person) -> None:
    person.type("half a sentence")
    window = quick(person)
    ask(window, "Why is the sky blue?")
    wait_answered(person, window)
    assert person.controller.conversation is None  # the main window shows what it showed
    assert person.window.composer.editor.toPlainText() == "half a sentence"
    assert person.controller.drafting.draft(None) == "half a sentence"
    assert window.question.text() == "Why is the sky blue?" and window.answer.text.toPlainText()
    first = window.chat.conversation_id

    ask(window, "And at night?")  # the same conversation goes on
    person.qtbot.waitUntil(lambda: bool(window.answer.source), timeout=ANSWERED_MS)
    window.stop_button.click()
    person.qtbot.waitUntil(lambda: not window.chat.is_answering, timeout=ANSWERED_MS)
    QTest.keyClicks(window.field, "one more")
    window.continue_button.click()
    assert person.controller.conversation is not None and person.controller.conversation.id == first
    shown = [message.text for message in person.window.transcript.messages() if message.role == "user"]
    assert shown == ["Why is the sky blue?", "And at night?"]
    assert person.window.composer.editor.toPlainText() == "one more"
    assert person.window.outside._quick is None


def test_esc_closes_it_and_the_answer_is_in_the_list(person: Person) -> None:
    window = quick(person)
    assert quick(person) is window  # not a second one
    ask(window, "Name a colour.")
    person.qtbot.waitUntil(lambda: bool(window.answer.source), timeout=LOADED_MS)
    conversation_id = window.chat.conversation_id
    QTest.keyClick(window.field, Qt.Key.Key_Escape)
    assert person.window.outside._quick is None
    assert person.window.isVisible()
    assert conversation_id in [summary.id for summary in person.controller.conversations.summaries()]
    again = quick(person)
    assert again is not window and again.chat.conversation_id is None
    again.close()


def test_it_says_what_its_question_waits_for(sits_down: Callable[..., Person]) -> None:
    person = sits_down(**{"model/ref": "/nowhere/gone.gguf"})
    window = quick(person)
    ask(window, "Hello?")
    person.qtbot.waitUntil(lambda: "No model is open" in window.hint.text(), timeout=LOADED_MS)
    set_language("zh_CN")
    person.qtbot.waitUntil(lambda: "还没有打开模型" in window.hint.text())
    assert window.windowTitle().startswith("快速提问")
    window.stop_button.click()
    person.qtbot.waitUntil(window.stop_button.isHidden)


def test_it_leaves_with_the_window_and_not_the_window_with_it(person: Person) -> None:
    window = quick(person)
    window.close()
    assert person.window.isVisible()
    quick(person)
    person.window.close()
    assert person.window.outside._quick is None


def test_what_was_typed_in_both_windows_stays(person: Person) -> None:
    person.type("half a sentence")
    window = quick(person)
    QTest.keyClicks(window.field, "and another")
    window.continue_button.click()
    assert person.window.composer.editor.toPlainText() == "half a sentence\nand another"
    assert person.controller.conversation is None
    person.window.composer.set_text("")


def test_code_of_a_quick_answer_is_saved_as_in_the_window(person: Person) -> None:
    window = quick(person)
    window.answer.set_text("```python\nprint(1)\n```", growing=False)
    (block,) = window.answer.text.blocks
    window.answer.text.save_code.emit(block)
    person.qtbot.waitUntil(lambda: bool(person.window.findChildren(QFileDialog)))
    person.window.findChildren(QFileDialog)[0].close()
    window.close()


def test_a_question_after_its_conversation_was_deleted_begins_another(person: Person) -> None:
    window = quick(person)
    ask(window, "Name a colour.")
    wait_answered(person, window)
    first = window.chat.conversation_id
    assert first is not None
    person.controller.conversations.delete(first)
    ask(window, "Name a river.")
    assert window.field.text() == ""
    wait_answered(person, window)
    shown = [summary.id for summary in person.controller.conversations.summaries()]
    assert shown == [window.chat.conversation_id] != [first]
    window.close()


def test_what_was_typed_and_not_asked_is_there_when_it_is_opened_again(person: Person) -> None:
    QTest.keyClicks(quick(person).field, "half a question")
    QTest.keyClick(quick(person).field, Qt.Key.Key_Escape)
    again = quick(person)
    assert again.typed == "half a question"
    ask(again, "")
    wait_answered(person, again)
    again.close()
    assert quick(person).typed == ""
