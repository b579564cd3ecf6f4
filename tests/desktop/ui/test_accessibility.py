"""Every control has an accessible name and can be reached by the keyboard; found by walking the widgets."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QWidget

import desktop.ui
from desktop.chat.state import Notice
from desktop.i18n import set_language
from desktop.ui.dialogs.base import Dialog
from desktop.ui.dialogs.doctor import DoctorDialog
from desktop.ui.style.theme import themes
from tests.desktop.ui.test_doctor import SPOILED, Prepared
from tests.support.controls import controls, described, role
from tests.support.sizes import dialogs as dialogs_but_doctor

# Shown by the pointer only, or doubled by a key: the search field's Esc, the transcript's End.
BY_POINTER_ONLY = {"to-end", "clear-search"}


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
