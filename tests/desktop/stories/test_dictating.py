"""Somebody speaks, and the text lands at the cursor: the real worker, a file for a microphone, and a tiny Whisper."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from belle.speech import library
from belle.speech.recording import faults
from desktop.i18n import set_language
from desktop.ui.notices.text import sentences
from desktop.ui.voice import dictating, talk_keys
from desktop.ui.voice.dictating import WindowDictation
from tests.belle.speech.conftest import write_recording
from tests.belle.speech.speaking_model import write_model
from tests.support.person import Person

needs_speech = pytest.mark.skipif(not library.is_installed(), reason="needs pywhispercpp (the extra “voice”)")


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Settings of somebody who has a model, and a microphone that hears a second of speech."""
    folder = tmp_path_factory.mktemp("voice")
    model = write_model(folder / "hello.bin", [" Hello", " world", "."])
    wav = write_recording(folder / "talk.wav", 0.1, 1, 0.1)
    return {"speech/model": str(model), "speech/microphone": f"file:{wav}"}


@pytest.fixture
def speaker(sits_down: Callable[..., Person], speaking: dict[str, object]) -> Person:
    return sits_down(**speaking)


def dictation_of(person: Person) -> WindowDictation:
    return person.window.window_actions.dictating


def phase(person: Person) -> str:
    return dictation_of(person).dictation.state.phase


def say(person: Person) -> None:
    """Click, speak for a second, click."""
    button = person.window.composer.microphone_button
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    speak(person)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def speak(person: Person) -> None:
    seconds: list[float] = []
    dictation_of(person).dictation.level.connect(lambda at, _: seconds.append(at))
    person.wait(lambda: bool(seconds) and seconds[-1] > 1)


def bar_text(person: Person) -> str:
    bar = dictation_of(person)._bar
    assert bar is not None and bar.isVisible()
    return f"{bar.text.whole_text()} {bar.time.text()}"


@needs_speech
def test_what_is_said_lands_at_the_cursor_and_is_not_sent(speaker: Person) -> None:
    assert "dictation" not in dictation_of(speaker).__dict__  # nothing runs before the first word
    speaker.type("Say  please")
    for _ in range(7):
        QTest.keyClick(speaker.window.composer.editor, Qt.Key.Key_Left)
    say(speaker)
    assert phase(speaker) == "writing"
    speaker.wait(lambda: phase(speaker) == "off")
    assert speaker.window.composer.text() == "Say Hello world. please"
    assert speaker.controller.conversation is None
    assert speaker.kinds() == []
    QTest.keyClick(speaker.window.composer.editor, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert speaker.window.composer.text() == "Say  please"


@needs_speech
def test_a_held_button_and_a_held_shortcut_end_when_they_are_let_go(
    speaker: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk_keys, "HOLD_S", 0.1)
    monkeypatch.setattr(dictating, "HOLD_S", 0.1)
    button, editor = speaker.window.composer.microphone_button, speaker.window.composer.editor
    keys = Qt.Key.Key_M, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.mousePress(button, Qt.MouseButton.LeftButton)
    speak(speaker)
    QTest.mouseRelease(button, Qt.MouseButton.LeftButton)
    speaker.wait(lambda: phase(speaker) == "off")
    editor.setFocus()
    QTest.keyPress(editor, *keys)
    speak(speaker)
    assert bar_text(speaker) == "Listening · Esc cancels 0:01"
    QTest.keyRelease(editor, *keys)
    speaker.wait(lambda: phase(speaker) == "off")
    assert speaker.window.composer.text() == "Hello world. Hello world."


@needs_speech
def test_esc_throws_the_recording_away_and_leaves_the_answer_alone(speaker: Person) -> None:
    speaker.wait_ready()
    speaker.ask("What is rain?")
    speaker.wait_words()
    QTest.mouseClick(speaker.window.composer.microphone_button, Qt.MouseButton.LeftButton)
    speaker.press_stop()
    assert phase(speaker) == "off"
    assert speaker.controller.busy
    speaker.stop()
    assert speaker.window.composer.text() == ""
    assert speaker.kinds() == []


@needs_speech
def test_a_dropped_recording_is_written_down(speaker: Person, tmp_path: Path) -> None:
    first = write_recording(tmp_path / "first.wav", 0.5, 2, 4, 2)
    second = write_recording(tmp_path / "second.WAV", 0.5, 2)
    assert speaker.drop(first, second)
    speaker.wait(lambda: "dictation" in dictation_of(speaker).__dict__)
    speaker.wait(lambda: phase(speaker) == "off")
    assert speaker.window.composer.text() == "Hello world. Hello world. Hello world."
    (tmp_path / "silence.wav").write_bytes(write_recording(tmp_path / "s.wav", 3).read_bytes())
    (tmp_path / "empty.wav").write_bytes(b"")
    speaker.drop(tmp_path / "silence.wav", tmp_path / "empty.wav")
    speaker.wait(lambda: len(speaker.kinds()) == 2)
    assert speaker.kinds() == ["nothing_said", "empty_audio"]


@needs_speech
def test_a_death_is_told_and_the_next_word_is_heard_again(speaker: Person) -> None:
    QTest.mouseClick(speaker.window.composer.microphone_button, Qt.MouseButton.LeftButton)
    speak(speaker)
    dead = dictation_of(speaker).dictation.pid
    assert dead is not None
    os.kill(dead, signal.SIGKILL)
    speaker.wait(lambda: speaker.kinds() == ["speech_died"])
    say(speaker)
    speaker.wait(lambda: phase(speaker) == "off")
    assert speaker.window.composer.text() == "Hello world."
    assert dictation_of(speaker).dictation.pid != dead


@needs_speech
def test_the_worker_ends_when_it_has_long_been_idle(speaker: Person) -> None:
    dictation = dictation_of(speaker).dictation
    dictation._unload.setInterval(50)
    say(speaker)
    speaker.wait(lambda: speaker.window.composer.text() != "" and not dictation.is_running)
    say(speaker)
    speaker.wait(lambda: speaker.window.composer.text() == "Hello world. Hello world.")


def test_what_is_missing_is_said_in_the_language_of_the_window(
    sits_down: Callable[..., Person], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    person = sits_down()
    button = person.window.composer.microphone_button
    if library.is_installed():
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        assert person.kinds() == ["no_speech_model"]
        banner = person.window.banners.banner("dictation")
        assert banner is not None
        assert "under “Speech”" in banner.spoken()
    monkeypatch.setattr(library, "library_file", lambda: None)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    banner = person.window.banners.banner("dictation")
    assert banner is not None
    assert "pip install pywhispercpp sounddevice" in banner.spoken()
    set_language("zh_CN")
    person.qtbot.waitUntil(lambda: "还没有安装听写" in banner.spoken())
    assert not dictation_of(person).dictation.is_running


def test_whatever_is_wrong_with_a_microphone_has_words_in_the_window() -> None:
    assert set(faults._SENTENCES) <= set(sentences())


@needs_speech
def test_the_settings_offer_the_microphones_and_remember_the_choice(speaker: Person) -> None:
    speaker.window.window_actions.dialogs.show_settings("voice")
    from desktop.ui.dialogs.settings import SettingsDialog

    (dialog,) = speaker.window.findChildren(SettingsDialog)
    assert dialog.voice.microphone_choice.currentText().endswith("talk.wav")
    dialog.voice.show_microphones([("usb", "USB microphone")])
    choice = dialog.voice.microphone_choice
    assert [choice.itemText(row) for row in range(2)] == ["Like the system", "USB microphone"]
    choice.setCurrentIndex(1)
    assert speaker.settings.microphone == "usb"
    dialog.voice.language_choice.button("zh").click()
    assert speaker.settings.speech_language == "zh"
    dialog.accept()
