"""Several requests answered at once by one worker: each as it was asked for, none in the way of another."""

from __future__ import annotations

import itertools
import json
import queue
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from belle.engine.process.blocking import open_engine
from belle.engine.process.client import EngineClient
from belle.engine.process.commands import Embed, Generate, Load, Sampling
from belle.engine.process.events import Done, Embedded, Event, Failed, Logprobs, Prefill, Ready, Text
from belle.engine.schemas.json_schema import grammar_of
from belle.prompts import Message

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)
ENDLESS = Sampling(temperature=1.5, seed=3)
PREFIX = "The ship sailed on over the calm sea to the north. " * 24
_ids = itertools.count(1)
_MIB = 1 << 20


class Together:
    """An engine that answers several requests at once."""

    def __init__(self, load: Load) -> None:
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.client = EngineClient(self._events.put)
        self.client.start()
        self.client.load(load)
        while not isinstance(self.next(), Ready):
            pass

    def next(self) -> Event:
        return self._events.get(timeout=60)

    def all(
        self, requests: Sequence[Generate], on_event: Callable[[Event], object] = lambda _: None
    ) -> tuple[dict[int, Done | Failed], list[Event]]:
        """The ends of requests that are sent at once, and all events in order."""
        for request in requests:
            self.client.generate(request)
        ends: dict[int, Done | Failed] = {}
        events: list[Event] = []
        while not {request.id for request in requests} <= ends.keys():
            event = self.next()
            events.append(event)
            on_event(event)
            if isinstance(event, Done | Failed) and event.id is not None:
                ends[event.id] = event
        return ends, events

    def done(self, *requests: Generate) -> list[Done]:
        """The same, of answers that do not fail, in the order of the requests."""
        ends, _ = self.all(requests)
        answers = [ends[request.id] for request in requests]
        assert all(isinstance(answer, Done) for answer in answers), answers
        return answers  # type: ignore[return-value]


def ask(text: str, system: str = "", **options: object) -> Generate:
    messages = [Message("system", system)] if system else []
    settings: dict[str, object] = {"sampling": GREEDY, "max_tokens": 24} | options
    return Generate(next(_ids), (*messages, Message("user", text)), **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def four(starter: Path) -> Iterator[Together]:
    engine = Together(Load(str(starter), n_ctx=2048, threads=1, parallel=4, prompt_cache=64 * _MIB))
    yield engine
    engine.client.close()


def test_an_answer_alone_is_that_of_an_engine_for_one(four: Together, starter: Path) -> None:
    questions = ["Name three colours.", "Tell me about the sea.", "What is a fox?"]
    together = four.done(*[ask(question) for question in questions])
    after = [four.done(ask(question, PREFIX))[0].text for question in questions]
    with open_engine(Load(str(starter), n_ctx=2048, threads=1)) as alone:
        for question, text in zip(questions, after, strict=True):
            *_, done = alone.generate(ask(question, PREFIX))
            assert isinstance(done, Done) and done.text == text
    assert all(answer.stats.completion_tokens for answer in together)


def test_each_is_answered_as_it_was_asked_for(four: Together) -> None:
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}
    story = "Tell me a long story."
    one = ask(story, sampling=Sampling(temperature=1.0, seed=1))
    other = ask(story, sampling=Sampling(temperature=1.0, seed=2))
    held = ask("Name a colour.", grammar=grammar_of(schema))
    probable = ask("Count to ten.", logprobs=2, stop=("3",), max_tokens=40)
    ends, events = four.all([one, other, held, probable])
    texts = {number: end.text for number, end in ends.items() if isinstance(end, Done)}
    assert texts[one.id] != texts[other.id]
    assert json.loads(texts[held.id])["colour"] in ("red", "blue")
    assert "3" not in texts[probable.id]
    rows = [token for event in events if isinstance(event, Logprobs) for token in event.tokens]
    assert {event.id for event in events if isinstance(event, Logprobs)} == {probable.id}
    assert rows and all(len(row.top) == 2 and row.logprob is not None and row.logprob <= 0 for row in rows)
    for request in (one, other, held, probable):
        assert "".join(e.text for e in events if isinstance(e, Text) and e.id == request.id) == texts[request.id]


def test_they_go_on_beside_each_other(four: Together) -> None:
    requests = [ask(f"Tell me {n} long stories.", sampling=ENDLESS, max_tokens=60) for n in range(4)]
    _, events = four.all(requests)
    first_end = next(place for place, event in enumerate(events) if isinstance(event, Done))
    assert {event.id for event in events[:first_end] if isinstance(event, Text)} == {r.id for r in requests}


def test_a_prompt_that_is_shared_is_read_once(four: Together) -> None:
    system = "You are a captain. " + PREFIX
    requests = [ask(f"What is {n} + {n}?", system, max_tokens=4) for n in range(4)]
    answers = four.done(*requests)
    prompt = answers[0].stats.prompt_tokens
    read = sum(answer.stats.prompt_tokens - answer.stats.reused_tokens for answer in answers)
    assert prompt > 250 and read < prompt + 150


def test_a_long_prompt_does_not_hold_up_an_answer(four: Together) -> None:
    talking = ask("Tell me a long story.", sampling=ENDLESS, max_tokens=60)
    reading = ask("What was that?", "Listen. " + PREFIX, max_tokens=2)
    four.client.generate(talking)
    while not isinstance(four.next(), Text):
        pass
    _, events = four.all([reading])
    chunks = [place for place, event in enumerate(events) if isinstance(event, Prefill)]
    assert any(isinstance(event, Text) and event.id == talking.id for event in events[chunks[0] : chunks[-1]])
    if not any(isinstance(event, Done) and event.id == talking.id for event in events):
        four.client.stop(talking.id)
        while not isinstance(four.next(), Done):
            pass


def test_a_long_text_to_be_embedded_does_not_hold_up_an_answer(four: Together) -> None:
    talking = ask("Tell me a long story.", sampling=ENDLESS, max_tokens=40)
    late = ask("What is a fox?", max_tokens=2)
    embedding = Embed(next(_ids), PREFIX * 2)
    four.client.generate(talking)
    while not isinstance(four.next(), Text):
        pass
    four.client.embed(embedding)
    four.client.generate(late)
    kinds: list[type[Event]] = []
    ends: dict[int, Event] = {}
    while len(ends) < 3:
        event = four.next()
        kinds.append(type(event))
        if isinstance(event, Done | Embedded | Failed) and event.id is not None:
            ends[event.id] = event
    assert isinstance(ends[talking.id], Done) and isinstance(ends[late.id], Done)
    vector = ends[embedding.id]
    assert isinstance(vector, Embedded) and vector.tokens > 200
    assert Text in kinds[: kinds.index(Embedded)]


def test_an_embedding_that_is_stopped_stops_no_answer(four: Together) -> None:
    talking = ask("Tell me a long story.", sampling=ENDLESS, max_tokens=40)
    embedding = Embed(next(_ids), PREFIX * 2)

    def stop(event: Event) -> None:
        if isinstance(event, Text):
            four.client.stop(embedding.id)

    four.client.embed(embedding)
    ends, events = four.all([talking], stop)
    end = ends[talking.id]
    assert isinstance(end, Done) and end.stats.completion_tokens == 40
    while not any(isinstance(event, Embedded | Failed) and event.id == embedding.id for event in events):
        events.append(four.next())


def test_only_the_one_that_is_stopped_ends(four: Together) -> None:
    requests = [ask(f"Tell me {n} stories.", sampling=ENDLESS, max_tokens=60) for n in range(3)]
    stopped = requests[1].id

    def stop(event: Event) -> None:
        if isinstance(event, Text) and event.id == stopped:
            four.client.stop(stopped)

    ends, _ = four.all(requests, stop)
    reasons = {number: end.reason for number, end in ends.items() if isinstance(end, Done)}
    assert reasons.pop(stopped) == "stopped"
    assert "stopped" not in reasons.values()


def test_stopped_while_its_prompt_is_read_it_ends_at_once(four: Together) -> None:
    talking = ask("Tell me a long story.", sampling=ENDLESS, max_tokens=40)
    reading = ask("What was that?", "Attention. " + PREFIX * 3, max_tokens=50)

    def stop(event: Event) -> None:
        if isinstance(event, Prefill) and event.id == reading.id:
            four.client.stop(reading.id)

    ends, _ = four.all([talking, reading], stop)
    end, other = ends[reading.id], ends[talking.id]
    assert isinstance(end, Done) and (end.reason, end.text) == ("stopped", "")
    assert isinstance(other, Done) and other.stats.completion_tokens == 40


def test_one_that_fails_takes_no_other_with_it(four: Together) -> None:
    too_long = ask("Why?", PREFIX * 20)
    bad = ask("Why?", sampling=Sampling(temperature=-1.0))
    unreadable = ask("Why?", grammar="this is no grammar")
    good = ask("What is a fox?")
    ends, _ = four.all([too_long, bad, unreadable, good])
    kinds = {number: end.kind for number, end in ends.items() if isinstance(end, Failed)}
    assert kinds[too_long.id] == "prompt_too_long"
    assert kinds[bad.id] == "bad_sampling"
    assert kinds[unreadable.id] == "bad_grammar"
    assert isinstance(ends[good.id], Done)


def test_log_probabilities_of_a_prompt_are_those_of_it_alone(four: Together) -> None:
    def of_prompt(events: Sequence[Event], number: int) -> list[float]:
        tokens = [t for e in events if isinstance(e, Logprobs) and e.id == number and e.of_prompt for t in e.tokens]
        return [token.logprob for token in tokens if token.logprob is not None]

    text = "The ship sailed on over the calm sea to the north, and the wind was warm, and nobody was afraid of it."
    raw = [Generate(next(_ids), (), GREEDY, prompt=text, prompt_logprobs=True, max_tokens=4) for _ in range(3)]
    _, alone = four.all(raw[:1])
    _, events = four.all([*raw[1:], ask("Tell me a story.", max_tokens=40)])
    expected = of_prompt(alone, raw[0].id)
    assert len(expected) > 16
    for request in raw[1:]:
        assert of_prompt(events, request.id) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("cache", [0, 64 * _MIB])
def test_where_the_context_is_too_small_for_all_of_them_each_is_answered_in_full(starter: Path, cache: int) -> None:
    engine = Together(Load(str(starter), n_ctx=256, threads=1, parallel=4, prompt_cache=cache))
    requests = [
        ask(f"Tell me {n} stories. " + "Please. " * 20, sampling=Sampling(temperature=1.2, seed=n), max_tokens=70)
        for n in range(4)
    ]
    answers = engine.done(*requests)
    engine.client.close()
    for answer in answers:
        assert answer.reason in ("length", "end")
        assert answer.reason == "end" or answer.stats.completion_tokens == 70
    assert sum(answer.stats.prompt_tokens + answer.stats.completion_tokens for answer in answers) > 256


def test_no_more_are_taken_than_there_is_room_for(four: Together) -> None:
    requests = [ask(f"Tell me {n} stories.", sampling=ENDLESS, max_tokens=30) for n in range(5)]
    ends, _ = four.all(requests)
    last = ends[requests[4].id]
    assert isinstance(last, Failed) and last.kind == "busy"


def test_what_was_read_for_one_is_there_for_the_next(four: Together) -> None:
    systems = [f"You are {name}. " + f"{name} is kind and brief. " * 16 for name in ("Anna", "Bernard", "Clara")]
    four.done(*[ask("Who are you?", system, max_tokens=4) for system in systems])
    again = four.done(*[ask("What do you like?", system, max_tokens=4) for system in systems])
    assert all(answer.stats.prompt_tokens - answer.stats.reused_tokens < 30 for answer in again)
