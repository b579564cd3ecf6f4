"""Voices of programs, with one that has the manners of macOS's `say`."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from belle.errors import KnownError
from belle.speech.speaking.voices.choice import best, find_voice, voices
from belle.speech.speaking.voices.programs import ProgramVoice, say_voices
from belle.speech.speaking.voices.voice import VoiceName

SAY = """\
import sys, time, wave
words = sys.argv[1:]
if words == ["-v", "?"]:
    print("Alex                en_US    # Most people recognize me by my voice.")
    print("Bad News            en_US    # The light you see")
    print("Eddy (Chinese (China mainland)) zh_CN    # 你好！我叫Eddy。")
    print("Tingting            zh_CN    # 你好！我叫婷婷。")
    sys.exit()
voice, rate, output = (words[words.index(option) + 1] for option in ("-v", "-r", "-o"))
text = sys.stdin.buffer.read().decode()
if voice == "Nobody":
    sys.exit("Voice `Nobody' not found.")
if text == "long":
    time.sleep(30)
with wave.open(output, "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(22050)
    file.writeframes(b"\\x00\\x40" * (100 * len(text)))
"""


@pytest.fixture
def _say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "say"
    program.write_text(f"#!{sys.executable}\n{SAY}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)


@pytest.mark.usefixtures("_say")
def test_the_voices_of_the_system_are_found_by_language() -> None:
    assert [(voice.name, voice.language) for voice in say_voices()] == [
        ("Alex", "en"),
        ("Bad News", "en"),
        ("Eddy (Chinese (China mainland))", "zh"),
        ("Tingting", "zh"),
    ]
    assert find_voice("", "en", "/nowhere").id == "say:Alex"
    assert find_voice("", "zh", "/nowhere").name == "Tingting"
    assert find_voice("Tingting", "en").id == find_voice("say:Tingting", "en").id == "say:Tingting"
    assert "say:Bad News" in [voice.id for voice in voices()]


@pytest.mark.usefixtures("_say")
def test_what_the_program_writes_is_its_sound() -> None:
    voice = ProgramVoice(VoiceName("say", "Tingting", "zh"))
    sound = voice.say("你好", 1.0)
    assert len(sound) == 200 and voice.rate == 22_050
    np.testing.assert_allclose(sound, 0.5)
    assert len(voice.say("", 1.0)) == 0
    with pytest.raises(KnownError, match=r"could not speak with the voice “Nobody” .*not found"):
        ProgramVoice(VoiceName("say", "Nobody", "")).say("x", 1.0)


@pytest.mark.usefixtures("_say")
def test_a_program_that_speaks_is_interrupted_at_once() -> None:
    voice = ProgramVoice(VoiceName("say", "Tingting", "zh"))
    began = time.monotonic()
    threading.Timer(0.3, voice.interrupt).start()
    assert len(voice.say("long", 1.0)) == 0
    assert time.monotonic() - began < 10
    assert len(voice.say("好", 1.0)) == 100


def test_a_voice_for_the_language_is_preferred() -> None:
    names = [VoiceName("kokoro", name, name[:1]) for name in ("af_bella", "zf_xiaobei", "zm_yunxi", "zf_xiaoxiao")]
    among = [VoiceName(v.engine, v.name, "zh" if v.name[0] == "z" else "en") for v in names]
    assert best(among, "zh").name == "zf_xiaoxiao"
    assert best(among, "en").name == "af_bella"
    assert best(among, "fr").name == "zf_xiaoxiao"
