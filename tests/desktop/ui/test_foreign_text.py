"""The window shows any name of a model, file or conversation as it is; Qt reads no HTML or mnemonic into it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QToolTip, QWidget

import desktop
from desktop.chat.state import ModelChoice, ModelState, Notice
from desktop.ui.foreign_text import breakable, caption, plain, show_tooltip
from desktop.ui.library.asking import GetDialog
from desktop.ui.library.line import ModelLine
from desktop.ui.style.theme import theme
from desktop.ui.window.banner import BannerStack
from desktop.ui.window.main_window import MainWindow
from desktop.ui.window.menus import fill_model_menu
from tests.support.fake_controller import STARTER_INFO, FakeController
from tests.support.library import hostile_entry

might_be_rich_text = GuiQt.mightBeRichText
HOSTILE = '<img src="/etc/hostname"> & <b>bold</b>'


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "<b>x</b>",
        "a <br/> b",
        "<!-- x --> <i>y</i>",
        '<?xml version="1.0"?><p>x</p>',
        "<\n<b>x</b>",
        "  <a href='file:///x'>y</a>",
        "<img src=/x\n",
        "line\n<table><tr><td>",
        "<" * 50 + "b>x",
    ],
)
def test_no_tooltip_is_rich_text(text: str) -> None:
    shown = plain(text)
    assert not might_be_rich_text(shown)
    assert shown.replace("\u2060", "") == text


def test_ordinary_text_is_shown_as_it_is() -> None:
    for text in ("", "SmolLM2 135M", "a < b", "two\nlines", "名字"):
        assert plain(text) == text


def test_a_tooltip_is_not_larger_than_a_page() -> None:
    for text in ("a" * 100_000, "word " * 20_000, "x\n" * 5000, "字" * 50_000):
        lines = plain(text).split("\n")
        assert len(lines) <= 12
        assert max(map(len, lines)) <= 90


def test_a_caption_is_one_short_line_with_every_sign_of_it() -> None:
    assert caption("R&D\nmodel") == "R&&D model"
    assert len(caption("a" * 100_000)) == 60


def test_a_tooltip_that_is_shown_at_once_is_plain_too(qtbot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    show_tooltip(QPoint(5, 5), HOSTILE, widget)
    assert not might_be_rich_text(QToolTip.text())
    QToolTip.hideText()


def test_every_tooltip_is_set_in_one_place() -> None:
    root = Path(next(iter(desktop.__path__)))
    calls = re.compile(r"\.setToolTip\(|QToolTip\.showText\(")
    callers = {path.name for path in root.rglob("*.py") if calls.search(path.read_text(encoding="utf-8"))}
    assert callers == {"foreign_text.py"}


def assert_plain(root: QWidget) -> None:
    for widget in [root, *root.findChildren(QWidget)]:
        assert not might_be_rich_text(widget.toolTip()), (widget, widget.toolTip())
        if isinstance(widget, QLabel) and widget.text():
            rich = widget.textFormat() in (Qt.TextFormat.RichText, Qt.TextFormat.MarkdownText)
            automatic = widget.textFormat() == Qt.TextFormat.AutoText
            assert not rich and not (automatic and might_be_rich_text(widget.text())), widget.text()
    for document in root.findChildren(QTextDocument):
        assert not any("src" in form.stringProperty(form.Property.ImageName.value) for form in document.allFormats())


@pytest.fixture
def hostile_window(qtbot, settings) -> MainWindow:
    controller = FakeController()
    number = controller.add(HOSTILE, texts=(HOSTILE, HOSTILE))
    controller.paths[number] = [
        replace(message, model=HOSTILE, stats={"tokens_per_s": 3.0, "completion_tokens": 2})
        for message in controller.paths[number]
    ]
    controller.choices = [ModelChoice("x", HOSTILE, HOSTILE, "installed", "file", HOSTILE)]
    window = MainWindow(controller, settings)
    qtbot.addWidget(window)
    window.resize(900, 600)
    window.show()
    qtbot.waitExposed(window)
    controller.conversations.open(number)
    info = replace(STARTER_INFO, name=HOSTILE, path=f"/tmp/{HOSTILE}", license=HOSTILE, template=HOSTILE)
    controller.make_ready(ModelState("ready", HOSTILE, 1.0, info))
    controller.notice.emit(Notice("damaged_file", "bad", {"path": HOSTILE, "message": HOSTILE}, (), "model"))
    QApplication.processEvents()
    return window


def test_hostile_names_are_text_everywhere_in_the_window(hostile_window) -> None:
    assert_plain(hostile_window)
    message = hostile_window.transcript.messages()[-1]
    hostile_window.transcript.message_widget(message.id).set_active(True)
    assert_plain(hostile_window)


def test_hostile_names_are_text_in_the_menu_and_dialogs(hostile_window, settings, qtbot) -> None:
    menu = QMenu(hostile_window)
    choices = hostile_window.controller.models.choices()
    opens = hostile_window.window_actions.by_id["open_model"]
    fill_model_menu(menu, choices, current="", choose=lambda _: None, open_file=opens)
    assert any("&&" in action.text() for action in menu.actions())
    tips = [action.toolTip() for action in menu.actions() if action.toolTip() != action.text()]
    assert not any(map(might_be_rich_text, tips))
    dialog = GetDialog(hostile_entry(HOSTILE), settings, hostile_window)
    line = ModelLine(hostile_entry(HOSTILE))
    for widget in (dialog, line):
        qtbot.addWidget(widget)
        assert_plain(widget)


@pytest.mark.parametrize("run", ["L" * 3000, "/very" + "/long" * 200, "Apache_2.0-" * 80, "한" * 200, "e\u0301" * 300])
def test_a_long_unbroken_text_wraps_in_the_dialog_and_in_a_banner(qtbot, settings, run: str) -> None:
    dialog = GetDialog(hostile_entry(run), settings)
    banner = BannerStack()
    for widget in (dialog, banner):
        qtbot.addWidget(widget)
        widget.show()
    banner.show_notice(Notice("comet", "bad", {"message": f"Not read: {run}."}))
    QApplication.processEvents()
    assert dialog.area.horizontalScrollBar().maximum() == 0
    assert dialog.heading.width() >= dialog.heading.minimumSizeHint().width()
    assert banner.minimumSizeHint().width() < theme().px(400)
    assert run in banner.banner("comet").spoken()


@given(st.text(alphabet="ab/ \n字e\u0301", max_size=120))
def test_breaks_are_all_that_is_added(text: str) -> None:
    assert breakable(text).replace("\u200b", "") == text
    assert breakable(text[:24]) == text[:24]
