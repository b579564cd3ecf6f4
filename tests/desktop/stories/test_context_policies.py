"""A conversation outgrows a small context: the person decides how it goes on, and sees what the model sees."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from belle.engine.answer.overflow import room_for_prompt
from desktop.ui.dialogs.base import Dialog
from desktop.ui.dialogs.context import ContextDialog
from desktop.ui.dialogs.summary import SummaryDialog
from desktop.ui.transcript.message.context_line import ContextLine
from tests.support.person import Person

N_CTX = 512
TURNS = 8


def comes_back_to_a_long_talk(sits_down: Callable[..., Person]) -> Person:
    """A window with a conversation that is longer than the context."""
    person = sits_down(**{"model/n_ctx": N_CTX})
    person.wait_ready()
    conversation = person.store.create_conversation(title="Water")
    parent: int | None = None
    for number in range(TURNS):
        question, answer = f"Question {number}: what is water?", f"Answer {number}: wet. " * 9
        parent = person.store.add_message(conversation.id, parent, "user", question).id
        parent = person.store.add_message(conversation.id, parent, "assistant", answer).id
    person.controller.conversations.open(conversation.id)
    return person


def lines(person: Person) -> dict[int, str]:
    """The hairlines of the transcript: the place of the message below each, and its kind."""
    return {
        place: line.kind
        for place, message in enumerate(person.path)
        for line in person.widget(message).findChildren(ContextLine)
        if not line.isHidden()
    }


def dialog(person: Person) -> Dialog:
    """The dialog that is open."""
    person.wait(lambda: isinstance(QApplication.activeModalWidget(), Dialog))
    opened = QApplication.activeModalWidget()
    assert isinstance(opened, Dialog)
    return opened


def choose(person: Person, policy: str) -> None:
    """Open the dialog by the gauge, with the keyboard, and choose."""
    person.window.status.gauge.setFocus()
    QTest.keyClick(person.window.status.gauge, Qt.Key.Key_Return)
    opened = dialog(person)
    assert isinstance(opened, ContextDialog)
    opened.choices[policy].button.click()
    opened.save_button.click()


def ask(person: Person, text: str) -> None:
    """Ask, and stop the answer after its first words."""
    person.ask(text)
    person.wait_words()
    person.stop()


def test_a_talk_goes_on_with_a_summary_that_the_person_corrects(sits_down: Callable[..., Person]) -> None:
    person = comes_back_to_a_long_talk(sits_down)
    person.wait(lambda: person.controller.usage.used > N_CTX)
    person.ask("And steam?")
    person.wait(lambda: person.kinds() == ["prompt_too_long"])
    person.window.banners.banner("answer").buttons["summarise"].click()
    person.wait_words()
    person.stop()
    summary = person.controller.context.summary
    assert summary is not None and summary.text.strip()
    place = len(summary.covers)
    assert [m.id for m in person.path[:place]] == list(summary.covers)
    assert lines(person) == {place: "summary_above"}
    assert person.controller.usage.used <= N_CTX

    person.widget(person.path[place]).findChild(ContextLine).click()
    opened = dialog(person)
    assert isinstance(opened, SummaryDialog)
    assert opened.field.toPlainText() == summary.text
    opened.field.setPlainText("They spoke of water only.")
    opened.save_button.click()
    ask(person, "And ice?")
    assert person.controller.context.summary.text == "They spoke of water only."
    assert lines(person) == {place: "summary_above"}

    person.press(person.path[-1], "continue")
    person.wait(lambda: person.controller.busy)
    person.stop()
    assert lines(person) == {place: "summary_above"}

    person.controller.messages.edit(person.path[0].id, "What is snow?")  # nothing is left that was summarised
    person.wait_words()
    person.stop()
    assert (person.controller.context.summary, lines(person)) == (None, {})
    assert person.shown[0] == ("user", "What is snow?")


def test_a_talk_goes_on_without_its_middle_and_with_what_is_pinned(sits_down: Callable[..., Person]) -> None:
    person = comes_back_to_a_long_talk(sits_down)
    person.widget(person.path[5]).action_bar().button("pin").click()
    assert person.path[5].pinned
    choose(person, "cut_middle")
    ask(person, "And steam?")
    left_out = [m.id in person.controller.conversation.left_out for m in person.path]
    assert left_out[:7] == [False, False, True, True, False, False, True]
    end = left_out.index(False, 7)
    assert lines(person) == {2: "follows", 4: "again", 6: "follows", end: "again"}

    choose(person, "drop_oldest")
    assert lines(person) == {}
    ask(person, "And ice?")
    assert lines(person)[4] == "above"

    person.settings.set_value("model/n_ctx", 4096)
    person.controller.models.apply_settings()
    person.wait(lambda: lines(person) == {})
    assert room_for_prompt(N_CTX, None) < person.controller.usage.used < person.controller.usage.total == 4096
    assert person.controller.usage.system > 0
