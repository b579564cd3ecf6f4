"""What is recorded, and what happens when a microphone does not do its part."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from belle.errors import KnownError
from belle.speech.recording import opening, portaudio
from belle.speech.recording.faults import from_reason, microphone_fault
from belle.speech.recording.programs import ProgramMicrophone, find_program, microphones
from belle.speech.recording.recorded_file import RecordedFile
from belle.speech.recording.recorder import RecordedSound, RecordingOrder, record
from tests.belle.speech.audio.test_wav import wav_bytes
from tests.belle.speech.recording.programs import install, path_with, samples, tone


class Given:
    """A microphone that delivers these blocks, then fails or is silent."""

    name = "Given"

    def __init__(self, blocks: list[np.ndarray], rate: int = 16_000, fault: KnownError | None = None) -> None:
        self.rate, self._blocks, self._fault = rate, iter(blocks), fault

    def read(self) -> np.ndarray:
        block = next(self._blocks, None)
        if block is not None:
            return block.astype(np.float32)
        if self._fault is not None:
            raise self._fault
        time.sleep(0.01)
        return np.zeros(0, np.float32)

    def close(self) -> None:
        pass


def orders(*sequence: RecordingOrder) -> Iterator[RecordingOrder]:
    yield from sequence
    while True:
        yield sequence[-1]


def take(microphone: Given, *sequence: RecordingOrder, longest_s: float = 600) -> RecordedSound:
    levels.clear()
    given = orders(*sequence)
    return record(microphone, lambda: next(given), lambda *level: levels.append(level), longest_s)


levels: list[tuple[float, ...]] = []


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("size", [0.001, 0.05, 0.3])
def test_a_recording_of_any_rate_is_whole_and_its_level_is_told_often(rate: int, size: float) -> None:
    whole = tone(2, rate)
    blocks = np.array_split(whole, round(2 / size))
    sound = take(Given(blocks, rate, microphone_fault("microphone_gone", "Given")), "")
    assert sound.seconds == pytest.approx(2, abs=0.01)
    joined = np.concatenate(sound.blocks)
    assert np.sqrt(np.mean(joined[1000:-1000] ** 2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.01)
    assert len(levels) >= 2 / max(size, 0.06) - 1
    assert [seconds for seconds, *_ in levels] == sorted(seconds for seconds, *_ in levels)
    assert all(rms <= peak <= 1 for _, rms, peak in levels)
    assert levels[3][1:] == (pytest.approx(0.212, abs=0.02), pytest.approx(0.3, abs=0.01))


def test_what_was_recorded_before_a_microphone_was_unplugged_is_kept() -> None:
    sound = take(Given([tone(0.5)] * 3, fault=from_reason("read error: No such device", "USB")), "")
    assert (sound.reason, sound.seconds) == ("failed", 1.5)
    assert sound.fault is not None
    assert str(sound.fault).startswith("The microphone “USB” was unplugged or switched off while recording")


def test_a_microphone_that_fails_at_once_is_an_error() -> None:
    with pytest.raises(KnownError, match="may not be used by this program"):
        take(Given([], fault=from_reason("audio open error: Permission denied", "hw:0")), "")


def test_a_recording_ends_at_its_limit() -> None:
    assert take(Given([tone(0.5)] * 9), "", longest_s=2).reason == "longest"


def test_a_cancelled_recording_is_thrown_away() -> None:
    sound = take(Given([tone(0.5)] * 9), "", "", "", "cancel")
    assert (sound.reason, sound.blocks) == ("cancelled", ())


def test_a_button_that_is_let_go_at_once_is_explained() -> None:
    with pytest.raises(KnownError, match="let go at once"):
        take(Given([tone(0.05)] * 9), "", "finish")


def test_a_muted_microphone_is_told_from_a_quiet_one() -> None:
    with pytest.raises(KnownError, match="nothing but zeros: it is muted"):
        take(Given([np.zeros(8000)] * 9), *[""] * 4, "finish")
    assert take(Given([np.full(8000, 1e-5)] * 9), *[""] * 4, "finish").reason == "finished"


def test_a_microphone_that_says_nothing_any_more_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belle.speech.recording.recorder._NO_SOUND_S", 0.1)
    monkeypatch.setattr("belle.speech.recording.recorder._FIRST_SOUND_S", 0.1)
    sound = take(Given([tone(0.5)]), "")
    assert sound.fault is not None
    assert (sound.fault.kind, sound.seconds) == ("microphone_silent", 0.5)
    with pytest.raises(KnownError, match="delivers no sound"):
        take(Given([]), "")


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("arecord: main:831: audio open error: Permission denied", "microphone_denied"),
        ("arecord: main:831: audio open error: Device or resource busy", "microphone_busy"),
        ("arecord: main:831: audio open error: No such file or directory", "no_microphone"),
        ("ALSA lib confmisc.c:855: cannot find card '0'\nno soundcards found...", "no_microphone"),
        ("arecord: pcm_read:2221: read error: No such device", "microphone_gone"),
        ("arecord: pcm_read:2221: read error: Input/output error", "microphone_gone"),
        ("error: pw_context_connect() failed: Host is down", "no_sound_server"),
        ("Error querying device -1", "no_microphone"),
        ("Error opening RawInputStream: Device unavailable [PaErrorCode -9985]", "microphone_busy"),
        ("Error opening RawInputStream: Invalid sample rate [PaErrorCode -9997]", "microphone_failed"),
        ("", "microphone_failed"),
    ],
)
def test_what_a_system_says_becomes_a_sentence_and_an_advice(reason: str, kind: str) -> None:
    error = from_reason(reason, "Mic")
    assert error.kind == kind
    assert error.message.endswith(".")
    assert error.advice.endswith(".")
    assert reason.splitlines()[-1:] == [] or reason.splitlines()[-1] in error.message


def test_a_file_is_heard_in_real_time_and_then_there_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(wav_bytes(samples(0.2)))
    microphone = RecordedFile(path)
    began = time.monotonic()
    blocks = [microphone.read() for _ in range(8)]
    assert time.monotonic() - began == pytest.approx(0.4, abs=0.09)
    assert [bool(np.abs(block).max() > 0.1) for block in blocks] == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("name", "header", "order"),
    [("arecord", b"", "<i2"), ("pw-record", b".snd\0\0\0\x1c" + bytes(20), ">i2"), ("pw-record", b"", "<i2")],
)
def test_a_program_of_the_system_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, header: bytes, order: str
) -> None:
    (tmp_path / "sound").write_bytes(header + samples(0.5, order))
    install(tmp_path / "bin", name, f'cat "{tmp_path}/sound"; echo "read error: No such device" >&2')
    monkeypatch.setenv("PATH", path_with(tmp_path / "bin"))
    program = find_program()
    assert program == name
    microphone = ProgramMicrophone(program, "")
    sound = take(microphone, "")  # type: ignore[arg-type]
    microphone.close()
    assert (sound.reason, sound.seconds) == ("failed", 0.5)
    assert np.abs(np.concatenate(sound.blocks) - tone(0.5)).max() < 0.01


def test_nothing_that_records_is_one_sentence_with_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", path_with(tmp_path / "bin"))
    monkeypatch.setattr(portaudio, "find_portaudio", lambda: None)
    for ask in (opening.list_microphones, lambda: opening.open_microphone("")):
        with pytest.raises(KnownError, match="libportaudio2"):
            ask()


def test_the_microphones_of_pipewire_and_alsa_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = '{"info": {"props": {"media.class": "Audio/Source", "node.name": "usb", "node.description": "USB Mic"}}}'
    sink = '{"info": {"props": {"media.class": "Audio/Sink", "node.name": "hdmi"}}}'
    install(tmp_path / "bin", "pw-dump", f"echo '[{source}, {sink}, {{\"info\": null}}, {{}}]'")
    cards = "null\\n    Discard\\nplughw:CARD=PCH,DEV=0\\n    HDA Intel PCH\\n    Software conversions\\nplughw:CARD=X"
    install(tmp_path / "bin", "arecord", f"printf '{cards}\\n'")
    monkeypatch.setenv("PATH", path_with(tmp_path / "bin"))
    assert [(m.id, m.name) for m in microphones("pw-record")] == [("usb", "USB Mic")]
    expected = [("plughw:CARD=PCH,DEV=0", "HDA Intel PCH"), ("plughw:CARD=X", "plughw:CARD=X")]
    assert [(m.id, m.name) for m in microphones("arecord")] == expected
    install(tmp_path / "bin", "pw-dump", "echo 'not JSON'; exit 1")
    assert microphones("pw-record") == []
