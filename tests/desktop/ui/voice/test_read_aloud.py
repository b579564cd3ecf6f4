"""Reading aloud in the window: the sentence that is heard is marked; stop, growing answers, what is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from belle.speech.speaking.voices.choice import missing_packages
from desktop.ui.dialogs.settings import SettingsDialog
from desktop.ui.transcript.document.spoken import find_sentence
from desktop.ui.window.main_window import MainWindow
from tests.belle.speech.speaking.tiny_kokoro import write_kokoro
from tests.support.player import install_player

TEXT = """\
第一句。第二句，**有点长**！

```python
print("不读")
```

- 第三句 `x`。
"""


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if missing := missing_packages():
        pytest.skip(f"needs {', '.join(missing)} (the extra “speak”)")
    return write_kokoro(tmp_path_factory.mktemp("voice") / "tiny")


@pytest.fixture
def reading(qtbot, controller, settings, voice, tmp_path, monkeypatch):
    """The window with one answer, a voice, and something that plays."""
    monkeypatch.setattr("belle.speech.speaking.voices.programs.shutil.which", lambda _: None)
    install_player(tmp_path / "bin", monkeypatch)
    settings.set_value("voice/model", str(voice))
    controller.add("first", texts=("question", TEXT))
    window = MainWindow(controller, settings)
    qtbot.addWidget(window)
    controller.make_ready()
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: window.pages.currentWidget() is not None)
    controller.conversations.open(1)
    QTest.qWait(10)
    yield window
    if window.window_actions.reading_aloud.__dict__.get("reader"):
        window.window_actions.reading_aloud.reader.close()


def marked(window: MainWindow, message_id: int) -> str:
    text = window.transcript.message_widget(message_id).text
    return "".join(selection.cursor.selectedText() for selection in text.extraSelections())


def test_the_sentence_that_is_heard_is_marked(reading, qtbot):
    window = reading
    answer = window.transcript.messages()[-1].id
    heard: list[str] = []
    button = window.transcript.message_widget(answer).action_bar().button("speak")
    window.window_actions.reading_aloud.reader.sentence_started.connect(
        lambda *_: heard.append(marked(window, answer)), Qt.ConnectionType.QueuedConnection
    )
    with qtbot.waitSignal(window.window_actions.reading_aloud.reader.ended, timeout=20_000):
        button.click()
        assert button.accessibleName() == "Stop reading"
    assert heard == ["第一句。", "第二句，有点长！", "第三句 x。"]
    assert marked(window, answer) == "" and button.accessibleName() == "Read aloud"


def test_escape_and_the_shortcut_stop_it_and_writing_goes_on(reading, qtbot):
    window = reading
    actions, aloud = window.window_actions.by_id, window.window_actions.reading_aloud
    for stop in ("stop", "read_aloud"):
        with qtbot.waitSignal(aloud.reader.sentence_started, timeout=20_000):
            actions["read_aloud"].trigger()
        assert aloud.is_on and actions["stop"].isEnabled()
        with qtbot.waitSignal(aloud.changed):
            actions[stop].trigger()
        assert not aloud.is_on and marked(window, window.transcript.messages()[-1].id) == ""
    with qtbot.waitSignal(aloud.reader.sentence_started, timeout=20_000):
        actions["read_aloud"].trigger()
    window.window_actions.new_chat()
    assert not aloud.is_on


def test_an_answer_is_read_while_it_grows(reading, qtbot):
    reader = reading.window_actions.reading_aloud.reader
    heard: list[str] = []
    reader.sentence_started.connect(lambda _, sentence: heard.append(sentence))
    reader.read(7, "一。二", complete=False)
    qtbot.waitUntil(lambda: heard == ["一。"], timeout=20_000)
    reader.grow(7, "一。二。三", complete=False)
    qtbot.waitUntil(lambda: heard == ["一。", "二。"], timeout=20_000)
    with qtbot.waitSignal(reader.ended, timeout=20_000):
        reader.grow(7, "一。二。三。", complete=True)
    assert heard == ["一。", "二。", "三。"]


def test_the_worker_is_ended_when_nothing_is_read_for_a_while(reading, qtbot, settings):
    from desktop.voice.reading import ReadAloud

    reader = ReadAloud(settings, unload_ms=50)
    with qtbot.waitSignal(reader.ended, timeout=20_000):
        reader.read(7, "好。")
    qtbot.waitUntil(lambda: not reader._client.alive, timeout=10_000)
    with qtbot.waitSignal(reader.ended, timeout=20_000):
        reader.read(7, "好。")
    reader.close()


def test_a_missing_voice_is_said_with_what_to_do(reading, qtbot, settings, controller, tmp_path):
    settings.set_value("voice/model", str(tmp_path))
    with qtbot.waitSignal(controller.notice, timeout=20_000) as said:
        reading.window_actions.by_id["read_aloud"].trigger()
    assert said.args[0].kind == "no_voice"
    assert not reading.window_actions.reading_aloud.is_on


def test_the_voices_are_listed_and_chosen(reading, qtbot, settings, opened):
    reading.window_actions.dialogs.show_settings("reading")
    dialog = reading.findChild(SettingsDialog)
    button = dialog.reading.voice_button
    assert button.text() == "Automatic"
    button.click()
    qtbot.waitUntil(lambda: len(button.voices.actions()) > 1, timeout=20_000)
    texts = [action.text() for action in button.voices.actions() if not action.isSeparator()]
    assert texts[1:3] == ["af_tiny  en", "zf_tiny  zh"]
    button.voices.actions()[2].trigger()
    button.voices.hide()
    assert settings.voice == "kokoro:zf_tiny" and button.text() == "zf_tiny"
    dialog.reading.speed_choice.button("1.5").click()
    assert settings.voice_speed == 1.5
    dialog.close()


def test_nothing_of_it_is_loaded_before_it_is_used():
    code = (
        "import sys, desktop.ui.window.main_window, desktop.ui.dialogs.settings\n"
        "assert not [name for name in sys.modules if name.startswith(('belle.speech', 'desktop.voice', 'onnxruntime'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


SHOWN = st.text(st.sampled_from("好a1。，!* \n•"), max_size=60)


@given(SHOWN, SHOWN, st.text(st.sampled_from("好a1。"), min_size=1, max_size=8))
def test_a_sentence_is_found_where_it_stands(before: str, after: str, sentence: str) -> None:
    place = find_sentence(before + sentence + after, sentence, len(before))
    if not any(map(str.isalnum, sentence)):
        assert place is None
        return
    assert place is not None
    shown = (before + sentence + after)[slice(*place)]
    assert list(filter(str.isalnum, shown)) == list(filter(str.isalnum, sentence))


def test_a_sentence_is_found_although_its_signs_are_shown_in_another_way() -> None:
    assert find_sentence("• 北京\u2029• 上海", "上海。", 0) == (7, 9)
    assert find_sentence("名称\u2029值", "名称，值", 0) == (0, 4)
    assert find_sentence("二。二。", "二。", 1) == (2, 4)
    assert find_sentence("一", "二", 0) is None
