"""The speech worker, with the real library: it transcribes, stops, and survives whatever it is given."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from belle.errors import KnownError
from belle.speech.blocking import BlockingSpeech
from belle.speech.commands import LoadSpeech, Transcribe
from belle.speech.events import HeardUntil, Said, SpeechEvent, Transcribed
from tests.belle.speech.conftest import write_recording
from tests.belle.speech.speaking_model import ENGLISH, write_model


@pytest.fixture(scope="module")
def shared(hello_model: Path) -> Iterator[BlockingSpeech]:
    speech = BlockingSpeech()
    yield speech
    speech.client.close()


@pytest.fixture
def speech(shared: BlockingSpeech, hello_model: Path) -> BlockingSpeech:
    shared.load(LoadSpeech(str(hello_model), threads=1))
    return shared


def texts(events: list[SpeechEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Said)]


def test_what_is_said_comes_with_its_times_and_its_language(speech: BlockingSpeech, recording: Path) -> None:
    events = list(speech.transcribe(Transcribe(1, str(recording), language="zh")))
    said = [event for event in events if isinstance(event, Said)]
    assert [(s.text, s.language) for s in said] == [("Hello world.", "zh")] * 2
    assert [(s.start, s.end) for s in said] == [(pytest.approx(1, abs=0.4), pytest.approx(3, abs=0.4)),
                                                (pytest.approx(7, abs=0.4), pytest.approx(10, abs=0.4))]  # fmt: skip
    end = events[-1]
    assert isinstance(end, Transcribed)
    assert (end.reason, end.seconds) == ("end", pytest.approx(10.5))
    progress = [event.seconds for event in events if isinstance(event, HeardUntil)]
    assert progress == sorted(progress)
    assert {event.total for event in events if isinstance(event, HeardUntil)} == {10.5}


def test_the_times_of_the_model_are_those_of_the_recording(
    speech: BlockingSpeech, recording: Path, tmp_path: Path
) -> None:
    words: list[str | float] = [0.0, " One", 0.5, 0.5, " two", 1.5]
    path = write_model(tmp_path / "times.bin", words, timestamps=True)
    speech.load(LoadSpeech(str(path), threads=1))
    events = speech.transcribe(Transcribe(1, str(recording), language="en", timestamps=True))
    said = [event for event in events if isinstance(event, Said)]
    assert [s.text for s in said] == ["One", "two"] * 2
    first = said[0].start
    assert [round(s.start - first, 2) for s in said[:2]] == [0.0, 0.5]
    assert round(said[1].end - first, 2) == 1.5


def test_nothing_is_written_down_of_silence(speech: BlockingSpeech, tmp_path: Path) -> None:
    silence = write_recording(tmp_path / "silence.wav", 40)
    events = list(speech.transcribe(Transcribe(1, str(silence), language="en")))
    assert texts(events) == []
    assert isinstance(events[-1], Transcribed)
    assert (events[-1].seconds, events[-1].speech_s) == (pytest.approx(40), 0)


def test_a_model_that_repeats_itself_stops_soon(speech: BlockingSpeech, recording: Path, tmp_path: Path) -> None:
    path = write_model(tmp_path / "parrot.bin", [" again"], ends=False)
    speech.load(LoadSpeech(str(path), threads=1))
    said = texts(list(speech.transcribe(Transcribe(1, str(recording), language="en"))))
    assert [40 < text.count("again") < 90 for text in said] == [True, True]


def test_a_short_clip_is_heard(speech: BlockingSpeech, tmp_path: Path) -> None:
    clip = write_recording(tmp_path / "yes.wav", 0.1, 0.3, 0.1)
    assert texts(list(speech.transcribe(Transcribe(1, str(clip), language="en")))) == ["Hello world."]


def test_a_transcription_stops_when_it_is_told_to_and_the_next_one_is_whole(
    speech: BlockingSpeech, recording: Path, tmp_path: Path
) -> None:
    long = write_recording(tmp_path / "long.wav", *([3, 20] * 8))
    events = []
    for event in speech.transcribe(Transcribe(1, str(long), language="en")):
        if isinstance(event, Said):
            speech.client.stop(1)
        events.append(event)
    assert isinstance(events[-1], Transcribed)
    assert events[-1].reason == "stopped"
    assert events[-1].seconds < 150
    assert len(texts(list(speech.transcribe(Transcribe(2, str(recording), language="en"))))) == 2


def test_a_request_that_waits_can_be_stopped(speech: BlockingSpeech, recording: Path) -> None:
    speech.client.transcribe(Transcribe(1, str(recording), language="en"))
    speech.client.transcribe(Transcribe(2, str(recording), language="en"))
    speech.client.stop(2)
    events = list(speech.transcribe(Transcribe(3, str(recording), language="en")))
    assert len(texts(events)) == 2


def test_a_death_is_told_in_words_and_the_next_request_starts_another_worker(
    speech: BlockingSpeech, recording: Path, tmp_path: Path
) -> None:
    long = write_recording(tmp_path / "long.wav", *([1, 20] * 5))
    dead = speech.client.pid
    assert dead is not None
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGILL):
        pid = speech.client.pid
        assert pid is not None
        with pytest.raises(KnownError) as caught:
            for _ in speech.transcribe(Transcribe(1, str(long), language="en")):
                os.kill(pid, number)
        assert "speech process" in caught.value.message
        assert signal.Signals(number).name in caught.value.message
        assert len(texts(list(speech.transcribe(Transcribe(2, str(recording), language="en"))))) == 2
    assert speech.client.pid != dead


def test_a_model_that_ends_the_process_is_told_in_words(
    speech: BlockingSpeech, recording: Path, tmp_path: Path
) -> None:
    path = write_model(tmp_path / "model.bin", [" Hello"])
    # whisper.cpp looks up the token of a space, and does not expect that there is none.
    path.write_bytes(path.read_bytes().replace(struct.pack("<i", 1) + b" ", struct.pack("<i", 1) + b"_", 1))
    speech.load(LoadSpeech(str(path), threads=1))
    with pytest.raises(KnownError) as caught:
        list(speech.transcribe(Transcribe(1, str(recording), language="en")))
    assert caught.value.kind == "backend_crash"
    assert "whisper.cpp crashed (SIGABRT)" in caught.value.message
    assert "llama.cpp" not in str(caught.value)


def test_what_cannot_be_loaded_or_read_is_said_and_the_worker_lives_on(
    speech: BlockingSpeech, recording: Path, hello_model: Path, tmp_path: Path
) -> None:
    pid = speech.client.pid
    whole = hello_model.read_bytes()
    for name, content, kind in (
        ("text.bin", b"not a model", "not_whisper"),
        ("empty.bin", b"", "empty_file"),
        ("short.bin", whole[:-5000], "truncated"),
        ("small.bin", whole[:4] + struct.pack("<i", 50_900) + whole[8:], "unsupported_architecture"),
        ("f32.bin", whole[:44] + struct.pack("<i", 0) + whole[48:], "unsupported_architecture"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(KnownError) as caught:
            speech.load(LoadSpeech(str(tmp_path / name)))
        assert (caught.value.kind, name in caught.value.message) == (kind, True)
    with pytest.raises(KnownError, match=r"No model for speech is loaded\."):
        list(speech.transcribe(Transcribe(1, str(recording))))
    speech.load(LoadSpeech(str(hello_model), threads=1))
    with pytest.raises(KnownError, match=r"text\.bin"):
        list(speech.transcribe(Transcribe(2, str(tmp_path / "missing-text.bin"))))
    with pytest.raises(KnownError, match="not a language that Whisper knows"):
        list(speech.transcribe(Transcribe(3, str(recording), language="klingon")))
    assert speech.client.pid == pid


def test_a_damaged_model_for_voice_activity_is_said(speech: BlockingSpeech, hello_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "ggml-silero-v1.bin"
    path.write_bytes(b"not a model")
    with pytest.raises(KnownError, match=r"ggml-silero-v1\.bin is not a model for voice activity"):
        speech.load(LoadSpeech(str(hello_model), voice_activity=str(path)))


def test_an_english_model_refuses_chinese(speech: BlockingSpeech, recording: Path, tmp_path: Path) -> None:
    path = write_model(tmp_path / "english.bin", [" Hello"], vocabulary=ENGLISH)
    assert not speech.load(LoadSpeech(str(path), threads=1)).is_multilingual
    with pytest.raises(KnownError, match=r"english\.bin knows English only"):
        list(speech.transcribe(Transcribe(1, str(recording), language="zh")))
    said = [e for e in speech.transcribe(Transcribe(2, str(recording))) if isinstance(e, Said)]
    assert {(s.text, s.language) for s in said} == {("Hello", "en")}


def test_an_unloaded_model_is_not_loaded_again_by_itself(speech: BlockingSpeech, recording: Path) -> None:
    speech.client.unload()
    with pytest.raises(KnownError, match="No model for speech is loaded"):
        list(speech.transcribe(Transcribe(1, str(recording))))
