"""Conversations that take turns find what was read of them, and answer as if they were alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done
from belle.prompts import Message

_ids = itertools.count(1)
_MIB = 1 << 20


@pytest.fixture(scope="module")
def caching(starter: Path) -> Iterator[BlockingEngine]:
    with open_engine(Load(str(starter), n_ctx=512, prompt_cache=64 * _MIB, threads=1)) as opened:
        yield opened


def ask(engine: BlockingEngine, *talk: Message, seed: int = 1) -> Done:
    request = Generate(next(_ids), talk, Sampling(temperature=1.0, seed=seed), max_tokens=24)
    *_, done = engine.generate(request)
    assert isinstance(done, Done)
    return done


def long_system(name: str) -> Message:
    return Message("system", f"You are {name}. " + f"{name} is kind and brief. " * 16)


def test_two_conversations_do_not_displace_each_other(caching: BlockingEngine) -> None:
    talks = [[long_system(name), Message("user", "Who are you?")] for name in ("Anna", "Bernard", "Clara")]
    for talk in talks:
        talk += [Message("assistant", ask(caching, *talk).text), Message("user", "And what do you like?")]
    for talk in talks:
        done = ask(caching, *talk)
        assert done.stats.prompt_tokens - done.stats.reused_tokens < 30


def test_the_words_are_those_of_an_engine_for_itself(caching: BlockingEngine, starter: Path) -> None:
    anna = (long_system("Anna"), Message("user", "Tell me about the sea."))
    other = (long_system("Zoe"), Message("user", "Tell me about the moon."))
    texts = {ask(caching, *anna).text}
    ask(caching, *other)
    again = ask(caching, *anna)
    assert again.stats.reused_tokens == again.stats.prompt_tokens - 1
    with open_engine(Load(str(starter), n_ctx=512, threads=1)) as alone:
        assert texts | {again.text, ask(alone, *anna).text} == texts


def test_what_is_shared_with_another_conversation_is_used(caching: BlockingEngine) -> None:
    ask(caching, long_system("Dora"), Message("user", "What is 1 + 1?"))
    ask(caching, long_system("Emil"), Message("user", "What is 1 + 1?"))
    done = ask(caching, long_system("Dora"), Message("user", "Name a colour."))
    assert done.stats.reused_tokens > 80


def test_the_oldest_leave_when_memory_is_short(starter: Path) -> None:
    # A conversation of 150 tokens takes 3.5 MB.
    with open_engine(Load(str(starter), n_ctx=512, prompt_cache=8 * _MIB, threads=1)) as engine:
        talks = [(long_system(name), Message("user", "Who are you?")) for name in ("Ida", "Jon", "Kai", "Lea", "Max")]
        for talk in talks:
            ask(engine, *talk)
        assert ask(engine, *talks[3]).stats.reused_tokens > 80
        assert ask(engine, *talks[0]).stats.reused_tokens < 50


def test_without_memory_for_it_there_is_none(engine: BlockingEngine) -> None:
    ask(engine, long_system("Nora"), Message("user", "Who are you?"))
    ask(engine, long_system("Otto"), Message("user", "Who are you?"))
    assert ask(engine, long_system("Nora"), Message("user", "Who are you?")).stats.reused_tokens < 50
