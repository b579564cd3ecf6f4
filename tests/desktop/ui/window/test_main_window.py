"""The window as a whole: a question goes out, an answer comes in, notices come and go."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.chat.state import Notice
from desktop.ui.window.main_window import MainWindow


def test_typing_is_possible_at_once(make, controller):
    window = make()
    assert window.windowTitle() == "New chat — ChatBELLE"
    assert window.focusWidget() is window.composer.editor
    assert window.pages.currentWidget() is window.welcome
    QTest.keyClicks(window.composer.editor, "hello")
    assert window.composer.text() == "hello"


def test_a_question_goes_out_and_the_field_is_free(window, controller):
    QTest.keyClicks(window.composer.editor, "What is rain?")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls[-1] == ("send", "What is rain?")
    assert window.composer.text() == ""
    assert window.pages.currentWidget() is window.transcript
    assert window.windowTitle() == "What is rain? — ChatBELLE"
    QTest.keyClicks(window.composer.editor, "And snow?")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert [m.text for m in window.transcript.messages()] == ["What is rain?", "And snow?"]
    # The draft of "a new chat" was sent: it must not come back.
    window.window_actions.by_id["new_chat"].trigger()
    assert window.composer.text() == ""


def test_a_question_can_be_sent_before_the_first_painting(qtbot, controller, settings):
    window = MainWindow(controller, settings)
    qtbot.addWidget(window)
    QTest.keyClicks(window.composer.editor, "early")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls == [("send", "early")]
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: window.sidebar.model.rowCount() > 0)
    assert window.pages.currentWidget() is window.transcript


def test_a_refused_question_stays(window, controller):
    controller.refuse = True
    QTest.keyClicks(window.composer.editor, "precious")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls == [("send", "precious")]
    assert window.composer.text() == "precious"


def test_an_answer_streams_into_the_transcript(window, controller, qtbot):
    controller.add("a", texts=("question",))
    controller.conversations_changed.emit()
    controller.conversations.open(1)
    controller.prefill.emit(50, 100, 2.0)
    answer = controller.begin_answer()
    controller.answer_text.emit(answer.id, "我是")
    controller.answer_text.emit(answer.id, "春雨")
    assert window.transcript.messages()[-1].text == "我是春雨"
    assert window.composer.button.accessibleName() == "Stop"
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Escape)
    assert controller.calls[-1] == ("stop",)
    controller.message_updated.emit(replace(answer, text="我是春雨", status="stopped"))
    assert window.transcript.messages()[-1].status == "stopped"


def test_drafts_stay_with_their_conversations(window, controller):
    first = controller.add("first", texts=("a",))
    controller.conversations_changed.emit()
    window.composer.set_text("unsent")
    controller.conversations.open(first)
    assert window.composer.text() == ""
    controller.conversations.new_chat()
    assert window.composer.text() == "unsent"


def test_deleting_offers_to_undo(window, controller):
    chosen = controller.add("first", texts=("q",))
    controller.conversations_changed.emit()
    controller.conversations.open(chosen)
    window.sidebar.list.setFocus()
    QTest.keyClick(window.sidebar.list, Qt.Key.Key_Delete)
    assert controller.calls[-1] == ("delete", chosen)
    assert window.windowTitle() == "New chat — ChatBELLE"
    banner = window.banners.banner(f"deleted-{chosen}")
    assert "first" in banner.spoken()
    banner.buttons["undo"].click()
    assert controller.calls[-1] == ("act", f"deleted-{chosen}", "undo")


def test_notices_come_and_go(window, controller):
    controller.notice.emit(Notice("truncated", "bad", {"path": "/x/a.gguf"}, (), "model"))
    assert window.banners.keys() == ["model"]
    controller.notice_cleared.emit("model")
    assert window.banners.keys() == []


def test_where_nothing_can_be_written_nothing_is_sent(window, controller):
    controller.notice.emit(Notice("read_only", "bad", {"path": "/x"}, (), "store"))
    QTest.keyClicks(window.composer.editor, "kept")
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls == []
    assert window.composer.hint.text() == "Reading only"
    window.banners.banner("store").close_button.click()
    assert controller.dismissed == ["store"]
    QTest.keyClick(window.composer.editor, Qt.Key.Key_Return)
    assert controller.calls == [("send", "kept")]


def test_a_search_hit_opens_at_its_message(window, controller, qtbot):
    controller.add("first", texts=tuple(f"text {n} " + "word " * 200 for n in range(12)))
    controller.conversations_changed.emit()
    window.sidebar.search_field.setText("text 3")
    qtbot.waitUntil(lambda: window.sidebar.stack.currentWidget() is window.sidebar.hit_list)
    window.sidebar.hit_list.setFocus()
    QTest.keyClick(window.sidebar.hit_list, Qt.Key.Key_Return)
    assert controller.conversation.id == 1
    bar = window.transcript.verticalScrollBar()
    assert 0 < bar.value() < bar.maximum()


def test_the_language_changes_while_it_runs(window, controller, settings, qtbot):
    controller.make_ready()
    settings.set_value("window/language", "zh_CN")
    qtbot.waitUntil(lambda: window.sidebar.new_button.text() == "新对话")
    assert window.windowTitle() == "新对话 — ChatBELLE"
    assert window.composer.editor.placeholderText().startswith("想问")
    assert window.header.model_button.text() == "SmolLM2 135M · 4 位"
    assert window.sidebar.badge.text() == "离线"
    assert window.window_actions.by_id["new_chat"].text() == "新对话"
    settings.set_value("window/language", "en")
    qtbot.waitUntil(lambda: window.sidebar.new_button.text() == "New chat")
