"""A reply is read with suspicion: whatever a server sends becomes an answer or a reason, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.clients.chat.replies import ReplyError, error_text, read_reply, reply_of
from belle.clients.chat.requests import Decoding, RowRequest, seed_of

PLAIN = RowRequest("1", ({"role": "user", "content": "hi"},))
SCHEMA = {"type": "object", "properties": {"score": {"type": "number", "maximum": 1}}, "required": ["score"]}
SCORED = RowRequest("1", PLAIN.messages, SCHEMA)

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "model", "error", "text", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def body(content: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"message": {"content": content}, "finish_reason": "stop"}], **more}


def test_everything_is_read() -> None:
    whole = body("好", usage={"prompt_tokens": 7, "completion_tokens": 2}, system_fingerprint="b123")
    whole["choices"][0]["message"]["reasoning_content"] = "hm"
    reply = read_reply(json.dumps(whole).encode(), PLAIN)
    assert (reply.text, reply.choices[0].thinking, reply.choices[0].finish) == ("好", "hm", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.model, reply.build) == (7, 2, "m", "b123")


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ("", ""), ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab")],
)
def test_content_may_be_missing_or_in_parts(content: Any, text: str) -> None:
    assert reply_of(body(content), PLAIN).text == text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"", "not valid JSON"),
        (b'{"choices": [{"mess', "not valid JSON"),
        (b"<html>busy</html>", "not valid JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "not an object"),
        (b"{}", "no choices"),
        (b'{"choices": []}', "no choices"),
        (b'{"choices": [3]}', "without a message"),
        (b'{"choices": [{"message": {"content": 7}}]}', "not text"),
        (b'{"choices": [{"message": {"content": "\\ud83d"}}]}', "half a character"),
        (b'{"error": {"message": "out of memory"}}', "out of memory"),
        (b'{"error": "gone"}', "gone"),
    ],
)
def test_what_is_no_answer_says_why(wrong: bytes, said: str) -> None:
    with pytest.raises(ReplyError, match=said):
        read_reply(wrong, PLAIN)


def test_fewer_answers_than_were_asked_for_are_none() -> None:
    with pytest.raises(ReplyError, match="1 choices instead of 2"):
        reply_of(body("a"), RowRequest("1", PLAIN.messages, decoding=Decoding(n=2)))


@given(ANY_JSON)
def test_any_json_is_an_answer_or_a_reason(value: Any) -> None:
    for request in (PLAIN, SCORED):
        try:
            reply = reply_of(value, request)
        except ReplyError as error:
            assert str(error)
        else:
            reply.text.encode()


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_a_reason(data: bytes) -> None:
    with pytest.raises(ReplyError):
        read_reply(data, PLAIN)


@pytest.mark.parametrize(
    ("content", "value", "problem"),
    [
        ('{"score": 0.5}', {"score": 0.5}, ""),
        ('{"score": 7}', None, "at score: 7"),
        ("{}", None, "at its top"),
        ("I would say 0.5.", None, "not valid JSON"),
        ("", None, "not valid JSON"),
    ],
)
def test_a_schema_is_checked_here_too(content: str, value: Any, problem: str) -> None:
    choice = reply_of(body(content), SCORED).choices[0]
    assert choice.value == value
    assert problem in choice.problem
    assert bool(choice.problem) == bool(problem)
    assert choice.text == content  # never dropped


@given(ANY_JSON)
def test_any_error_is_told_in_one_short_line(value: Any) -> None:
    text = error_text(value)
    assert "\n" not in text
    assert len(text) <= 301


def test_another_model_is_noticed_and_a_version_of_the_same_is_not() -> None:
    def named(asked: str, answered: str) -> bool:
        from dataclasses import replace

        return replace(reply_of(body("a", model=answered), PLAIN), asked_model=asked).is_of_another_model

    assert named("BELLE-13B", "tiny-1B")
    assert not named("gpt-x", "gpt-x-2026-01-01")
    assert not named("org/BELLE-13B", "belle-13b")
    assert not named("BELLE-13B", "")


def test_each_request_has_a_seed_of_its_own_that_stays() -> None:
    seeds = {seed_of(1, str(number)) for number in range(1000)}
    assert len(seeds) > 995
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of(1, "7") != seed_of(2, "7")
    request = RowRequest(
        "7", PLAIN.messages, SCHEMA, Decoding(seed=1, n=2, logprobs=3, stop=("#",), extra={"top_k": 5})
    )
    assert request.body("m") == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.0,
        "stop": ["#"],
        "seed": seed_of(1, "7"),
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}},
        "top_k": 5,
    }
