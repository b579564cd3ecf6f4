"""Answers with guesses are word for word those without, whatever else is asked of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.engine.llama.native_log import NativeLog
from belle.engine.process.commands import Sampling
from belle.engine.process.events import Event, Logprobs, Text
from tests.belle.engine.answer.speculation.conftest import Loaded

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)
PENALISED = Sampling(temperature=0.0, repeat_penalty=1.2)
SEEDED = Sampling(temperature=0.9, seed=11)
CODE = (
    "def area(width, height):\n    if width < 0 or height < 0:\n        raise ValueError(width)\n"
    "    return width * height\n"
)
QUOTE = f"Repeat this code exactly:\n\n```python\n{CODE}```"
CHINESE = "请把这句话重复三遍：今天天气很好，我们一起去公园散步，看到了很多美丽的花。"
LIST = "Write the numbers from one to thirty, in words."


@pytest.mark.parametrize("sampling", [GREEDY, PENALISED, SEEDED], ids=["likeliest", "penalised", "drawn"])
@pytest.mark.parametrize("question", [QUOTE, CHINESE, LIST], ids=["code", "chinese", "list"])
def test_the_text_is_the_same(question: str, sampling: Sampling, guessing: Loaded, plain: Loaded) -> None:
    options = {"sampling": sampling, "max_tokens": 48}
    ours, theirs = guessing.ask(question, **options), plain.ask(question, **options)
    assert (ours.text, ours.reason) == (theirs.text, theirs.reason)
    assert ours.stats.completion_tokens == theirs.stats.completion_tokens
    assert ours.stats.context_used == theirs.stats.context_used
    assert theirs.stats.drafted_tokens == 0
    assert ours.stats.accepted_tokens <= ours.stats.drafted_tokens


def test_what_is_quoted_is_guessed(guessing: Loaded) -> None:
    stats = guessing.ask(QUOTE, sampling=GREEDY, max_tokens=48).stats
    assert stats.accepted_tokens > 12


def test_the_text_is_the_same_where_the_cache_grows(guessing: Loaded, plain: Loaded) -> None:
    """llama.cpp looks through the cache in steps of 256 cells; guesses reach the next one sooner."""
    for words in (107, 109):
        question = "one two " * words + "\nGo on."
        ours, theirs = (model.ask(question, sampling=GREEDY, max_tokens=24) for model in (guessing, plain))
        assert ours.text == theirs.text
        assert ours.stats.prompt_tokens < 256 < ours.stats.context_used


def test_a_stop_string_ends_it_at_the_same_place(guessing: Loaded, plain: Loaded) -> None:
    for stop in ("ValueError(", "return w"):
        options = {"sampling": GREEDY, "max_tokens": 60, "stop": (stop,)}
        ours, theirs = guessing.ask(QUOTE, **options), plain.ask(QUOTE, **options)
        assert (ours.text, ours.reason) == (theirs.text, theirs.reason)
        assert ours.stats.context_used == theirs.stats.context_used


def test_a_grammar_is_followed(guessing: Loaded, plain: Loaded) -> None:
    grammar = r'root ::= "[" item (", " item)* "]"' + "\n" + r'item ::= "{\"name\": \"" [a-z]+ "\"}"'
    question = 'Answer with this JSON: [{"name": "ann"}, {"name": "bob"}, {"name": "eve"}]'
    for sampling in (GREEDY, SEEDED):
        options = {"sampling": sampling, "max_tokens": 40, "grammar": grammar}
        assert guessing.ask(question, **options).text == plain.ask(question, **options).text


def test_each_token_has_the_same_probability(guessing: Loaded, plain: Loaded) -> None:
    for model in (guessing, plain):
        model.ask(QUOTE, sampling=GREEDY, max_tokens=32, logprobs=2)
    ours, theirs = ([e for e in model.events if isinstance(e, Logprobs)] for model in (guessing, plain))
    assert [event.tokens for event in ours] == [event.tokens for event in theirs]


def test_the_length_is_kept_to(guessing: Loaded) -> None:
    for most in range(1, 12):
        done = guessing.ask(QUOTE, sampling=GREEDY, max_tokens=most)
        assert done.stats.completion_tokens == most
        assert done.reason == "length"


def test_what_was_stopped_goes_on_as_if_nothing_had_been_guessed(guessing: Loaded, plain: Loaded) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Text) and "raise" in event.text:
            guessing.is_stopped = True

    guessing.on_event = stop
    try:
        # One by one, so that it is stopped within what was guessed.
        stopped = guessing.ask(QUOTE, sampling=GREEDY, max_tokens=60, logprobs=0)
    finally:
        guessing.on_event = lambda _: None
    assert stopped.reason == "stopped"
    told = QUOTE, stopped.text, "Go on."
    ours, theirs = guessing.ask(*told, sampling=GREEDY, max_tokens=24), plain.ask(*told, sampling=GREEDY, max_tokens=24)
    assert ours.stats.prompt_tokens >= ours.stats.reused_tokens > 80
    assert len(ours.text) > 0
    assert ours.stats.context_used == ours.stats.prompt_tokens + ours.stats.completion_tokens - 1
    assert theirs.text[:8] == ours.text[:8]


def test_an_edited_question_is_answered_as_before(guessing: Loaded, plain: Loaded) -> None:
    for question in (QUOTE.replace("height", "length"), QUOTE):
        ours, theirs = (model.ask(question, sampling=GREEDY, max_tokens=30) for model in (guessing, plain))
        assert ours.text == theirs.text


def test_a_full_context_ends_both_at_the_same_token(starter: Path, native_log: NativeLog, guessing: Loaded) -> None:
    models = [Loaded(native_log, starter, n_ctx=256, speculation=speculation) for speculation in (True, False)]
    ours, theirs = (model.ask(prompt="one two three four five " * 35, sampling=GREEDY) for model in models)
    assert (ours.text, ours.reason, ours.stats.context_used) == (theirs.text, theirs.reason, theirs.stats.context_used)
    assert ours.reason == "context_full"
    for model in models:
        model.model.close()
