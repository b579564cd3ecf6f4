"""Reading aloud in its worker: files, players, events, stopping, and what goes wrong."""

from __future__ import annotations

import os
import queue
import shutil
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from belle.engine.process.events import Died, Failed
from belle.errors import KnownError
from belle.speech.speaking.blocking import BlockingSpeaking, open_speaking
from belle.speech.speaking.client import SpeakingClient
from belle.speech.speaking.commands import Speak, SpeakMore
from belle.speech.speaking.events import ReadingEnded, SentenceStarted, SpeakingEvent, VoiceOpened
from belle.speech.speaking.voices.kokoro import SYMBOLS
from belle.speech.speaking.voices.voice import VoiceName
from tests.belle.speech.speaking.tiny_kokoro import heard, tone, write_kokoro
from tests.support.player import install_player


@pytest.fixture(scope="module")
def speaking() -> Iterator[BlockingSpeaking]:
    with open_speaking() as speaking:
        yield speaking


def sound_of(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def test_a_text_becomes_the_sound_of_its_phonemes(speaking: BlockingSpeaking, tiny_voice: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.wav"
    request = Speak(1, ("你好。", "三天", "😊"), voice="zf_tiny", model=str(tiny_voice), output=str(output))
    events = list(speaking.speak(request))
    starts = [event for event in events if isinstance(event, SentenceStarted)]
    assert isinstance(events[0], VoiceOpened) and events[0].voice == "kokoro:zf_tiny"
    assert [event.index for event in starts] == [0, 1]
    end = events[-1]
    assert isinstance(end, ReadingEnded) and end.reason == "end"
    sound = sound_of(output)
    assert end.seconds == pytest.approx(len(sound) / 24_000)
    for phonemes, event in zip(("ni↓xau↓.", "sa→ntʰjɛ→n"), starts, strict=True):
        wanted = [SYMBOLS[symbol] for symbol in phonemes]
        begin = round(event.start * 24_000)
        # The silence before the first tone is cut to a thirtieth of a second, less than the tone of a 0.
        first = begin + int(np.flatnonzero(np.abs(sound[begin:]) > 0.01)[0])
        assert heard(sound[first - 1 :])[: len(wanted)] == wanted


def test_more_sentences_may_follow_while_the_first_ones_are_read(tiny_voice: Path, tmp_path: Path) -> None:
    events: queue.SimpleQueue[SpeakingEvent | Died] = queue.SimpleQueue()
    client = SpeakingClient(events.put)
    try:
        output = str(tmp_path / "out.wav")
        client.send(Speak(5, ("一。",), complete=False, voice="zf_tiny", model=str(tiny_voice), output=output))
        wait_for(events, SentenceStarted)
        client.more(SpeakMore(5, ("二。", "三。"), complete=False))
        client.more(SpeakMore(5, ("四。",), complete=True))
        assert [wait_for(events, SentenceStarted).index for _ in range(3)] == [1, 2, 3]  # type: ignore[attr-defined]
        assert wait_for(events, ReadingEnded).reason == "end"  # type: ignore[attr-defined]
    finally:
        client.close()


def wait_for(events: queue.SimpleQueue, kind: type) -> object:
    while True:
        event = events.get(timeout=30)
        assert isinstance(event, kind) or not isinstance(event, Failed | Died), event
        if isinstance(event, kind):
            return event


@pytest.fixture
def long_voice(tiny_voice: Path, tmp_path: Path) -> Path:
    """Half a second for each phoneme."""
    return write_kokoro(tmp_path / "slow", n_samples=12_000)


def test_a_stop_is_heard_within_a_tenth_of_a_second(
    long_voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard_file = install_player(tmp_path / "bin", monkeypatch)
    events: queue.SimpleQueue[SpeakingEvent | Died] = queue.SimpleQueue()
    client = SpeakingClient(events.put)
    try:
        client.send(Speak(1, ("你好吗？",) * 9, voice="zf_tiny", model=str(long_voice)))
        wait_for(events, SentenceStarted)
        deadline = time.monotonic() + 10
        while not heard_file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        took = []
        began = time.monotonic()
        client.stop(1)
        assert wait_for(events, ReadingEnded).reason == "stopped"  # type: ignore[attr-defined]
        took.append(time.monotonic() - began)
        # One that waits behind another is stopped, too, and the worker goes on.
        client.send(Speak(2, ("你好。",), voice="zf_tiny", model=str(long_voice)))
        client.stop(2)
        assert wait_for(events, ReadingEnded).seconds == 0  # type: ignore[attr-defined]
        client.send(Speak(3, ("好",), voice="zf_tiny", model=str(long_voice), output=str(tmp_path / "o.wav")))
        assert wait_for(events, ReadingEnded).reason == "end"  # type: ignore[attr-defined]
    finally:
        client.close()
    assert min(took) < 0.1


def test_a_stopped_file_is_not_kept(long_voice: Path, tmp_path: Path) -> None:
    events: queue.SimpleQueue[SpeakingEvent | Died] = queue.SimpleQueue()
    client = SpeakingClient(events.put)
    output = tmp_path / "out.wav"
    output.write_bytes(b"before")
    try:
        client.send(Speak(1, ("好。",), complete=False, voice="zf_tiny", model=str(long_voice), output=str(output)))
        wait_for(events, SentenceStarted)
        client.stop(1)
        wait_for(events, ReadingEnded)
    finally:
        client.close()
    assert output.read_bytes() == b"before" and list(tmp_path.glob(".*")) == []


def test_the_voice_speaks_the_language_of_the_text(
    speaking: BlockingSpeaking, tiny_voice: Path, tmp_path: Path
) -> None:
    for text, voice in (("你好", "zf_tiny"), ("hello", "af_tiny"), ("用Python", "zf_tiny")):
        request = Speak(1, (text,), model=str(tiny_voice), output=str(tmp_path / "out.wav"))
        opened = next(iter([e for e in speaking.speak(request) if isinstance(e, VoiceOpened)]))
        assert opened.voice == f"kokoro:{voice}"


def test_the_voices_are_listed(speaking: BlockingSpeaking, tiny_voice: Path) -> None:
    found = speaking.voices(str(tiny_voice))
    folder = str(tiny_voice)
    mine = [voice for voice in found.voices if voice.engine == "kokoro"]
    assert mine == [VoiceName("kokoro", "af_tiny", "en", folder), VoiceName("kokoro", "zf_tiny", "zh", folder)]


def mistakes(tiny_voice: Path, tmp_path: Path) -> dict[str, tuple[Speak, str]]:
    """Requests that cannot be fulfilled, with the kind of their errors."""
    output = str(tmp_path / "out.wav")
    (tmp_path / "empty").mkdir()
    broken = tmp_path / "broken"
    shutil.copytree(tiny_voice, broken)
    (broken / "onnx" / "model.onnx").write_bytes(b"x" * 5000)
    short = tmp_path / "short"
    shutil.copytree(tiny_voice, short)
    (short / "voices" / "zf_tiny.bin").write_bytes(b"123")
    endless = tmp_path / "nan"
    shutil.copytree(tiny_voice, endless)
    (endless / "voices" / "zf_tiny.bin").write_bytes(np.full((510, 256), np.nan, "<f4").tobytes())

    def speak(**values: object) -> Speak:
        return Speak(1, ("你好",), **{"model": str(tiny_voice), "output": output} | values)  # type: ignore[arg-type]

    return {
        "a folder without a model": (speak(model=str(tmp_path / "empty")), "no_voice"),
        "a voice that is not there": (speak(voice="zf_nobody"), "unknown_voice"),
        "a model that is none": (speak(model=str(broken)), "damaged"),
        "a voice that is cut off": (speak(model=str(short)), "damaged"),
        "a voice without numbers": (speak(model=str(endless)), "damaged"),
        "a folder for a file": (speak(output=str(tmp_path)), "unwritable"),
    }


def test_each_mistake_is_a_sentence_and_the_worker_goes_on(
    speaking: BlockingSpeaking, tiny_voice: Path, tmp_path: Path
) -> None:
    for name, (request, kind) in mistakes(tiny_voice, tmp_path).items():
        with pytest.raises(KnownError) as failure:
            list(speaking.speak(request))
        assert failure.value.kind == kind, (name, failure.value)
        assert failure.value.message.endswith(".") and failure.value.advice
    good = Speak(9, ("好",), model=str(tiny_voice), output=str(tmp_path / "good.wav"))
    assert isinstance(list(speaking.speak(good))[-1], ReadingEnded)


def test_a_worker_that_dies_is_explained_and_replaced(tiny_voice: Path, tmp_path: Path) -> None:
    with open_speaking() as speaking:
        request = Speak(1, ("好",), model=str(tiny_voice), output=str(tmp_path / "out.wav"))
        list(speaking.speak(request))
        assert speaking.client.pid is not None
        os.kill(speaking.client.pid, 6)
        with pytest.raises(KnownError, match="The process that speaks crashed"):
            list(speaking.speak(Speak(2, ("好",) * 50, False, model=str(tiny_voice))))
        assert isinstance(list(speaking.speak(request))[-1], ReadingEnded)


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_espeak_speaks_when_it_is_asked_for(tmp_path: Path) -> None:
    with open_speaking() as speaking:
        assert all(voice.engine != "espeak" for voice in speaking.voices().voices)
        output = tmp_path / "out.wav"
        events = list(speaking.speak(Speak(1, ("Hello.",), voice="espeak:en", output=str(output))))
        assert events[0].voice == "espeak:en"  # type: ignore[union-attr]
        with wave.open(str(output)) as file:
            assert file.getnframes() / file.getframerate() > 0.4


def test_a_voice_model_in_one_archive_is_the_same(tiny_voice: Path, tmp_path: Path) -> None:
    from belle.speech.speaking.voices.kokoro_files import find_kokoro, read_style

    (tmp_path / "model.onnx").write_bytes((tiny_voice / "onnx" / "model.onnx").read_bytes())
    style = np.frombuffer((tiny_voice / "voices" / "zf_tiny.bin").read_bytes(), "<f4").reshape(510, 1, 256)
    np.savez(tmp_path / "voices-v1.0.npz", zf_tiny=style)
    published, archived = find_kokoro(tiny_voice), find_kokoro(tmp_path)
    assert published is not None and archived is not None
    np.testing.assert_array_equal(read_style(published, "zf_tiny"), read_style(archived, "zf_tiny"))


def test_a_long_sentence_is_said_whole(tiny_voice: Path) -> None:
    from belle.speech.speaking.voices.choice import find_voice, open_voice

    voice = open_voice(find_voice("zf_tiny", "zh", str(tiny_voice)))
    n = 300
    sound = voice.say("好" * n, 1.0)
    mark = SYMBOLS["x"]
    assert heard(sound[np.flatnonzero(np.abs(sound) > 0.01)[0] - 1 :]).count(mark) >= n - 2
    assert len(tone(mark)) == 480
