"""Answers that have to follow a grammar, and those that bring log probabilities."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Generate, Load, Sampling
from belle.engine.process.events import Done, Event, Logprobs, Text
from belle.errors import KnownError
from belle.prompts import Message
from tests.belle.engine.tiny_gguf import write_random_model

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)
QUESTION = (Message("user", "What is the capital of France?"),)
_ids = itertools.count(1)


def ask(engine: BlockingEngine, **options: object) -> tuple[Done, list[Event]]:
    settings: dict[str, object] = {"messages": QUESTION, "max_tokens": 60, "sampling": GREEDY} | options
    events = list(engine.generate(Generate(next(_ids), **settings)))  # type: ignore[arg-type]
    done = events[-1]
    assert isinstance(done, Done)
    return done, events


@pytest.mark.parametrize("temperature", [0.0, 1.0, 5.0])
def test_an_answer_follows_its_grammar(engine: BlockingEngine, temperature: float) -> None:
    grammar = 'root ::= "{" [0-9]{2} "-" ("Paris" | "巴黎") "}"'
    done, _ = ask(engine, grammar=grammar, sampling=Sampling(temperature=temperature, seed=1))
    assert re.fullmatch(r"\{\d\d-(Paris|巴黎)\}", done.text)
    assert done.reason == "end"


def test_what_the_model_would_say_anyway_stays(engine: BlockingEngine) -> None:
    free, _ = ask(engine, max_tokens=8)
    held, _ = ask(engine, max_tokens=8, grammar="root ::= [^#]*")
    assert held.text == free.text


def test_the_same_seed_gives_the_same_text(engine: BlockingEngine) -> None:
    settings = {"grammar": 'root ::= ([a-z]+ " "){8}', "sampling": Sampling(temperature=2.0, seed=11)}
    assert ask(engine, **settings)[0].text == ask(engine, **settings)[0].text


def test_a_thought_that_the_prompt_opens_comes_before_the_grammar(tmp_path: Path) -> None:
    """The grammar holds from where the thought is closed; a model of random words closes it at some time."""
    path = tmp_path / "thinker.gguf"
    source = "{% for m in messages %}{{ m.content }}{% endfor %}<think>\n"
    write_random_model(path, template=source, control=("<think>", "</think>"))
    with open_engine(Load(str(path))) as engine:
        for seed in range(20):
            sampling = Sampling(temperature=50, top_k=0, top_p=1, min_p=0, repeat_penalty=1, seed=seed)
            done, _ = ask(engine, grammar='root ::= "a"{3}', sampling=sampling, max_tokens=400)
            if done.text and done.thinking:
                break
    assert done.text == "aaa"
    assert done.thinking and set(done.thinking) != {"a"}


def test_tokens_with_log_probabilities_are_the_text(engine: BlockingEngine) -> None:
    done, events = ask(engine, logprobs=2, max_tokens=12)
    tokens = [token for event in events if isinstance(event, Logprobs) for token in event.tokens]
    assert b"".join(bytes(token.piece) for token in tokens).decode() == done.text
    for token in tokens:
        assert token.logprob is not None
        (best, _, most), (_, _, second) = token.top
        assert (best, most) == (token.token, token.logprob)
        assert second <= most <= 0
    # Those of a piece of text come before it.
    kinds = [type(event) for event in events if isinstance(event, Logprobs | Text)]
    assert kinds[:2] == [Logprobs, Text]


def test_the_likelihood_of_a_prompt_is_that_of_saying_it(engine: BlockingEngine) -> None:
    prompt = "The capital of France is"
    said, events = ask(engine, messages=(), prompt=prompt, logprobs=0, max_tokens=6)
    spoken = [token for event in events if isinstance(event, Logprobs) for token in event.tokens]
    _, events = ask(engine, messages=(), prompt=prompt + said.text, prompt_logprobs=True, max_tokens=0)
    read = [token for event in events if isinstance(event, Logprobs) and event.of_prompt for token in event.tokens]
    assert read[0].logprob is None
    assert isinstance(events[-1], Done) and events[-1].stats.reused_tokens == 0
    assert [token.token for token in read[-6:]] == [token.token for token in spoken]
    for token, again in zip(spoken, read[-6:], strict=True):
        assert again.logprob == pytest.approx(token.logprob, abs=0.25)  # other kernels read several tokens at once


def test_a_text_goes_on_without_a_template(engine: BlockingEngine) -> None:
    done, _ = ask(engine, messages=(), prompt="1 2 3 4 5 6", max_tokens=4)
    assert done.text.startswith(" 7")
    turn = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    marked, _ = ask(engine, messages=(), prompt=turn, max_tokens=8)
    assert marked.stats.prompt_tokens < 12  # control tokens, not their letters


@pytest.mark.parametrize(
    ("prompt", "kind"), [((1 << 30,), "bad_prompt"), ("word " * 3000, "prompt_too_long"), ((), "empty_prompt")]
)
def test_a_prompt_that_cannot_be_read_is_refused(
    engine: BlockingEngine, prompt: str | tuple[int, ...], kind: str
) -> None:
    with pytest.raises(KnownError) as caught:
        ask(engine, messages=(), prompt=prompt)
    assert caught.value.kind == kind


def test_presence_and_frequency_are_penalized(engine: BlockingEngine) -> None:
    prompt = "one one one one one one one one one one one one"
    plain, _ = ask(engine, messages=(), prompt=prompt, max_tokens=12)
    held, _ = ask(
        engine, messages=(), prompt=prompt, max_tokens=12, sampling=Sampling(0.0, repeat_penalty=1, frequency_penalty=2)
    )
    assert plain.text.count("to-many") > held.text.count("to-many")
    with pytest.raises(KnownError, match="presence_penalty"):
        ask(engine, sampling=Sampling(presence_penalty=1e9))


def test_json_of_any_kind_can_be_forced(engine: BlockingEngine) -> None:
    from belle.engine.schemas.json_schema import grammar_of

    schema = {"type": "array", "items": {"type": "integer", "minimum": 3, "maximum": 17}, "minItems": 3, "maxItems": 3}
    done, _ = ask(engine, grammar=grammar_of(schema), sampling=Sampling(temperature=3.0, seed=2))
    values = json.loads(done.text)
    assert len(values) == 3 and all(3 <= value <= 17 for value in values)
