"""What is read before a question is asked need not be read afterwards, changes no answer, and delays nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from belle.engine.process.blocking import open_engine
from belle.engine.process.commands import Count, Generate, Load, ReadAhead, Sampling
from belle.engine.process.events import Counted, Done, Event, HasReadAhead, Ready
from belle.prompts import Message
from tests.belle.engine.answer.test_answering import ask
from tests.belle.engine.conftest import Recorder

SYSTEM = Message("system", "You are a patient teacher who answers in short sentences. " * 8)
ENDLESS = Message("system", "The fox went over the hill and came back with a small stone. " * 120)
QUESTION = Message("user", "What is rain?")
LIVELY = Sampling(temperature=1.2, seed=11)


@pytest.fixture
def loaded(starter: Path, recorder: Recorder) -> Iterator[Recorder]:
    recorder.client.load(Load(str(starter), n_ctx=2048, threads=1))
    recorder.wait_for(Ready)
    yield recorder


def answered(recorder: Recorder, *messages: Message) -> Done:
    recorder.client.generate(Generate(1, messages, LIVELY, max_tokens=30))
    return recorder.wait_for(Done)


def test_what_was_read_ahead_is_not_read_again_and_the_answer_is_the_same(loaded: Recorder, starter: Path) -> None:
    loaded.client.read_ahead(ReadAhead("", (SYSTEM,)))
    ahead = loaded.wait_for(HasReadAhead)
    done = answered(loaded, SYSTEM, QUESTION)
    assert ahead.tokens > 80
    assert done.stats.reused_tokens == ahead.tokens
    assert done.stats.prompt_tokens - done.stats.reused_tokens < 30
    with open_engine(Load(str(starter), n_ctx=2048, threads=1)) as engine:
        cold, _ = ask(engine, SYSTEM, QUESTION, sampling=LIVELY, max_tokens=30)
    assert done.text == cold.text


def test_a_conversation_is_read_ahead_with_its_answers(loaded: Recorder) -> None:
    first = answered(loaded, SYSTEM, QUESTION)
    other = answered(loaded, Message("user", "Something else."))
    assert other.stats.reused_tokens < 20
    talk = (SYSTEM, QUESTION, Message("assistant", first.text))
    loaded.client.read_ahead(ReadAhead("", talk))
    ahead = loaded.wait_for(HasReadAhead)
    second = answered(loaded, *talk, Message("user", "And snow?"))
    assert second.stats.reused_tokens == ahead.tokens
    assert second.stats.prompt_tokens - ahead.tokens < 30


def test_what_is_in_the_cache_already_stays(loaded: Recorder) -> None:
    first = answered(loaded, SYSTEM, QUESTION)
    loaded.client.read_ahead(ReadAhead("", (SYSTEM,)))
    loaded.wait_for(HasReadAhead)
    second = answered(loaded, SYSTEM, QUESTION, Message("assistant", first.text), Message("user", "And snow?"))
    assert second.stats.reused_tokens >= first.stats.prompt_tokens + first.stats.completion_tokens - 4


@pytest.mark.parametrize("answer", [Done, Counted])
def test_a_request_does_not_wait_for_it(loaded: Recorder, answer: type[Event]) -> None:
    loaded.client.read_ahead(ReadAhead("", (ENDLESS,)))
    if answer is Done:
        loaded.client.generate(Generate(1, (QUESTION,), LIVELY, max_tokens=2))
    else:
        loaded.client.count(Count(1, (QUESTION,)))
    loaded.wait_for(answer)
    ahead = loaded.of_kind(HasReadAhead)
    assert not ahead or ahead[0].tokens < 600


def test_a_stop_long_after_reading_ahead_is_not_left_over(loaded: Recorder) -> None:
    loaded.client.read_ahead(ReadAhead("", (ENDLESS,)))
    loaded.client.generate(Generate(1, (QUESTION,), LIVELY, max_tokens=4))
    assert loaded.wait_for(Done).reason in ("end", "length")


def test_what_does_not_fit_is_not_read(loaded: Recorder) -> None:
    loaded.client.read_ahead(ReadAhead("", (ENDLESS, QUESTION, ENDLESS)))
    assert loaded.wait_for(HasReadAhead).tokens < 100
