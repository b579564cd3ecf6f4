"""A full context: nothing is cut silently, and the person can go on."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.person import Person

LONG = "List the names of fifty animals, one in each line."


def test_an_answer_ends_where_the_context_is_full_and_the_talk_goes_on(sits_down: Callable[..., Person]) -> None:
    person = sits_down(**{"model/n_ctx": 256})
    person.ask(LONG)
    person.wait_words()
    person.wait_answered()
    assert person.kinds() == ["context_full"]
    assert person.states[-1] == ("assistant", "length")
    person.ask("And plants?")
    person.wait(lambda: person.kinds() == ["context_full", "prompt_too_long"])
    assert person.states[-1][0] == "user"
    person.window.banners.banner("answer").buttons["drop_oldest"].click()
    person.wait(lambda: person.states[-1][0] == "assistant")
    person.stop()
    conversation = person.controller.conversation
    assert conversation is not None
    assert conversation.left_out == tuple(message.id for message in person.path[:2])
    assert person.window.transcript.at_bottom()
