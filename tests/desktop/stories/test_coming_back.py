"""A person comes back to a conversation: after another one, or after the window was closed. Nothing is read twice."""

from __future__ import annotations

from collections.abc import Callable

from belle.engine.process.events import HasReadAhead
from desktop.chat.saved_states import saved_states
from tests.support.person import Person

LONG = "Here is a story. " + "The fox went over the hill and came back with a small stone. " * 10
NEW_TOKENS = 40
"""The new question and what the template puts around it."""


def reused(person: Person) -> tuple[int, int]:
    """Of the last answer: the tokens of its prompt, and how many of them had not to be read."""
    stats = person.path[-1].stats
    return stats["prompt_tokens"], stats["reused_tokens"]


def ask_and_wait(person: Person, text: str) -> None:
    person.ask(text)
    person.wait(lambda: person.controller.busy)
    person.wait_words()
    person.stop()


def test_the_window_is_closed_in_the_middle_of_an_answer_and_opened_again(sits_down: Callable[..., Person]) -> None:
    person = sits_down()
    person.wait_ready()
    person.ask(LONG)
    person.wait_words()
    person.leave()
    again = sits_down()
    again.wait_ready()
    again.open_chat("Here is a story")
    assert again.answer.status == "interrupted"
    again.press(again.answer, "continue")
    again.wait(lambda: again.controller.busy)
    again.wait_words()
    again.stop()
    prompt, known = reused(again)
    assert prompt - known <= NEW_TOKENS < known


def test_a_chat_is_left_for_another_and_taken_up_again(person: Person) -> None:
    person.wait_ready()
    ask_and_wait(person, LONG)
    person.new_chat()
    ask_and_wait(person, "Tell me about ships. " * 25)
    person.open_chat("Here is a story")
    ask_and_wait(person, "And then?")
    prompt, known = reused(person)
    assert prompt - known <= NEW_TOKENS < known


def test_a_chat_that_is_deleted_leaves_nothing_of_what_was_read(sits_down: Callable[..., Person]) -> None:
    person = sits_down()
    person.wait_ready()
    ask_and_wait(person, LONG)
    first = person.controller.conversation
    assert first is not None
    person.new_chat()
    ask_and_wait(person, "Tell me about ships. " * 25)
    assert len(saved_states().names()) == 1
    person.controller.conversations.delete(first.id)
    assert saved_states().names() == set()
    second = person.controller.conversation
    assert second is not None
    person.controller.conversations.delete(second.id)
    person.leave()
    assert saved_states().names() == set()


def test_a_chat_that_is_only_looked_at_is_read_before_its_question(person: Person) -> None:
    person.wait_ready()
    ask_and_wait(person, LONG)
    person.controller.models.delete_saved_states()
    person.new_chat()
    ask_and_wait(person, "Tell me about ships. " * 25)
    person.controller.models.delete_saved_states()
    events: list[object] = []
    bridge = person.controller.models.host._bridge
    assert bridge is not None
    bridge.received.connect(events.append)
    person.open_chat("Here is a story")
    person.wait(lambda: any(isinstance(event, HasReadAhead) and event.tokens > 100 for event in events))
    ask_and_wait(person, "And then?")
    prompt, known = reused(person)
    assert prompt - known <= NEW_TOKENS < known
