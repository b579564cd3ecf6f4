"""What a person decides about the context is in the next request, and what the engine makes of it is in the store."""

from __future__ import annotations

import pytest

from belle.engine.process.commands import Count
from belle.engine.process.events import ContextCut, Counted, Summarised
from belle.engine.process.events import Prefill as PrefillEvent
from desktop.chat.state import POLICIES, ContextUsage
from desktop.store import StoredMessage
from desktop.ui.notices.text import notice_text
from tests.support.desk import Desk


def talk(desk: Desk, *questions: str) -> None:
    """Questions with an answer each."""
    for text in questions:
        desk.controller.messages.send(text)
        desk.engines.last.say(text.upper())
        desk.engines.last.finish()


def cut(desk: Desk, *indices: int, summary: str = "") -> None:
    """The engine leaves out messages of the request under way."""
    engine = desk.engines.last
    engine.on_event(ContextCut(engine.request.id, indices))
    if summary:
        engine.on_event(Summarised(engine.request.id, summary))
    engine.say("ok")
    engine.finish()


def left_out(desk: Desk) -> list[str]:
    assert desk.controller.conversation is not None
    return [m.text for m in desk.path if m.id in desk.controller.conversation.left_out]


def contents(messages: object) -> list[str]:
    return [message.content for message in messages]  # type: ignore[attr-defined]


def test_each_policy_is_in_the_next_request(desk: Desk) -> None:
    talk(desk, "one")
    for policy in (*POLICIES, "refuse"):
        desk.controller.context.set_overflow(policy)  # type: ignore[arg-type]
        talk(desk, "more")
        assert desk.engines.last.request.overflow == policy


def test_a_policy_is_of_its_conversation_alone_unless_it_is_to_be_the_default(desk: Desk) -> None:
    controller = desk.controller
    assert controller.context.overflow == "refuse"
    controller.context.set_overflow("cut_middle")  # of the conversation about to begin
    assert controller.context.overflow == "cut_middle"
    talk(desk, "one")
    first = controller.conversation.id
    assert desk.engines.last.request.overflow == "cut_middle"
    controller.conversations.new_chat()
    assert controller.context.overflow == "refuse"
    talk(desk, "two")
    controller.context.set_overflow("summarise", as_default=True)
    controller.conversations.new_chat()
    assert controller.context.overflow == "summarise"
    talk(desk, "three")
    assert desk.engines.last.request.overflow == "summarise"
    controller.conversations.open(first)
    assert controller.context.overflow == "cut_middle"


def test_a_default_that_is_no_policy_is_not_used(desk: Desk) -> None:
    desk.controller._settings.set_value("chat/overflow", "guess")
    assert desk.controller.context.overflow == "refuse"


def test_any_messages_may_be_left_out(desk: Desk) -> None:
    talk(desk, "one", "two", "three")
    desk.controller.conversations.set_system_prompt("Be brief.")
    desk.controller.context.set_overflow("cut_middle")
    desk.controller.messages.send("four")
    cut(desk, 3, 4)
    assert left_out(desk) == ["two", "TWO"]
    assert desk.paths[-1][-1].text == "four"


def test_another_policy_brings_back_into_sight_what_was_left_out(desk: Desk) -> None:
    talk(desk, "one", "two")
    desk.controller.context.set_overflow("drop_oldest")
    desk.controller.messages.send("three")
    cut(desk, 0, 1)
    desk.controller.context.set_overflow("refuse")
    assert left_out(desk) == []
    talk(desk, "four")
    assert contents(desk.engines.last.request.messages)[:2] == ["one", "ONE"]


def test_a_pinned_message_is_told_by_its_place(desk: Desk) -> None:
    desk.controller.conversations.set_system_prompt("Be brief.")
    talk(desk, "one", "two")
    desk.controller.context.set_message_pinned(desk.path[1].id, True)
    updated = [args[0] for name, args in desk.emitted if name == "message_updated"]
    assert isinstance(updated[-1], StoredMessage) and updated[-1].pinned
    desk.controller.messages.send("three")
    assert desk.engines.last.request.pinned == (2,)
    desk.engines.last.finish()
    desk.controller.context.set_message_pinned(desk.path[1].id, False)
    talk(desk, "four")
    assert desk.engines.last.request.pinned == ()


def test_a_summary_goes_with_the_next_questions_until_one_tells_more(desk: Desk) -> None:
    talk(desk, "one", "two", "three")
    desk.controller.context.set_overflow("summarise")
    desk.controller.messages.send("four")
    assert desk.engines.last.request.summary == ""
    cut(desk, 0, 1, summary="of one")
    assert desk.controller.context.summary.text == "of one"
    desk.controller.messages.send("five")
    request = desk.engines.last.request
    assert (request.summary, request.summarised) == ("of one", (0, 1))
    assert contents(request.messages)[:2] == ["one", "ONE"]  # should all of them fit again
    cut(desk, 0, 1, 2, 3, summary="of one and two")
    desk.controller.messages.send("six")
    request = desk.engines.last.request
    assert (request.summary, request.summarised) == ("of one and two", (0, 1, 2, 3))
    cut(desk, 0, 1, 2, 3)
    assert left_out(desk) == ["one", "ONE", "two", "TWO"]
    assert desk.controller.context.summary.text == "of one and two"


def test_a_turn_pinned_after_it_was_summarised_is_sent_again(desk: Desk) -> None:
    talk(desk, "one", "two", "three")
    desk.controller.context.set_overflow("summarise")
    desk.controller.messages.send("four")
    cut(desk, 0, 1, 2, 3, summary="of one and two")
    desk.controller.context.set_message_pinned(desk.path[1].id, True)
    desk.controller.messages.send("five")
    assert desk.engines.last.request.summarised == (2, 3)
    assert desk.engines.last.request.pinned == (1,)
    cut(desk, 2, 3)
    assert left_out(desk) == ["two", "TWO"]
    desk.controller.context.set_message_pinned(desk.path[1].id, False)
    desk.controller.messages.send("six")
    assert desk.engines.last.request.summarised == (0, 1, 2, 3)


def test_a_summary_is_of_a_path(desk: Desk) -> None:
    talk(desk, "one", "two", "three")
    desk.controller.context.set_overflow("summarise")
    desk.controller.messages.send("four")
    cut(desk, 0, 1, summary="of one")
    desk.controller.messages.send("five")
    cut(desk, 0, 1, 2, 3, summary="of one and two")
    second = desk.path[2]
    desk.controller.messages.edit(second.id, "two, in other words")
    assert desk.engines.last.request.summary == "of one"
    assert desk.engines.last.request.summarised == (0, 1)
    desk.engines.last.finish()
    desk.controller.messages.edit(desk.path[0].id, "one, in other words")
    assert desk.engines.last.request.summary == ""
    desk.engines.last.finish()
    assert desk.controller.context.summary is None
    desk.controller.messages.switch_version(desk.path[0].id, -1)
    desk.controller.messages.switch_version(desk.path[2].id, -1)
    assert desk.controller.context.summary.text == "of one and two"


def test_a_question_that_is_answered_again_is_never_in_the_summary(desk: Desk) -> None:
    talk(desk, "one", "two", "three")
    desk.controller.context.set_overflow("summarise")
    desk.controller.messages.send("four")
    cut(desk, 0, 1, 2, 3, summary="of one and two")
    desk.controller.messages.regenerate(desk.path[3].id)  # the answer to the second question
    request = desk.engines.last.request
    assert (contents(request.messages), request.summary, request.summarised) == (["one", "ONE", "two"], "", ())


def test_an_answer_is_continued_with_the_summary(desk: Desk) -> None:
    talk(desk, "one", "two")
    desk.controller.context.set_overflow("summarise")
    desk.controller.messages.send("three")
    engine = desk.engines.last
    engine.on_event(ContextCut(engine.request.id, (0, 1)))
    engine.on_event(Summarised(engine.request.id, "of one"))
    engine.say("half")
    engine.finish("stopped")
    desk.controller.messages.continue_answer(desk.path[-1].id)
    request = desk.engines.last.request
    assert request.continue_last
    assert (request.summary, request.summarised) == ("of one", (0, 1))
    assert contents(request.messages)[-2:] == ["three", "half"]


def test_a_summary_is_the_persons_to_correct_and_to_delete(desk: Desk) -> None:
    talk(desk, "one", "two")
    desk.controller.context.set_overflow("summarise")
    desk.controller.messages.send("three")
    cut(desk, 0, 1, summary="of one")
    summary = desk.controller.context.summary
    assert desk.controller.context.edit_summary(summary.message_id, "as I say")
    desk.controller.messages.send("four")
    assert desk.engines.last.request.summary == "as I say"
    cut(desk, 0, 1)
    assert desk.controller.context.delete_summary()
    assert desk.controller.context.summary is None
    assert left_out(desk) == []
    desk.controller.messages.send("five")
    assert desk.engines.last.request.summary == ""
    assert not desk.controller.context.edit_summary(summary.message_id, "too late")
    assert desk.notices[-1].kind == "not_found"


def test_a_summary_is_of_no_use_under_another_policy(desk: Desk) -> None:
    talk(desk, "one", "two")
    desk.controller.context.set_overflow("summarise")
    desk.controller.messages.send("three")
    cut(desk, 0, 1, summary="of one")
    desk.controller.context.set_overflow("drop_oldest")
    assert desk.controller.context.summary is None
    talk(desk, "four")
    assert desk.engines.last.request.summary == ""
    desk.controller.context.set_overflow("summarise")
    talk(desk, "five")
    assert desk.engines.last.request.summary == "of one"


def test_when_all_fits_again_nothing_is_left_out(desk: Desk) -> None:
    talk(desk, "one", "two")
    desk.controller.context.set_overflow("summarise")
    desk.controller.messages.send("three")
    cut(desk, 0, 1, summary="of one")
    assert left_out(desk) == ["one", "ONE"]
    desk.controller.messages.send("four")
    engine = desk.engines.last
    engine.on_event(PrefillEvent(engine.request.id, 5, 5, 0, None))  # without a cut before it
    assert left_out(desk) == []


def test_the_gauge_counts_what_is_sent(desk: Desk) -> None:
    seen: list[ContextUsage] = []
    talk(desk, "x" * 5000, "two")
    desk.controller.context.set_overflow("summarise")
    desk.controller.messages.send("three")
    cut(desk, 0, 1, summary="of one")
    desk.controller.context_usage.connect(seen.append)
    desk.controller.context.count()
    whole, rest = [c for c in desk.engines.last.commands if isinstance(c, Count)][-2:]
    assert len(contents(whole.messages)) == 6 and whole.summary == ""
    assert contents(rest.messages) == ["two", "TWO", "three", "ok"] and rest.summary == "of one"
    assert seen[-1].used == len("twoTWOthreeok")
    desk.controller.context.set_overflow("refuse")
    assert seen[-1].used == len("twoTWOthreeok") + 10_000 > seen[-1].total
    assert seen[-1].free == 0


def test_the_gauge_tells_the_system_prompt_from_the_messages(desk: Desk) -> None:
    seen: list[ContextUsage] = []
    desk.controller.context_usage.connect(seen.append)
    desk.controller.conversations.set_system_prompt("Be brief.")
    talk(desk, "one")
    engine = desk.engines.last
    engine.count = lambda request: engine.on_event(Counted(request.id, 100, 4096, 30))  # type: ignore[method-assign]
    desk.controller.context.count()
    assert (seen[-1].system, seen[-1].history, seen[-1].free) == (30, 70, 3996)
    assert desk.controller.usage == seen[-1]
    desk.controller.messages.send("two")
    desk.controller.context.count()  # not while it answers
    engine.say("TWO")
    engine.finish()
    assert seen[-1] == ContextUsage(15, 4096, 15)  # what the engine measured, of which no more can be the system's


def test_the_policies_are_offered_where_there_is_none_yet(desk: Desk) -> None:
    desk.controller.messages.send("very long")
    details = {"prompt_tokens": 9000, "n_ctx": 4096, "n_ctx_train": 4096}
    desk.engines.last.fail("prompt_too_long", **details, fits_after_drop=True)
    assert desk.notices[-1].actions == (*POLICIES, "edit_question")
    desk.controller.act("answer", "summarise")
    assert desk.engines.last.request.overflow == "summarise"
    desk.engines.last.fail("prompt_too_long", **details, fits_after_drop=False)
    assert desk.notices[-1].actions == ("edit_question",)


def test_a_policy_chosen_in_the_dialog_asks_the_refused_question_again(desk: Desk) -> None:
    desk.controller.messages.send("very long")
    details = {"prompt_tokens": 9000, "n_ctx": 4096, "n_ctx_train": 4096}
    desk.engines.last.fail("prompt_too_long", **details, fits_after_drop=True)
    desk.controller.context.set_overflow("cut_middle")
    assert desk.engines.last.request.overflow == "cut_middle"
    assert desk.controller.busy


def test_while_the_model_summarises_the_question_waits_for_that(desk: Desk) -> None:
    talk(desk, "one", "two")
    desk.controller.context.set_overflow("summarise")
    waits: list[str] = []
    desk.controller.waiting_changed.connect(waits.append)
    desk.controller.messages.send("three")
    engine = desk.engines.last
    engine.on_event(ContextCut(engine.request.id, (0, 1)))
    engine.read()
    assert waits == ["summary"]
    engine.on_event(Summarised(engine.request.id, "of one"))
    assert waits == ["summary", ""]
    engine.finish()
    desk.controller.messages.send("four")
    engine.on_event(ContextCut(engine.request.id, (0, 1)))  # of which there is a summary
    engine.finish()
    assert waits == ["summary", ""]
    desk.controller.messages.send("five")
    engine.on_event(ContextCut(engine.request.id, (0, 1, 2, 3)))
    engine.say("the model had nothing to say of it")
    assert waits == ["summary", ""] * 2
    engine.finish()
    desk.controller.messages.send("six")
    engine.on_event(ContextCut(engine.request.id, (0, 1, 2, 3)))
    engine.die()
    assert waits == ["summary", ""] * 3


@pytest.mark.parametrize(("part", "action"), [("summary", "edit_summary"), ("system", "edit_system_prompt")])
def test_what_leaves_no_room_for_the_question_can_be_shortened(desk: Desk, part: str, action: str) -> None:
    desk.controller.messages.send("one")
    details = {"prompt_tokens": 9000, "n_ctx": 4096, "n_ctx_train": 4096, "fits_after_drop": False}
    desk.engines.last.fail("prompt_too_long", **details, too_large=part)
    assert desk.notices[-1].actions == (action, "edit_question")
    text = notice_text(desk.notices[-1])
    assert part in text.title.lower() and "4,096" in text.text


def test_where_too_much_is_pinned_it_can_be_unpinned(desk: Desk) -> None:
    talk(desk, "one", "two")
    for message in desk.path:
        desk.controller.context.set_message_pinned(message.id, True)
    desk.controller.context.set_overflow("drop_oldest")
    desk.controller.messages.send("three")
    details = {"prompt_tokens": 9000, "n_ctx": 4096, "n_ctx_train": 4096, "fits_after_drop": False}
    desk.engines.last.fail("prompt_too_long", **details, too_large="pins")
    assert desk.notices[-1].actions == ("unpin_all", "edit_question")
    desk.controller.act("answer", "unpin_all")
    assert not any(message.pinned for message in desk.path)
    assert desk.engines.last.request.pinned == ()
    assert desk.controller.busy
