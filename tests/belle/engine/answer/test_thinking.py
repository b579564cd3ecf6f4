"""A real model that thinks: what it writes before its answer is kept apart, on its way and at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest

from belle.engine.llama.context import StopFlag
from belle.engine.llama.native_log import NativeLog
from belle.engine.loaded import LoadedModel
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done, Event, Text, Thinking
from belle.errors import KnownError
from belle.prompts import Message, template_from_gguf

# A pattern that even a small model goes on with; the last thought is opened by the template, as DeepSeek-R1's does.
PATTERN = "".join(f"<think>{n} is a number</think>Yes, {n}.\n" for n in ("One", "Two", "Three", "Four"))
TEMPLATE = "{{ messages[-1]['content'] }}{% if thinking is defined and not thinking %}{% else %}<think>{% endif %}"
GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def thought_enough() -> set[int]:
    """Numbers of the requests whose thought is to end."""
    return set()


@pytest.fixture(scope="module")
def model(starter: Path, native_log: NativeLog, events: list[Event], thought_enough: set[int]) -> Iterator[LoadedModel]:
    loaded = LoadedModel(
        Load(str(starter), n_ctx=512),
        on_progress=lambda _: True,
        stop=StopFlag(),
        has_thought_enough=thought_enough.__contains__,
        emit=events.append,
        log=native_log,
    )
    loaded.prompts.template = template_from_gguf(TEMPLATE, bos_token="", eos_token="")
    yield loaded
    loaded.close()


def answered(model: LoadedModel, request: Generate) -> Done:
    ends: list[Done | KnownError] = []
    model.session.generate(request, perf_counter(), ends.append)
    while model.session.is_answering:
        model.session.step()
    assert isinstance(ends[0], Done)
    return ends[0]


def ask(model: LoadedModel, events: list[Event], **options) -> Done:
    events.clear()
    settings = {"sampling": GREEDY, "max_tokens": 24, "stop": ("\n",)} | options
    request = Generate(1, settings.pop("messages", (Message("user", PATTERN),)), **settings)
    done = answered(model, request)
    assert "".join(e.text for e in events if isinstance(e, Thinking)) == done.thinking
    assert "".join(e.text for e in events if isinstance(e, Text)) == done.text
    return done


def test_thought_and_answer_come_apart(model, events) -> None:
    done = ask(model, events)
    assert done.thinking.endswith("is a number")
    assert done.text.startswith("Yes, ")
    assert done.thinking_seconds is not None and done.thinking_seconds > 0


def test_a_thought_that_is_cut_off_is_no_answer(model, events) -> None:
    done = ask(model, events, max_tokens=2)
    assert done.thinking and not done.text
    assert done.reason == "length"


ENDLESS = Message("user", "and on and on and on and on and on and on and on and on and on and on")


@pytest.fixture
def enough(thought_enough: set[int]) -> Iterator[None]:
    thought_enough.add(1)
    yield
    thought_enough.clear()


def test_a_thought_can_be_ended_and_the_answer_comes_at_once(model, events, enough) -> None:
    done = ask(model, events, messages=(ENDLESS,), stop=(), max_tokens=16)
    assert done.text and not done.thinking
    assert done.stats.completion_tokens == 16


def test_a_thought_that_nobody_ends_goes_on(model, events) -> None:
    done = ask(model, events, messages=(ENDLESS,), stop=(), max_tokens=16)
    assert done.thinking and not done.text


def test_what_was_thought_so_far_is_kept(model, events, thought_enough) -> None:
    def end_after_first_thought(event: Event) -> None:
        events.append(event)
        if isinstance(event, Thinking):
            thought_enough.add(1)

    model.session._emit = end_after_first_thought
    try:
        done = ask(model, events, messages=(ENDLESS,), stop=(), max_tokens=40)
    finally:
        model.session._emit = events.append
        thought_enough.clear()
    assert done.thinking and done.text
    assert "think>" not in done.thinking + done.text


def test_the_grammar_of_the_answer_holds_after_a_thought_that_was_ended(model, events, enough) -> None:
    done = ask(model, events, messages=(ENDLESS,), stop=(), grammar='root ::= "yes" | "no"')
    assert done.text in ("yes", "no")


def test_an_answer_without_a_thought_is_not_changed_by_it(model, events, enough) -> None:
    plain = {"thinking": False, "messages": (Message("user", "Yes. Yes. Yes. Yes."),), "max_tokens": 6}
    done = ask(model, events, **plain)
    assert "</think>" not in done.text
    assert not done.thinking


def test_thinking_can_be_switched_off_where_the_template_can(model, events) -> None:
    assert model.info.can_switch_thinking
    assert model.prompts.template is not None
    done = ask(model, events, thinking=False, messages=(Message("user", "Yes. Yes. Yes. Yes."),), max_tokens=4)
    assert done.text and not done.thinking
    assert done.thinking_seconds is None


def test_an_answer_that_is_continued_is_all_answer(model, events) -> None:
    begun = (Message("user", PATTERN), Message("assistant", "Yes,"))
    done = ask(model, events, messages=begun, continue_last=True, max_tokens=4)
    assert done.text and not done.thinking


def test_a_thought_that_the_prompt_did_not_show_as_open_is_told_at_the_end(model, events) -> None:
    prompts = model.prompts
    before = prompts.template
    prompts.template = template_from_gguf("{{ messages[-1]['content'] }}", bos_token="", eos_token="")
    pattern = "".join(f"{n} is a number\n</think>\nYes, {n}!\n\n" for n in ("One", "Two", "Three", "Four"))
    try:
        events.clear()
        request = Generate(2, (Message("user", pattern),), sampling=GREEDY, max_tokens=24, stop=("!",))
        done = answered(model, request)
    finally:
        prompts.template = before
    assert done.thinking.endswith("is a number")
    assert done.text.startswith("Yes, ")
