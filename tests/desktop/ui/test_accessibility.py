"""Every control has an accessible name and can be reached by the keyboard; found by walking the widgets."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTextEdit,
    QWidget,
)

from belle.errors import KnownError
from desktop.chat.state import ContextUsage, ModelChoice, Notice
from desktop.i18n import set_language
from desktop.ui.dialogs.about import AboutDialog
from desktop.ui.dialogs.context import ContextDialog
from desktop.ui.dialogs.model_info import ModelInfoDialog
from desktop.ui.dialogs.offline import OfflineDialog
from desktop.ui.dialogs.settings import SettingsDialog
from desktop.ui.dialogs.shortcuts import ShortcutsDialog
from desktop.ui.dialogs.store_fault import CopyToRestore, StoreFaultDialog
from desktop.ui.dialogs.summary import SummaryDialog
from desktop.ui.dialogs.system_prompt import SystemPromptDialog
from desktop.ui.dialogs.template import TemplateDialog
from desktop.ui.dialogs.unsaved import UnsavedDialog
from desktop.ui.style.theme import themes
from desktop.ui.window.main_window import MainWindow

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
    controller.open_conversation(1)
    controller.notice.emit(Notice("engine_gave_up", "bad", {"message": "x"}, ("restart_engine",), "engine"))
    QTest.qWait(10)
    return window


FAULT = KnownError("damaged", "It is damaged.", "Put a copy back.", path="/x/c.sqlite3")


def dialogs(settings) -> list[QWidget]:
    choice = ModelChoice("belle", "BELLE-7B", "about 5 GB", "not_installed", "belle")
    return [
        SettingsDialog(settings),
        ShortcutsDialog(),
        AboutDialog(),
        SystemPromptDialog(""),
        ContextDialog("summarise", ContextUsage(812, 4096, 120), has_summary=True),
        SummaryDialog("They spoke of rain."),
        TemplateDialog("a.gguf", "gguf"),
        ModelInfoDialog(choice),
        OfflineDialog(),
        StoreFaultDialog(FAULT, copies=[CopyToRestore(Path("a"), 1.7e9, before_update=True)], may_open=True),
        UnsavedDialog(),
    ]


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


def test_tab_reaches_every_control_of_the_dialogs(settings, qtbot):
    for dialog in dialogs(settings):
        qtbot.addWidget(dialog)
        with qtbot.waitExposed(dialog):
            dialog.show()
        dialog.activateWindow()
        first = next(c for c in controls(dialog) if c.isVisible() and c.focusPolicy() & Qt.FocusPolicy.TabFocus)
        reached = walk(dialog, first)
        for control in controls(dialog):
            if not control.isVisible() or not control.isEnabled():
                continue
            # Of a group of radio buttons Tab reaches the chosen one; the arrow keys the others.
            if isinstance(control, QAbstractButton) and control.autoExclusive() and not control.isChecked():
                continue
            if isinstance(control, QAbstractButton) and control.group() and not control.isChecked():
                continue
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
