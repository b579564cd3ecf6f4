from __future__ import annotations

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QInputMethodEvent
from PySide6.QtTest import QTest

from desktop.ui.style.theme import theme, themes
from desktop.ui.window.composer import MAX_LINES, Composer


@pytest.fixture
def composer(qtbot) -> Composer:
    composer = Composer()
    qtbot.addWidget(composer)
    composer.resize(600, 60)
    composer.show()
    composer.editor.setFocus()
    QTest.qWait(1)
    return composer


def compose(composer: Composer, preedit: str, commit: str = "") -> None:
    event = QInputMethodEvent(preedit, [])
    if commit:
        event.setCommitString(commit)
    QGuiApplication.sendEvent(composer.editor, event)


def test_enter_sends_and_the_text_stays_until_it_is_taken(composer, qtbot):
    QTest.keyClicks(composer.editor, "hello")
    with qtbot.waitSignal(composer.send_requested) as sent:
        QTest.keyClick(composer.editor, Qt.Key.Key_Return)
    assert sent.args == ["hello"]
    assert composer.text() == "hello"
    composer.clear_text()
    assert composer.text() == ""


def test_shift_enter_breaks_the_line(composer, qtbot):
    QTest.keyClicks(composer.editor, "a")
    with qtbot.assertNotEmitted(composer.send_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(composer.editor, "b")
    assert composer.text() == "a\nb"
    assert "\u2028" not in composer.editor.document().toRawText()


def test_ctrl_enter_mode(composer, qtbot):
    composer.set_send_key("ctrl_enter")
    QTest.keyClicks(composer.editor, "a")
    with qtbot.assertNotEmitted(composer.send_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Return)
    assert composer.text() == "a\n"
    with qtbot.waitSignal(composer.send_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)


def test_enter_never_sends_while_composing(composer, qtbot):
    QTest.keyClicks(composer.editor, "x")
    compose(composer, "chun")
    with qtbot.assertNotEmitted(composer.send_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Return)
        # The input method ends the composition and passes on the key that ended it.
        compose(composer, "", "春")
        QTest.keyPress(composer.editor, Qt.Key.Key_Return)
    assert composer.text() == "x春"
    qtbot.wait(5)
    with qtbot.waitSignal(composer.send_requested) as sent:
        QTest.keyClick(composer.editor, Qt.Key.Key_Return)
    assert sent.args == ["x春"]


def test_a_second_composition_begun_at_once_counts(composer, qtbot):
    compose(composer, "ni")
    compose(composer, "", "你")
    compose(composer, "hao")
    qtbot.wait(5)
    with qtbot.assertNotEmitted(composer.send_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Return)


def test_up_does_not_leave_while_composing_in_an_empty_field(composer, qtbot):
    compose(composer, "chun")
    with qtbot.assertNotEmitted(composer.edit_last_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Up)


def test_nothing_is_not_sent(composer, qtbot):
    QTest.keyClicks(composer.editor, "   ")
    with qtbot.assertNotEmitted(composer.send_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Return)
    assert not composer.button.isEnabled()


def test_up_in_an_empty_field_edits_the_last_question(composer, qtbot):
    with qtbot.waitSignal(composer.edit_last_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Up)
    QTest.keyClicks(composer.editor, "a")
    with qtbot.assertNotEmitted(composer.edit_last_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Up)


def test_it_grows_to_eight_lines_then_scrolls(composer):
    heights = []
    for lines in range(1, MAX_LINES + 5):
        composer.editor.setPlainText("\n".join("x" * lines))
        heights.append(composer.editor.height())
    growing = heights[:MAX_LINES]
    assert growing == sorted(set(growing))
    assert len(set(heights[MAX_LINES - 1 :])) == 1
    assert composer.editor.verticalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAsNeeded
    composer.editor.clear()
    assert composer.editor.height() == heights[0]


def test_long_lines_count_as_wrapped(composer):
    composer.editor.setPlainText("word " * 60)
    assert composer.editor.height() > 2 * composer.editor.fontMetrics().lineSpacing()


def test_it_grows_with_the_zoom(composer):
    before = composer.editor.height()
    themes().set_zoom(2.0)
    assert composer.editor.height() > 1.7 * before


def test_rich_text_is_pasted_plain(composer):
    data = QMimeData()
    data.setHtml("<b>bold</b> <script>x</script>")
    data.setText("bold")
    composer.editor.insertFromMimeData(data)
    assert composer.text() == "bold"


def test_files_are_left_to_the_window(composer):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/tmp/model.gguf")])
    assert not composer.editor.canInsertFromMimeData(data)


def test_the_button_sends_stops_and_says_which(composer, qtbot):
    composer.set_text("hello")
    assert composer.button.accessibleName() == "Send"
    with qtbot.waitSignal(composer.send_requested):
        composer.button.click()
    composer.set_busy(True)
    assert composer.button.accessibleName() == "Stop"
    assert composer.button.property("kind") == "stop"
    with qtbot.waitSignal(composer.stop_requested):
        composer.button.click()
    with qtbot.assertNotEmitted(composer.send_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Return)
    assert composer.text() == "hello"
    composer.set_busy(False)
    assert composer.button.accessibleName() == "Send"


def test_waiting_for_the_model_can_be_taken_back(composer, qtbot):
    composer.set_waiting("loading")
    assert "Waits" in composer.hint.text()
    with qtbot.waitSignal(composer.stop_requested):
        composer.button.click()


@pytest.mark.parametrize(
    ("what", "hint"),
    [
        ("loading", "Waits for the model…"),
        ("model", "Waits for a model to be opened…"),
        ("template", "Waits for a prompt template…"),
        ("answer", "Waits for another answer…"),
        ("", ""),
    ],
)
def test_the_field_says_what_a_question_waits_for(composer, what, hint):
    composer.set_waiting(what)
    assert composer.hint.text() == hint


def test_a_block_says_why_and_lets_one_write(composer, qtbot):
    composer.set_blocked("Reading only")
    QTest.keyClicks(composer.editor, "hello")
    with qtbot.assertNotEmitted(composer.send_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Return)
    assert composer.text() == "hello"
    assert composer.hint.text() == composer.button.accessibleName() == "Reading only"
    composer.set_blocked("")
    assert composer.button.isEnabled()


def test_every_conversation_has_its_draft(composer, qtbot):
    drafts: dict[int | None, str] = {}
    composer.draft_changed.connect(drafts.__setitem__)
    composer.editor.setPlainText("for a new one")
    for conversation_id in (1, 2, 1, None):
        composer.set_conversation(conversation_id, drafts.get(conversation_id, ""))
        if conversation_id == 1 and not composer.text():
            QTest.keyClicks(composer.editor, "for one")
    assert drafts == {None: "for a new one", 1: "for one"}
    assert composer.text() == "for a new one"


def test_showing_a_draft_is_no_change_of_it(composer, qtbot):
    with qtbot.assertNotEmitted(composer.draft_changed):
        composer.set_conversation(1, "as it was")
    assert composer.text() == "as it was"
    assert composer.button.isEnabled()


def test_a_new_conversation_takes_its_draft_along(composer):
    drafts: dict[int | None, str] = {}
    composer.draft_changed.connect(drafts.__setitem__)
    composer.editor.setPlainText("first question")
    composer.move_to_conversation(7)
    composer.clear_text()
    assert drafts == {None: "first question", 7: ""}


def test_what_was_typed_before_the_window_was_ready_stays_behind_the_draft(composer):
    drafts: dict[int | None, str] = {}
    composer.draft_changed.connect(drafts.__setitem__)
    QTest.keyClicks(composer.editor, "new")
    composer.restore("old")
    assert composer.text() == drafts[None] == "old\nnew"


def test_a_prompt_to_try_can_be_undone(composer):
    QTest.keyClicks(composer.editor, "my own long thought")
    composer.set_text("a prompt to try")
    assert composer.text() == "a prompt to try"
    composer.editor.undo()
    assert composer.text() == "my own long thought"


def test_escape_stops_and_otherwise_does_nothing(composer, qtbot):
    QTest.keyClicks(composer.editor, "text")
    with qtbot.assertNotEmitted(composer.stop_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Escape)
    composer.set_busy(True)
    with qtbot.waitSignal(composer.stop_requested):
        QTest.keyClick(composer.editor, Qt.Key.Key_Escape)
    assert composer.text() == "text"


def pasted(qtbot, **what) -> str:
    composer = Composer()
    qtbot.addWidget(composer)
    data = QMimeData()
    if "urls" in what:
        data.setUrls([QUrl(url) for url in what["urls"]])
    if "text" in what:
        data.setText(what["text"])
    composer.editor.insertFromMimeData(data)
    return composer.text()


def test_a_file_that_is_pasted_is_its_path(qtbot) -> None:
    assert pasted(qtbot, urls=["file:///tmp/a%20b.txt"]) == "/tmp/a b.txt"
    assert pasted(qtbot, urls=["file:///tmp/a", "file:///tmp/%E4%B8%AD"], text="file:///tmp/a") == "/tmp/a\n/tmp/中"
    assert pasted(qtbot, text="file:///tmp/a%20b.txt\r\n") == "/tmp/a b.txt"


def test_an_address_or_a_text_about_files_is_pasted_as_it_is(qtbot) -> None:
    assert pasted(qtbot, urls=["https://example.org/a"], text="https://example.org/a") == "https://example.org/a"
    assert pasted(qtbot, text="see file:///tmp/a") == "see file:///tmp/a"


def test_the_placeholder_is_as_large_as_what_is_typed_at_every_zoom(composer):
    themes().apply("light", 1.0)
    composer.show()
    for zoom in (2.0, 1.0, 1.5):
        themes().set_zoom(zoom)
        assert composer.editor.viewport().font().pixelSize() == theme().font_body.pixelSize()
    themes().apply("light", 1.0)
