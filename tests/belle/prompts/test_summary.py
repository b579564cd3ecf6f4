from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from belle.prompts import Message
from belle.prompts.summary import summary_request, with_summary

TALK = [Message("user", "What is rain?"), Message("assistant", "Water from clouds.")]
CHINESE = [Message("user", "雨是什么？"), Message("assistant", "云里落下的水。")]


def test_a_summary_joins_the_system_message() -> None:
    system = Message("system", "Be brief.")
    told = with_summary([system, *TALK], "They spoke of rain.")
    assert told[0].role == "system"
    assert told[0].content.startswith("Be brief.\n\n")
    assert told[0].content.endswith("They spoke of rain.")
    assert told[1:] == TALK
    assert with_summary(TALK, "They spoke of rain.")[0].role == "system"


def test_no_summary_changes_nothing() -> None:
    assert with_summary(TALK, " \n") == TALK


def test_it_is_asked_for_in_the_language_of_the_conversation() -> None:
    assert "Summarise" in summary_request(TALK)[0].content
    assert "摘要" in summary_request(CHINESE)[0].content
    assert "摘要" in with_summary(CHINESE, "他们谈了雨。")[0].content


def test_an_earlier_summary_is_carried_on() -> None:
    request = summary_request(TALK, "They had met in Rome.")[0].content
    assert request.index("They had met in Rome.") < request.index("What is rain?")


@given(st.lists(st.text(), min_size=1), st.integers(0, 50))
def test_each_text_is_shortened_to_its_ends(texts: list[str], longest: int) -> None:
    messages = [Message("user", text) for text in texts]
    (request,) = summary_request(messages, longest=longest)
    whole = summary_request(messages)[0].content
    assert request.role == "user"
    assert len(request.content) <= len(whole)
    for text in map(str.strip, texts):
        if len(text) <= longest:
            assert text in request.content
        else:
            assert text[: longest - longest // 2] in request.content
