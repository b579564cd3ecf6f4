"""The actions of a message, by mouse and by keyboard."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QEnterEvent, QGuiApplication, QTextCursor
from PySide6.QtWidgets import QApplication, QPushButton, QToolButton, QVBoxLayout, QWidget

from belle import network
from desktop.i18n import set_language
from desktop.ui.links import links
from desktop.ui.style.theme import themes
from desktop.ui.transcript import TranscriptView
from desktop.ui.transcript.message.text import MessageText
from tests.desktop.ui.transcript.conftest import idle

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def conversation(view, message):
    view.set_path(
        [
            message("first **question**", "user"),
            message("first answer", sibling_index=1, sibling_count=3, stats={"tokens_per_s": 41.3, "ttft_s": 0.31}),
            message("second question", "user"),
            message("```py\nx = 1\n```\n\nsee [there](https://example.org/a)"),
        ],
    )
    return view


def button(view, message_id: int, name: str) -> QToolButton:
    widget = view.message_widget(message_id)
    widget.set_active(True)
    return widget.action_bar().button(name)


def hover(widget, inside: bool = True) -> None:
    at = QPointF(5, 5)
    event = QEnterEvent(at, at, at) if inside else QEvent(QEvent.Type.Leave)
    QApplication.sendEvent(widget, event)


def test_actions_appear_under_the_pointer(conversation, qtbot) -> None:
    widget = conversation.message_widget(3)
    copy = widget.action_bar().button("copy")
    assert not copy.isVisible()
    hover(widget)
    assert copy.isVisible()
    hover(widget, inside=False)
    assert not copy.isVisible()


def test_the_buttons_for_versions_are_always_visible(conversation, qtbot) -> None:
    bar = conversation.message_widget(2).action_bar()
    assert bar.button("next").isVisible()
    assert not bar.button("copy").isVisible()
    with qtbot.waitSignal(conversation.version_requested) as requested:
        qtbot.mouseClick(bar.button("next"), LEFT)
    assert requested.args == [2, 1]
    with qtbot.waitSignal(conversation.version_requested) as requested:
        qtbot.mouseClick(bar.button("previous"), LEFT)
    assert requested.args == [2, -1]


def test_there_is_no_version_before_the_first(conversation, message, qtbot) -> None:
    conversation.update_message(replace(conversation.messages()[1], sibling_index=0))
    assert not button(conversation, 2, "previous").isEnabled()
    assert button(conversation, 2, "next").isEnabled()


def test_speed_is_shown(conversation, qtbot) -> None:
    widget = conversation.message_widget(2)
    hover(widget)
    assert widget.action_bar()._speed.text() == "41 tok/s · 0.3 s"
    assert "tokens per second" in widget.action_bar()._speed.toolTip()


def test_answer_again_only_for_answers_and_not_while_busy(conversation, qtbot) -> None:
    assert not button(conversation, 1, "regenerate").isVisible()
    with qtbot.waitSignal(conversation.regenerate_requested) as requested:
        qtbot.mouseClick(button(conversation, 4, "regenerate"), LEFT)
    assert requested.args == [4]
    conversation.set_busy(True)
    assert not button(conversation, 4, "regenerate").isVisible()
    assert not button(conversation, 4, "edit").isVisible()
    assert button(conversation, 4, "copy").isVisible()


def test_copy_gives_the_markdown(conversation, qtbot) -> None:
    qtbot.mouseClick(button(conversation, 1, "copy"), LEFT)
    assert QGuiApplication.clipboard().text() == "first **question**"
    assert button(conversation, 1, "copy").accessibleName() == "Copied"
    assert conversation.copy_last_answer()
    assert QGuiApplication.clipboard().text().startswith("```py")


def test_copy_last_answer_without_one(view, message, qtbot) -> None:
    view.set_path([message("question", "user")])
    assert not view.copy_last_answer()


def test_code_is_copied_by_its_button(conversation, qtbot) -> None:
    copy, _ = conversation.message_widget(4).text.code_buttons()
    assert copy.accessibleName() == "Copy the code (py)"
    qtbot.mouseClick(copy, LEFT)
    assert QGuiApplication.clipboard().text() == "x = 1"


def test_code_is_handed_over_to_be_saved(conversation, qtbot) -> None:
    _, save = conversation.message_widget(4).text.code_buttons()
    assert save.accessibleName() == "Save the code as a file (py)"
    with qtbot.waitSignal(conversation.save_code_requested) as saved:
        qtbot.keyClick(save, Qt.Key.Key_Space)
    assert (saved.args[0].text, saved.args[0].language) == ("x = 1", "py")


@pytest.mark.parametrize("zoom", [1.0, 2.0])
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_the_buttons_of_code_lie_beside_each_other_within_its_header(conversation, language, zoom) -> None:
    conversation.resize(720, 400)
    set_language(language)
    themes().set_zoom(zoom)
    text = conversation.message_widget(4).text
    copy, save = (button.geometry() for button in text.code_buttons())
    assert text.rect().contains(copy) and text.rect().contains(save)
    assert copy.right() < save.left()
    assert copy.top() == save.top()
    assert copy.left() > text.width() // 2  # the name of the language is on the left


def test_a_selection_is_copied_as_plain_text(conversation, qtbot) -> None:
    text = conversation.message_widget(1).text
    text.selectAll()
    text.copy()
    mime = QGuiApplication.clipboard().mimeData()
    assert mime.text() == "first **question**"
    assert not mime.hasHtml()


def test_the_context_menu(conversation, qtbot) -> None:
    text = conversation.message_widget(4).text
    link = text.document().find("there")
    link.setPosition(link.selectionStart() + 2)
    menu = text.context_menu(text.cursorRect(link).center())
    names = [action.text() for action in menu.actions() if action.text()]
    assert names[0] == "Copy"
    assert names[1:3] == ["Copy the address", "Copy the whole message"]
    menu.actions()[1].trigger()
    assert QGuiApplication.clipboard().text() == "https://example.org/a"
    assert not menu.actions()[0].isEnabled()
    menu.deleteLater()


class Browser(QObject):
    """Stands for the desktop's browser."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.addresses.append(url.toString())


@pytest.mark.parametrize(("address", "opened"), [("https://example.org/a", True), ("file:///etc/passwd", False)])
def test_only_web_addresses_are_opened(conversation, qtbot, address: str, opened: bool) -> None:
    browser = Browser()
    scheme = QUrl(address).scheme()
    QDesktopServices.setUrlHandler(scheme, browser, "open")
    try:
        conversation.message_widget(4).text.anchorClicked.emit(QUrl(address))
    finally:
        QDesktopServices.unsetUrlHandler(scheme)
    assert browser.addresses == ([address] if opened else [])


def test_offline_a_link_is_not_opened_and_says_why(conversation, qtbot, monkeypatch) -> None:
    monkeypatch.setenv("CHATBELLE_OFFLINE", "1")
    browser = Browser()
    QDesktopServices.setUrlHandler("https", browser, "open")
    try:
        with qtbot.waitSignal(links().refused) as refused:
            conversation.message_widget(4).text.anchorClicked.emit(QUrl("https://example.org/a"))
    finally:
        QDesktopServices.unsetUrlHandler("https")
    assert browser.addresses == []
    assert "https://example.org/a" in refused.args[0].message


def test_an_opened_link_is_in_the_record(conversation) -> None:
    browser = Browser()
    QDesktopServices.setUrlHandler("https", browser, "open")
    try:
        conversation.message_widget(4).text.anchorClicked.emit(QUrl("https://someone:secret@example.org/a"))
    finally:
        QDesktopServices.unsetUrlHandler("https")
    assert network.activity()["browser"].what == "https://someone@example.org/a"


def test_a_click_on_a_link_loads_nothing_into_the_message(conversation, qtbot) -> None:
    text = conversation.message_widget(4).text
    before = text.toPlainText()
    assert text.loadResource(2, QUrl("file:///etc/passwd")) is None
    assert text.toPlainText() == before


# Editing


def test_a_question_is_edited_in_place(conversation, qtbot) -> None:
    qtbot.mouseClick(button(conversation, 3, "edit"), LEFT)
    widget = conversation.message_widget(3)
    field = widget.editor.field
    assert field.toPlainText() == "second question"
    assert not widget.text.isVisible()
    qtbot.keyClicks(field, "!")
    with qtbot.waitSignal(conversation.edit_submitted) as submitted:
        qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert submitted.args == [3, "second question!"]
    assert widget.editor is not None  # until the text is stored
    conversation.end_edit(3)
    assert widget.editor is None
    assert widget.text.isVisible()


def test_enter_breaks_the_line_and_escape_cancels(conversation, qtbot) -> None:
    qtbot.mouseClick(button(conversation, 3, "edit"), LEFT)
    field = conversation.message_widget(3).editor.field
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.toPlainText() == "second question\n"
    with qtbot.assertNotEmitted(conversation.edit_submitted):
        qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert conversation.message_widget(3).editor is None


def test_an_answer_is_saved_as_a_new_version(conversation, qtbot) -> None:
    qtbot.mouseClick(button(conversation, 4, "edit"), LEFT)
    editor = conversation.message_widget(4).editor
    save = editor.findChild(QPushButton, "save")
    assert save.text() == "Save as a new version"
    editor.field.setPlainText("better")
    with qtbot.waitSignal(conversation.edit_submitted) as submitted:
        qtbot.mouseClick(save, LEFT)
    assert submitted.args == [4, "better"]


def test_an_unchanged_answer_makes_no_version_and_an_empty_one_cannot_be_saved(conversation, qtbot) -> None:
    qtbot.mouseClick(button(conversation, 4, "edit"), LEFT)
    editor = conversation.message_widget(4).editor
    save = editor.findChild(QPushButton, "save")
    editor.field.setPlainText("  \n ")
    assert not save.isEnabled()
    editor.field.setPlainText(conversation.messages()[3].text)
    with qtbot.assertNotEmitted(conversation.edit_submitted):
        qtbot.mouseClick(save, LEFT)


def test_an_editor_survives_what_happens_around_it(conversation, message, qtbot) -> None:
    qtbot.mouseClick(button(conversation, 3, "edit"), LEFT)
    field = conversation.message_widget(3).editor.field
    field.setPlainText("unsaved words\n" * 30)
    conversation.append(message("more", "user"))
    conversation.resize(600, 500)
    idle(qtbot)
    assert conversation.message_widget(3).editor.field.toPlainText() == "unsaved words\n" * 30
    assert field.height() < 600


# Keyboard


def tab(qtbot, backwards: bool = False) -> QWidget:
    focus = QApplication.focusWidget()
    if backwards:
        qtbot.keyClick(focus, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    else:
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    return QApplication.focusWidget()


@pytest.fixture
def window(qtbot, message):
    widget = QWidget()
    widget.before, widget.after = QPushButton("before"), QPushButton("after")
    widget.view = TranscriptView()
    column = QVBoxLayout(widget)
    for child in (widget.before, widget.view, widget.after):
        column.addWidget(child)
    qtbot.addWidget(widget)
    widget.resize(800, 700)
    widget.show()
    widget.activateWindow()
    qtbot.waitActive(widget)
    widget.view.set_path(
        [message("question", "user"), message("```py\nx\n```", status="stopped", sibling_count=2)],
    )
    return widget


def test_tab_goes_through_everything_in_reading_order(window, qtbot) -> None:
    window.before.setFocus()
    forwards = [window.before]
    while forwards[-1] is not window.after and len(forwards) < 30:
        forwards.append(tab(qtbot))
    names = [w.objectName() or w.accessibleName() or type(w).__name__ for w in forwards]
    assert names == [
        *("QPushButton", "Conversation"),
        *("You", "edit", "pin", "copy"),
        *("Answer", "copy-code", "save-code", "continue", "next", "regenerate", "edit", "pin", "speak", "copy"),
        "QPushButton",
    ]
    assert all(w.accessibleName() or w.text() for w in forwards)
    backwards = [window.after]
    while backwards[-1] is not window.before and len(backwards) < 30:
        backwards.append(tab(qtbot, backwards=True))
    # Shift+Tab from behind leads to the last message.
    assert backwards[1].accessibleName() == "Answer"
    assert backwards[-2:] == [window.view, window.before] or backwards[-1] is window.before


def test_actions_are_visible_where_the_focus_is(window, qtbot) -> None:
    window.view.focus_message(-1)
    assert window.view.message_widget(2).action_bar().button("copy").isVisible()
    window.view.focus_message(-1)
    assert window.view.message_widget(1).action_bar().button("copy").isVisible()
    window.before.setFocus()
    assert not window.view.message_widget(1).action_bar().button("copy").isVisible()


def test_alt_arrows_go_from_message_to_message(view, message, qtbot) -> None:
    view.set_path([message(f"message {n}\n\n" + "text\n\n" * 20) for n in range(30)])
    view.setFocus()
    view.focus_message(-1)
    focused = []
    for _ in range(31):
        focus = QApplication.focusWidget()
        assert isinstance(focus, MessageText)
        focused.append(focus.toPlainText().split("\n")[0])
        qtbot.keyClick(focus, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert focused == [f"message {n}" for n in range(29, -1, -1)] + ["message 0"]
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert QApplication.focusWidget().toPlainText().startswith("message 1")


def test_the_focus_stays_on_the_button_when_the_version_changes(window, message, qtbot) -> None:
    view = window.view
    view.focus_message(-1)
    next_version = view.message_widget(2).action_bar().button("next")
    next_version.setFocus()
    other = message("another version", sibling_index=1, sibling_count=3, id=9)
    view.set_path([view.messages()[0], other], keep_position=True)
    focus = QApplication.focusWidget()
    assert focus is view.message_widget(9).action_bar().button("next")


def test_page_keys_scroll_the_transcript_from_within_a_message(view, message, qtbot) -> None:
    view.set_path([message("text\n\n" * 200)])
    view.focus_message(-1)
    text = QApplication.focusWidget()
    end = view.verticalScrollBar().maximum()
    view.verticalScrollBar().setValue(end)
    qtbot.keyClick(text, Qt.Key.Key_PageUp)
    assert view.verticalScrollBar().value() == end - view.viewport().height()
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert view.verticalScrollBar().value() == 0
    qtbot.keyClick(view, Qt.Key.Key_End)
    assert view.at_bottom()


def test_the_caret_is_followed(view, message, qtbot) -> None:
    view.set_path([message("text\n\n" * 200)])
    view.focus_message(-1)
    text = QApplication.focusWidget()
    text.moveCursor(QTextCursor.MoveOperation.Start)
    assert view.verticalScrollBar().value() < 40
    text.moveCursor(QTextCursor.MoveOperation.End)
    assert view.verticalScrollBar().value() > 500


def test_a_message_is_pinned_by_its_button_its_menu_and_its_key(view, message, qtbot) -> None:
    messages = [message("question", "user"), message("answer")]
    view.set_path(messages)
    bar = view.message_widget(messages[1].id).action_bar()
    with qtbot.waitSignal(view.pin_requested) as requested:
        bar.button("pin").click()
    assert requested.args == [messages[1].id, True]
    text = view.message_widget(messages[0].id).text
    pin = next(action for action in text.context_menu(QPoint(1, 1)).actions() if action.text().startswith("Pin"))
    with qtbot.waitSignal(view.pin_requested) as requested:
        pin.trigger()
    assert requested.args == [messages[0].id, True]
    text.setFocus()
    with qtbot.waitSignal(view.pin_requested) as requested:
        view.pin_current()
    assert requested.args == [messages[0].id, True]


def test_a_pinned_message_is_marked_when_nobody_is_near(view, message, qtbot) -> None:
    messages = [message("question", "user", pinned=True), message("answer"), message("more", "user"), message("yes")]
    view.set_path(messages)
    widget = view.message_widget(messages[0].id)
    pin = widget.action_bar().button("pin")
    assert pin.isVisible()
    assert not widget.action_bar().button("copy").isVisible()
    assert widget.accessibleName() == "You, pinned"
    with qtbot.waitSignal(view.pin_requested) as requested:
        pin.click()
    assert requested.args == [messages[0].id, False]
    view.update_message(replace(messages[0], pinned=False))
    assert not pin.isVisible()
    assert widget.accessibleName() == "You"


def test_an_answer_under_way_is_not_pinned(view, message, qtbot) -> None:
    view.set_path([message("question", "user"), message("answer", status="streaming")])
    with qtbot.assertNotEmitted(view.pin_requested):
        view.pin_current()
    assert not [a for a in view.message_widget(2).text.context_menu(QPoint(1, 1)).actions() if "Pin" in a.text()]


def test_a_greeting_which_answers_nothing_is_neither_answered_again_nor_compared(view, message) -> None:
    view.set_path([message("Hello, I am your teacher."), message("Why?", "user"), message("Because.")])
    menus = {number: view.message_widget(number).text.context_menu(QPoint(1, 1)) for number in (1, 2, 3)}
    compared = {
        number: "Compare with another model…" in [a.text() for a in menu.actions()] for number, menu in menus.items()
    }
    assert compared == {1: False, 2: True, 3: True}
    assert not button(view, 1, "regenerate").isVisible()
    assert button(view, 1, "edit").isVisible()
    assert button(view, 3, "regenerate").isVisible()
