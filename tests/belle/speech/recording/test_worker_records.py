"""The speech worker records: a file in place of a microphone, and programs that fail."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from belle.engine.process.events import Died, Failed
from belle.speech.client import SpeechClient
from belle.speech.commands import LoadSpeech, StartRecording, Transcribe
from belle.speech.events import (
    MicrophoneList,
    RecordingBegan,
    RecordingEnded,
    Said,
    SoundLevel,
    SpeechEvent,
    Transcribed,
)
from tests.belle.speech.conftest import write_recording
from tests.belle.speech.recording.programs import install, path_with, samples


class Listening:
    """A client, and what it has heard."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[SpeechEvent | Died] = queue.SimpleQueue()
        self.client = SpeechClient(self.events.put)

    def until(self, *ends: type) -> list[SpeechEvent | Died]:
        heard = [self.events.get(timeout=30)]
        while not isinstance(heard[-1], ends):
            heard.append(self.events.get(timeout=30))
        return heard


@pytest.fixture
def speech() -> Iterator[Callable[[], Listening]]:
    made: list[Listening] = []

    def start() -> Listening:
        made.append(Listening())
        return made[-1]

    yield start
    for listening in made:
        listening.client.close()


def test_a_recording_is_transcribed_while_the_model_is_loaded_beside_it(
    speech: Callable[[], Listening], hello_model: Path, tmp_path: Path
) -> None:
    worker = speech()
    wav = write_recording(tmp_path / "talk.wav", 0.1, 0.6, 9)
    worker.client.load(LoadSpeech(str(hello_model), threads=1))
    worker.client.record(StartRecording(1, f"file:{wav}"))
    heard = worker.until(SoundLevel)
    while not (isinstance(heard[-1], SoundLevel) and heard[-1].seconds > 1):
        heard += worker.until(SoundLevel)
    worker.client.finish(1)
    heard += worker.until(RecordingEnded)
    began = next(event for event in heard if isinstance(event, RecordingBegan))
    assert began.microphone == "talk.wav"
    levels = [event for event in heard if isinstance(event, SoundLevel)]
    assert 15 <= len(levels) / levels[-1].seconds <= 25
    assert max(level.rms for level in levels) > 0.01
    end = heard[-1]
    assert isinstance(end, RecordingEnded)
    assert (end.reason, end.seconds) == ("finished", pytest.approx(1.05, abs=0.3))
    worker.client.transcribe(Transcribe(1, "", language="zh"))
    said = [event.text for event in worker.until(Transcribed) if isinstance(event, Said)]
    assert said == ["Hello world."]
    worker.client.transcribe(Transcribe(1, "", language="zh"))
    (failed,) = worker.until(Failed)
    assert isinstance(failed, Failed)
    assert failed.kind == "no_recording"


def test_a_recording_that_is_stopped_is_thrown_away(speech: Callable[[], Listening], tmp_path: Path) -> None:
    worker = speech()
    wav = write_recording(tmp_path / "talk.wav", 0, 3)
    worker.client.record(StartRecording(1, f"file:{wav}"))
    worker.until(SoundLevel)
    worker.client.stop(1)
    end = worker.until(RecordingEnded, Failed)[-1]
    assert isinstance(end, RecordingEnded)
    assert (end.reason, end.seconds) == ("cancelled", 0)
    worker.client.record(StartRecording(2, f"file:{wav}", longest_s=0.5))
    end = worker.until(RecordingEnded, Failed)[-1]
    assert isinstance(end, RecordingEnded)
    assert (end.reason, end.seconds) == ("longest", pytest.approx(0.5, abs=0.06))


def test_what_a_program_recorded_before_its_microphone_went_is_held(
    speech: Callable[[], Listening], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sound").write_bytes(samples(0.5))
    install(tmp_path / "bin", "arecord", f'cat "{tmp_path}/sound"; echo "read error: No such device" >&2')
    monkeypatch.setenv("PATH", path_with(tmp_path / "bin"))
    worker = speech()
    worker.client.record(StartRecording(1, "plughw:USB"))
    end = worker.until(RecordingEnded, Failed)[-1]
    assert isinstance(end, RecordingEnded)
    assert (end.reason, end.seconds, end.kind) == ("failed", 0.5, "microphone_gone")
    assert "plughw:USB" in end.message
    install(tmp_path / "bin", "arecord", 'echo "audio open error: Permission denied" >&2; exit 1')
    worker.client.record(StartRecording(2))
    failed = worker.until(RecordingEnded, Failed)[-1]
    assert isinstance(failed, Failed)
    assert (failed.id, failed.kind) == (2, "microphone_denied")
    worker.client.list_microphones()
    (listed,) = worker.until(MicrophoneList, Failed)
    assert listed == MicrophoneList(())
    (tmp_path / "bin" / "arecord").unlink()
    worker.client.list_microphones()
    (failed,) = worker.until(MicrophoneList, Failed)
    assert isinstance(failed, Failed)
    assert (failed.id, failed.kind) == (None, "no_recorder")
