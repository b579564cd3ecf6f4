"""Every control has an accessible name and can be reached by the keyboard; found by walking the widgets."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTextEdit,
    QWidget,
)

import desktop.ui
from desktop.chat.state import Notice
from desktop.i18n import set_language
from desktop.store.records import StoredAttachment
from desktop.ui.dialogs.base import Dialog
from desktop.ui.dialogs.doctor import DoctorDialog
from desktop.ui.style.theme import themes
from desktop.ui.transcript import TranscriptView
from desktop.ui.window.attachments import AttachmentChip
from desktop.ui.window.main_window import MainWindow
from tests.desktop.ui.test_doctor import SPOILED, Prepared
from tests.support.sizes import dialogs as dialogs_but_doctor

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
)
# Shown by the pointer only, or doubled by a key: the search field's Esc, the transcript's End.
BY_POINTER_ONLY = {"to-end", "clear-search"}


def controls(root: QWidget) -> list[QWidget]:
    return [
        widget
        for widget in root.findChildren(QWidget)
        if isinstance(widget, CONTROLS)
        and not isinstance(widget, QScrollBar)
        and not (isinstance(widget, QLineEdit) and isinstance(widget.parent(), QAbstractSpinBox))
        and not widget.objectName().startswith("qt_")
    ]


def described(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.objectName()!r} in {type(widget.parent()).__name__}"


@pytest.fixture
def window(qtbot, controller, settings):
    controller.add("first", texts=("question", "answer"))
    window = MainWindow(controller, settings)
    qtbot.addWidget(window)
    controller.make_ready()
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: window.pages.currentWidget() is not None)
    controller.conversations.open(1)
    controller.notice.emit(Notice("engine_gave_up", "bad", {"message": "x"}, ("restart_engine",), "engine"))
    QTest.qWait(10)
    return window


def dialogs(settings) -> list[QDialog]:
    return [*dialogs_but_doctor(settings), DoctorDialog(examination=Prepared(SPOILED))]


def test_no_dialog_is_forgotten(settings, qtbot):
    for module in pkgutil.walk_packages(desktop.ui.__path__, "desktop.ui."):
        importlib.import_module(module.name)
    shown = dialogs(settings)
    for dialog in shown:
        qtbot.addWidget(dialog)
    known = {type(dialog) for dialog in shown}
    assert {
        c for c in _all_subclasses(Dialog) if c.__module__.startswith("desktop.") and not c.__subclasses__()
    } <= known


def _all_subclasses(cls: type) -> set[type]:
    return {one for direct in cls.__subclasses__() for one in (direct, *_all_subclasses(direct))}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_control_has_a_name(window, settings, qtbot, language):
    set_language(language)
    QTest.qWait(10)
    for root in (window, *dialogs(settings)):
        if root is not window:
            qtbot.addWidget(root)
        for control in controls(root):
            spoken = QAccessible.queryAccessibleInterface(control).text(QAccessible.Text.Name)
            assert spoken.strip(), described(control)


def test_every_dialog_has_a_name(settings, qtbot):
    for dialog in dialogs(settings):
        qtbot.addWidget(dialog)
        assert dialog.accessibleName()
        assert dialog.windowTitle().endswith("ChatBELLE")


def walk(window: QWidget, start: QWidget, limit: int = 80) -> list[QWidget]:
    """Where Tab leads, once round."""
    start.setFocus()
    seen: list[QWidget] = []
    while QApplication.focusWidget() not in seen and len(seen) < limit:
        seen.append(QApplication.focusWidget())
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    return seen


def test_tab_reaches_every_visible_control_of_the_window(window):
    reached = walk(window, window.composer.editor)
    for control in controls(window):
        if control.objectName() in BY_POINTER_ONLY or not control.isVisible() or not control.isEnabled():
            continue
        if window.transcript.isAncestorOf(control) or control is window.transcript:
            continue  # its own tests walk through it
        assert control in reached, described(control)
    assert any(window.transcript.isAncestorOf(widget) for widget in reached)


def test_tab_goes_in_the_order_of_reading(window):
    reached = walk(window, window.sidebar.new_button)
    order = [
        window.sidebar.new_button,
        window.sidebar.search_field,
        window.sidebar.list,
        window.sidebar.settings_button,
        window.sidebar.badge,
        window.header.model_button,
        window.header.more_button,
        window.composer.editor,
    ]
    places = [reached.index(widget) for widget in order]
    assert places == sorted(places)


def is_reached_by_tab(control: QWidget) -> bool:
    """Of a group of radio buttons Tab reaches the chosen one; the arrow keys the others."""
    is_one_of_several = isinstance(control, QAbstractButton) and (control.autoExclusive() or control.group())
    return control.isEnabled() and (not is_one_of_several or control.isChecked())


def test_tab_reaches_every_control_of_the_dialogs(settings, qtbot):
    for dialog in dialogs(settings):
        qtbot.addWidget(dialog)
        with qtbot.waitExposed(dialog):
            dialog.show()
        dialog.activateWindow()
        by_tab = [control for control in controls(dialog) if control.isVisible() and is_reached_by_tab(control)]
        reached = walk(dialog, next(c for c in by_tab if c.focusPolicy() & Qt.FocusPolicy.TabFocus))
        for control in by_tab:
            assert control in reached, (type(dialog).__name__, described(control))
        dialog.hide()


def test_focus_can_be_seen(window):
    for name in ("light", "dark"):
        themes().set_mode(name)
        for control in (window.sidebar.new_button, window.header.more_button, window.sidebar.settings_button):
            control.clearFocus()
            without = control.grab().toImage()
            control.setFocus(Qt.FocusReason.TabFocusReason)
            assert control.grab().toImage() != without, described(control)


def test_banners_are_announced(window, controller, monkeypatch):
    events = []
    monkeypatch.setattr(QAccessible, "updateAccessibility", events.append)
    controller.notice.emit(Notice("disk_full", "bad", {}, (), "disk"))
    assert len(events) == 1
    assert events[0].message().startswith("The disk is full")
    assert events[0].politeness() == QAccessible.AnnouncementPoliteness.Assertive


@pytest.fixture
def spoken(window, monkeypatch) -> list[str]:
    """What a screen reader is told to say, from now on."""
    said: list[str] = []
    monkeypatch.setattr(QAccessible, "updateAccessibility", lambda event: said.append(event.message()))
    return said


def answer(controller, status: str = "complete", text: str = "Rhine, Elbe and Oder."):
    """An answer in many pieces."""
    controller.busy_changed.emit(True)
    message = controller.begin_answer()
    for word in text.split():
        controller.answer_text.emit(message.id, word + " ")
    controller.message_updated.emit(replace(message, text=text, status=status))
    controller.busy_changed.emit(False)


def test_an_answer_is_announced_twice_and_not_for_every_word(controller, spoken):
    answer(controller)
    assert spoken == ["The answer begins.", "The answer is finished: Rhine, Elbe and Oder."]


@pytest.mark.parametrize(
    ("status", "said"),
    [("stopped", "was stopped"), ("error", "broke off"), ("interrupted", "interrupted"), ("length", "length limit")],
)
def test_how_an_answer_ended_is_announced(controller, spoken, status, said):
    answer(controller, status)
    assert said in spoken[-1]
    set_language("zh_CN")
    answer(controller, status)
    assert "answer" not in spoken[-1]


def test_a_long_answer_is_not_read_out_as_a_whole(controller, spoken):
    answer(controller, text="word " * 5000)
    assert len(spoken[-1]) < 500


@pytest.mark.parametrize("text", ["BELLE 是" + "一个开放的语言模型，" * 100, "word " * 5000, "x" * 900])
def test_a_long_answer_is_read_out_nearly_to_the_limit_with_or_without_spaces(controller, spoken, text):
    answer(controller, text=text)
    assert 350 < len(spoken[-1]) < 450
    assert spoken[-1].endswith("…")


def test_a_question_without_an_answer_is_announced(controller, spoken):
    controller.busy_changed.emit(True)
    controller.busy_changed.emit(False)
    assert spoken[-1] == "There is no answer."


def test_another_conversation_that_is_being_answered_does_not_begin_when_it_is_opened(window, controller, spoken):
    second = controller.add("second", texts=("question",))
    controller.busy_changed.emit(True)
    controller.conversations.open(second)
    spoken.clear()
    controller.busy_changed.emit(False)
    assert spoken == []


def accessible(interface: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    """An interface and all that is visible below it, in the order in which a screen reader goes through them."""
    if interface.state().invisible:
        return
    yield interface
    for index in range(interface.childCount()):
        if (child := interface.child(index)) is not None:
            yield from accessible(child)


GENERIC = {QAccessible.Role.NoRole, QAccessible.Role.Client, QAccessible.Role.Pane}


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_whatever_takes_the_keyboard_has_a_name_and_a_role(window, controller, settings, qtbot, language):
    set_language(language)
    controller.begin_answer("An answer ![image](https://a.b) with `code`")
    window.sidebar.search_field.setText("answer")
    QTest.qWait(300)
    for root in (window, *dialogs(settings)):
        if root is not window:
            qtbot.addWidget(root)
            root.show()
        for interface in accessible(QAccessible.queryAccessibleInterface(root)):
            if not interface.state().focusable:
                continue
            name, role = interface.text(QAccessible.Text.Name), interface.role()
            assert name.strip(), (type(root).__name__, role, interface.object())
            assert role not in GENERIC, (name, role)
        if root is not window:
            root.hide()


def role(widget: QWidget) -> QAccessible.Role:
    return QAccessible.queryAccessibleInterface(widget).role()


def test_the_conversation_is_a_document_with_a_list_of_messages(window, controller):
    transcript = QAccessible.queryAccessibleInterface(window.transcript)
    assert (transcript.role(), transcript.text(QAccessible.Text.Name)) == (QAccessible.Role.Document, "Conversation")
    lists = [item for item in accessible(transcript) if item.role() == QAccessible.Role.List]
    assert [item.text(QAccessible.Text.Name) for item in lists] == ["Messages"]
    messages = [item for item in accessible(lists[0]) if item.role() == QAccessible.Role.ListItem]
    assert [item.text(QAccessible.Text.Name) for item in messages] == ["You", "Answer"]
    assert all(item.parent().object() is lists[0].object() for item in messages)
    texts = [item for item in accessible(messages[1]) if item.role() == QAccessible.Role.StaticText]
    assert texts[0].text(QAccessible.Text.Value).strip() == "answer"
    controller.begin_answer("another")
    messages = [item for item in accessible(lists[0]) if item.role() == QAccessible.Role.ListItem]
    assert [item.text(QAccessible.Text.Name) for item in messages] == ["You", "Answer", "Answer"]


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        ("bad", QAccessible.Role.AlertMessage),
        ("warn", QAccessible.Role.AlertMessage),
        ("info", QAccessible.Role.Notification),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_a_banner_is_an_alert_or_a_notification_that_says_its_text(window, controller, level, wanted, language):
    set_language(language)
    controller.notice.emit(Notice("disk_full", level, {}, (), "disk"))
    banner = window.banners.banner("disk")
    interface = QAccessible.queryAccessibleInterface(banner)
    assert role(banner) == wanted
    assert interface.text(QAccessible.Text.Name) == banner.spoken()
    assert role(window.banners) == QAccessible.Role.Grouping
    assert window.banners.accessibleName()


def test_header_and_status_line_are_what_they_are(window):
    for part, wanted in ((window.header, QAccessible.Role.ToolBar), (window.status, QAccessible.Role.StatusBar)):
        assert role(part) == wanted
        assert part.accessibleName()


def test_what_a_question_waits_for_is_announced_once(controller, spoken):
    controller.waiting_changed.emit("loading")
    controller.waiting_changed.emit("loading")
    controller.waiting_changed.emit("")
    controller.waiting_changed.emit("template")
    assert len(spoken) == 2
    assert "still loading" in spoken[0] and "template" in spoken[1]


def test_what_was_copied_or_attached_is_announced(window, controller, spoken):
    window.window_actions.by_id["copy_last"].trigger()
    assert spoken == ["Copied"]
    attachments = window.window_actions.attachments
    attachments.attach(["/x/notes.md"])
    controller.attaching.added.emit(1, StoredAttachment("notes.md", 12, "text"))
    assert spoken[1:] == ["Attached: notes.md"]
    (chip,) = window.findChildren(AttachmentChip)
    assert role(chip) == QAccessible.Role.Grouping
    assert chip.accessibleName().startswith("notes.md")


def test_reader_mode_says_how_to_come_back(window, spoken):
    window.window_actions.by_id["reader"].trigger()
    assert spoken == ["Reader mode. Escape leads back."]


def test_messages_are_read_in_their_order(window, controller):
    controller.conversations.open(controller.add("long", texts=tuple(f"text {number}" for number in range(40))))
    bar = window.transcript.verticalScrollBar()
    for place in (bar.maximum(), 0, bar.maximum() // 2):  # widgets are made in another order each time
        bar.setValue(place)
        QTest.qWait(60)
        read = [
            int(interface.text(QAccessible.Text.Value).split()[1])
            for interface in accessible(QAccessible.queryAccessibleInterface(window.transcript))
            if interface.role() == QAccessible.Role.StaticText and "text " in interface.text(QAccessible.Text.Value)
        ]
        assert len(read) > 3
        assert read == sorted(read)


@pytest.fixture
def mirrored(qapp) -> Iterator[None]:
    """Everything runs from right to left, as in an Arabic or Hebrew desktop."""
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    yield
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


LONG = "x = " + "1 + " * 90 + "1"
MIXED = (
    f"Left to right.\n\nالمطر ماء يسقط.\n\n```py\n{LONG}\n```\n\n- a list\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> `q`"
)


def picture_of_text(controller, qtbot) -> QImage:
    """What a transcript that is made now shows of `MIXED`."""
    view = TranscriptView()
    qtbot.addWidget(view)
    view.resize(900, 700)
    view.show()
    answer = controller.message(1, "assistant", MIXED)
    view.set_path([answer])
    text = view.message_widget(answer.id).text
    qtbot.waitUntil(lambda: not text.coloring.busy)
    for button in text.code_buttons():
        button.hide()  # their icon and words are mirrored
    QTest.qWait(30)
    return text.grab().toImage()


def test_text_runs_as_its_own_letters_say_in_a_mirrored_window_too(controller, qapp, qtbot):
    usual = picture_of_text(controller, qtbot)
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    try:
        assert picture_of_text(controller, qtbot) == usual
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


@pytest.mark.parametrize("size", [(720, 400), (1100, 700)])
def test_in_a_mirrored_window_nothing_is_beside_it(mirrored, window, controller, size):
    window.resize(*size)
    conversation = controller.add("mixed", texts=("أين؟", MIXED))
    controller.conversations.open(conversation)
    QTest.qWait(50)
    for control in controls(window):
        if control.isVisible() and not window.transcript.isAncestorOf(control):
            place = control.mapTo(window, QPoint())
            inside = window.rect().adjusted(-1, 0, 1, 0)  # Qt mirrors a splitter with one pixel too much
            assert inside.contains(control.rect().translated(place)), described(control)
    text = window.transcript.message_widget(controller.paths[conversation][-1].id).text
    for part in (text, *text.code_buttons()):
        left = part.mapTo(window.transcript.viewport(), QPoint()).x()
        assert 0 <= left < left + part.width() <= window.transcript.viewport().width(), described(part)


@pytest.mark.parametrize("direction", [Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft])
def test_marks_are_painted_where_reading_begins(window, direction):
    window.setLayoutDirection(direction)
    QTest.qWait(20)
    marks = ((window.sidebar.badge, "good"), (window.banners.banner("engine"), "bad"))
    for widget, color in marks:
        image, wanted = widget.grab().toImage(), themes().current.color(color).name()
        columns = [
            x for x in range(image.width()) for y in range(image.height()) if image.pixelColor(x, y).name() == wanted
        ]
        mark = columns[0] if direction == Qt.LayoutDirection.LeftToRight else columns[-1]
        assert (mark < image.width() / 2) == (direction == Qt.LayoutDirection.LeftToRight), widget
