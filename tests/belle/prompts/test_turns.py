"""Whatever became of a conversation, what is sent of it is something that strict templates accept, and all of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.prompts import Message, PromptTemplate, as_text, template_from_gguf
from belle.prompts.turns import alternating

# As the models' own templates are written: each refuses what is out of turn, in its way.
MISTRAL = """\
{{- bos_token -}}
{%- for message in messages -%}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{- raise_exception('roles alternate') -}}{%- endif -%}
{%- if message['role'] == 'user' -%}{{- '[INST] ' + message['content'] + ' [/INST]' -}}
{%- elif message['role'] == 'assistant' -%}{{- ' ' + message['content'] + eos_token -}}
{%- else -%}{{- raise_exception('only user and assistant') -}}{%- endif -%}
{%- endfor -%}
"""
GEMMA = """\
{{- bos_token -}}
{%- if messages[0]['role'] == 'system' -%}{{- raise_exception('no system role') -}}{%- endif -%}
{%- for message in messages -%}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{- raise_exception('roles alternate') -}}{%- endif -%}
{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
{{- '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}
"""
LLAMA_3 = """\
{%- if messages[0]['role'] == 'system' -%}
{%- set system = messages[0]['content'] -%}{%- set turns = messages[1:] -%}
{%- else -%}{%- set system = '' -%}{%- set turns = messages -%}{%- endif -%}
{{- bos_token + '<|start_header_id|>system<|end_header_id|>\\n\\n' + system + '<|eot_id|>' -}}
{%- for message in turns -%}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}{{- raise_exception('roles alternate') -}}{%- endif -%}
{%- if not message['content'] -%}{{- raise_exception('an empty message') -}}{%- endif -%}
{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] + '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}{%- endif -%}
"""
STRICT = {
    name: template_from_gguf(source, bos_token="<s>", eos_token="</s>")
    for name, source in (("mistral", MISTRAL), ("gemma", GEMMA), ("llama-3", LLAMA_3))
}

ROLES = st.sampled_from(["user", "assistant", "user", "assistant", "system"])
TEXTS = st.one_of(
    st.sampled_from(["", " ", "\n\t", "\u3000"]),
    st.integers(0, 10**6).map(lambda number: f"text {number}"),
    st.text(st.characters(codec="utf-8", exclude_characters="\ue000\ue001"), max_size=12),
)
CONVERSATIONS = st.lists(st.builds(Message, ROLES, TEXTS), max_size=9)


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str) -> Message:
    return Message("assistant", text)


@pytest.fixture(params=STRICT)
def strict(request: pytest.FixtureRequest) -> PromptTemplate:
    return STRICT[request.param]


@given(messages=CONVERSATIONS)
def test_any_conversation_becomes_one_that_strict_templates_accept(messages: list[Message]) -> None:
    turns = alternating(messages)
    if all(turn.role == "system" for turn in turns):
        return  # nothing is asked
    for template in STRICT.values():
        text = as_text(template.segments(turns))
        for message in messages:
            assert message.content.strip() in text


@given(messages=CONVERSATIONS)
def test_nothing_is_lost_and_the_order_within_a_role_is_kept(messages: list[Message]) -> None:
    turns = alternating(messages)
    assert "system" not in [turn.role for turn in turns[1:]]
    spoken = [turn.role for turn in turns if turn.role != "system"]
    assert all(one != other for one, other in pairwise(spoken))
    assert spoken[:1] in ([], ["user"])
    for role in ("user", "assistant"):
        rest = "\0".join(turn.content for turn in turns if turn.role == role)
        for message in messages:
            if message.role == role and message.content.strip():
                _, found, rest = rest.partition(message.content)
                assert found
    assert alternating(turns) == turns


@given(messages=CONVERSATIONS, begun=TEXTS)
def test_an_answer_to_be_continued_stays_the_last_and_ends_as_it_did(messages: list[Message], begun: str) -> None:
    turns = alternating([*messages, assistant(begun)], continue_last=True)
    assert turns[-1].role == "assistant"
    assert turns[-1].content.endswith(begun)
    for template in STRICT.values():
        assert as_text(template.segments(turns, continue_last=True)).endswith(begun)


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ([user("a"), assistant("b"), user("c")], [user("a"), assistant("b"), user("c")]),
        ([user("a"), user("b")], [user("a\n\nb")]),
        ([user("a"), assistant(""), user("b")], [user("a\n\nb")]),
        ([user("a"), assistant(" \n"), user("b"), assistant("c")], [user("a\n\nb"), assistant("c")]),
        ([user("a"), assistant("b"), assistant("c")], [user("a"), assistant("b\n\nc")]),
        ([user("a"), assistant("b"), user(" "), user("c")], [user("a"), assistant("b"), user("c")]),
        ([assistant("a"), user("b")], [user("…"), assistant("a"), user("b")]),
        ([], []),
        ([user(" ")], []),
        ([Message("system", " "), user("a")], [user("a")]),
        ([Message("system", "S"), user("a"), Message("system", "T")], [Message("system", "S\n\nT"), user("a")]),
        (
            [user("a"), assistant("b"), Message("system", "T"), user("c")],
            [user("a"), assistant("b"), user("T\n\nc")],
        ),
    ],
)
def test_each_way_of_being_left_without_an_answer(messages: list[Message], sent: list[Message]) -> None:
    assert alternating(messages) == sent


def test_a_blank_answer_that_is_continued_follows_its_question(strict: PromptTemplate) -> None:
    turns = alternating([user("a"), assistant("")], continue_last=True)
    assert turns == [user("a"), assistant("")]
    assert as_text(strict.segments(turns, continue_last=True)) == as_text(strict.segments(turns[:1]))
