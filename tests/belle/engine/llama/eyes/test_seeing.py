"""The starter model with a random vision encoder, in a real worker: what it sees changes what it says."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belle.engine.process.blocking import BlockingEngine, open_engine
from belle.engine.process.commands import Count, DescribePicture, Generate, Load, Sampling
from belle.engine.process.events import ContextCut, Done, Event, Failed, Logprobs, PictureDescribed, PictureRead
from belle.errors import KnownError
from belle.gguf.reader import read_header
from belle.prompts import Message, PictureRef
from tests.support.mmproj import N_PICTURE_TOKENS, write_mmproj

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0)


@pytest.fixture(scope="module")
def mmproj(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mmproj(tmp_path_factory.mktemp("eyes") / "mmproj-starter.gguf", read_header(starter).n_embd)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three different ones."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(1)
    paths = [folder / f"{number}.png" for number in range(3)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture(scope="module")
def seeing(starter: Path, mmproj: Path) -> Iterator[BlockingEngine]:
    with open_engine(Load(str(starter), n_ctx=512, threads=1, mmproj=str(mmproj))) as opened:
        yield opened


def ask(engine: BlockingEngine, *messages: Message, **options: object) -> tuple[list[Event], Done]:
    request = Generate(1, messages, GREEDY, max_tokens=6)
    events = list(engine.generate(replace(request, **options)))  # type: ignore[arg-type]
    (done,) = (event for event in events if isinstance(event, Done))
    return events, done


def question(text: str, *pictures: Path) -> Message:
    return Message("user", text, pictures=tuple(PictureRef(str(path)) for path in pictures))


def test_a_model_says_that_it_sees(seeing: BlockingEngine, mmproj: Path) -> None:
    assert seeing.model.sees
    assert seeing.model.mmproj == str(mmproj)
    assert seeing.model.picture_tokens == N_PICTURE_TOKENS


def test_a_picture_takes_its_tokens_of_the_context(seeing: BlockingEngine, pictures: list[Path]) -> None:
    without = seeing.count(Count(2, (question("What?"),))).tokens
    assert seeing.count(Count(3, (question("What?", *pictures),))).tokens == without + 3 * N_PICTURE_TOKENS
    events, done = ask(seeing, question("What?", *pictures))
    assert done.stats.prompt_tokens == without + 3 * N_PICTURE_TOKENS
    seen = [event for event in events if isinstance(event, PictureRead)]
    assert [event.path for event in seen] == [str(path) for path in pictures]
    assert {(event.width, event.height, event.tokens) for event in seen} == {(80, 60, N_PICTURE_TOKENS)}


def test_another_picture_is_another_prompt_and_the_same_one_is_not_encoded_again(
    seeing: BlockingEngine, pictures: list[Path], tmp_path: Path
) -> None:
    first, second, _ = pictures
    _, one = ask(seeing, question("Describe it in a few words.", first), max_tokens=12)
    events, again = ask(seeing, question("Describe it in a few words.", first), max_tokens=12)
    assert again.text == one.text
    assert again.stats.reused_tokens == again.stats.prompt_tokens - 1
    assert not any(isinstance(event, PictureRead) for event in events)
    # The same content under another name is the same picture.
    copy = tmp_path / "copy.png"
    copy.write_bytes(first.read_bytes())
    events, copied = ask(seeing, question("Why?", copy))
    assert copied.stats.reused_tokens > N_PICTURE_TOKENS
    assert not any(isinstance(event, PictureRead) for event in events)
    events, other = ask(seeing, question("Describe it in a few words.", second), max_tokens=12)
    assert any(isinstance(event, PictureRead) for event in events)
    assert other.stats.reused_tokens < again.stats.reused_tokens - N_PICTURE_TOKENS
    # And the first one is seen as it was before.
    _, back = ask(seeing, question("Describe it in a few words.", first), max_tokens=12)
    assert back.text == one.text


def test_overflow_leaves_out_a_turn_with_its_picture_and_never_a_part_of_it(
    seeing: BlockingEngine, pictures: list[Path]
) -> None:
    turns = [question("word " * 60, pictures[index % 3]) for index in range(8)]
    messages = [message for turn in turns for message in (turn, Message("assistant", "Yes."))][:-1]
    events, done = ask(seeing, *messages, overflow="drop_oldest")
    (cut,) = (event for event in events if isinstance(event, ContextCut))
    kept = [message for index, message in enumerate(messages) if index not in cut.left_out]
    assert done.stats.prompt_tokens == seeing.count(Count(4, tuple(kept))).tokens
    seen = [event.path for event in events if isinstance(event, PictureRead)]
    assert set(seen) <= {picture.path for message in kept for picture in message.pictures}
    with pytest.raises(KnownError) as caught:
        ask(seeing, *messages)
    assert caught.value.kind == "prompt_too_long"


@pytest.mark.parametrize("problem", ["gone", "damaged", "svg"])
def test_a_bad_picture_ends_its_answer_alone(
    seeing: BlockingEngine, pictures: list[Path], tmp_path: Path, problem: str
) -> None:
    path = tmp_path / "bad.png"
    if problem == "damaged":
        path.write_bytes(pictures[0].read_bytes()[:2000])
    elif problem == "svg":
        path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(KnownError, match=r"bad\.png"):
        ask(seeing, question("What?", path))
    assert ask(seeing, question("What?", pictures[0]))[1].reason == "length"


def test_a_picture_changed_between_two_questions_is_seen_anew(
    seeing: BlockingEngine, pictures: list[Path], tmp_path: Path
) -> None:
    path = tmp_path / "changing.png"
    for source in pictures[:2]:
        path.write_bytes(source.read_bytes())
        time.sleep(0.01)
        _, changed = ask(seeing, question("Name three things.", path), max_tokens=12)
        assert changed.text == ask(seeing, question("Name three things.", source), max_tokens=12)[1].text


def test_a_picture_alone_is_a_question(seeing: BlockingEngine, pictures: list[Path]) -> None:
    assert ask(seeing, question("", pictures[0]))[1].reason == "length"


def test_no_log_probabilities_are_told_of_a_prompt_with_a_picture(seeing: BlockingEngine, pictures: list[Path]) -> None:
    with pytest.raises(KnownError, match="no log probability"):
        ask(seeing, question("What?", pictures[0]), prompt_logprobs=True, logprobs=1)


def described(engine: BlockingEngine, command: DescribePicture) -> PictureDescribed | Failed:
    engine.client.describe_picture(command)
    while True:
        event = engine._events.get(timeout=30)
        if isinstance(event, PictureDescribed | Failed) and event.id == command.id:
            return event


def test_a_picture_is_described_with_a_preview(seeing: BlockingEngine, tmp_path: Path) -> None:
    path, preview = tmp_path / "large.jpg", tmp_path / "preview.png"
    Image.new("RGB", (4000, 1000), "green").save(path)
    answer = described(seeing, DescribePicture(7, str(path), str(preview), 200))
    assert isinstance(answer, PictureDescribed)
    assert (answer.kind, answer.width, answer.height, answer.tokens) == ("JPEG", 4000, 1000, N_PICTURE_TOKENS)
    assert (answer.read_width, answer.read_height) == (1536, 384)
    with Image.open(preview) as image:
        assert (image.format, image.size) == ("PNG", (200, 50))
    path.write_bytes(path.read_bytes()[:3000])
    failed = described(seeing, DescribePicture(8, str(path)))
    assert isinstance(failed, Failed)
    assert "large.jpg" in failed.message


def test_a_model_without_eyes_says_what_to_do(engine: BlockingEngine, pictures: list[Path]) -> None:
    assert not engine.model.sees
    with pytest.raises(KnownError, match="cannot see pictures") as caught:
        ask(engine, question("What?", pictures[0]))
    assert caught.value.kind == "sees_nothing"
    assert caught.value.advice
    answer = described(engine, DescribePicture(7, str(pictures[0])))
    assert isinstance(answer, PictureDescribed)
    assert answer.tokens is None


def test_several_answers_at_once_see_each_its_own_picture(
    starter: Path, mmproj: Path, seeing: BlockingEngine, pictures: list[Path]
) -> None:
    requests = [
        Generate(number, (question("Describe it in a few words.", path),), GREEDY, max_tokens=1, logprobs=8)
        for number, path in enumerate(pictures, 1)
    ]
    alone = [likeliest(seeing.generate(request)) for request in requests]
    with open_engine(Load(str(starter), n_ctx=1024, threads=1, mmproj=str(mmproj), parallel=3)) as shared:
        for request in requests:
            shared.client.generate(request)
        events = [shared._events.get(timeout=60)]
        while sum(isinstance(event, Done) for event in events) < len(requests):
            events.append(shared._events.get(timeout=60))
    for request, expected in zip(requests, alone, strict=True):
        together = likeliest(event for event in events if getattr(event, "id", None) == request.id)
        assert expected.keys() == together.keys()
        # Other batches, other rounding.
        assert max(abs(together[token] - expected[token]) for token in expected) < 0.1


def likeliest(events: Iterable[Event]) -> dict[int, float]:
    """The likeliest first tokens of an answer, and their log probabilities."""
    (logprobs,) = (event for event in events if isinstance(event, Logprobs))
    return {token: logprob for token, _, logprob in logprobs.tokens[0].top[:4]}


def test_a_saved_conversation_brings_its_picture_back(
    starter: Path, mmproj: Path, pictures: list[Path], tmp_path: Path
) -> None:
    load = Load(str(starter), n_ctx=512, threads=1, mmproj=str(mmproj), state_folder=str(tmp_path / "states"))
    first = question("Describe it. " + "word " * 60, pictures[0])
    with open_engine(load) as engine:
        _, said = ask(engine, first, conversation="one")
    talk = (first, Message("assistant", said.text), question("Why?"))
    with open_engine(load) as engine:
        events, again = ask(engine, *talk, conversation="one")
    assert again.stats.reused_tokens > N_PICTURE_TOKENS + 60
    assert not any(isinstance(event, PictureRead) for event in events)


def test_a_question_is_stopped_while_its_picture_is_looked_at(
    seeing: BlockingEngine, pictures: list[Path], tmp_path: Path
) -> None:
    # Sixteen large pictures take seconds to decode and to encode.
    rng = np.random.default_rng(5)
    paths = [tmp_path / f"{number}.png" for number in range(16)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (1200, 1600, 3), dtype=np.uint8)).save(path, compress_level=0)
    seeing.client.generate(Generate(9, (question("What?", *paths),), GREEDY))
    time.sleep(0.3)
    seeing.client.stop(9)
    events = [seeing._events.get(timeout=30)]
    while not isinstance(events[-1], Done):
        events.append(seeing._events.get(timeout=30))
    assert events[-1].reason == "stopped"
    assert sum(isinstance(event, PictureRead) for event in events) < len(paths)
    # And nothing of it is left behind that would change what comes next.
    _, before = ask(seeing, question("Describe it in a few words.", pictures[0]), max_tokens=12)
    _, after = ask(seeing, question("Describe it in a few words.", pictures[0]), max_tokens=12)
    assert after.text == before.text
