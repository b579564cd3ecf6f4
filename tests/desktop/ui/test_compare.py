"""The window that compares two models: marks, navigation, and the order in which they answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from desktop.compare.comparison import ComparisonResult
from desktop.compare.differences import differences
from desktop.compare.model_run import ModelRunState
from desktop.i18n import set_language
from desktop.settings import Settings
from desktop.ui.compare.dialog import CompareDialog
from desktop.ui.style.theme import theme, themes
from tests.support.library import QuietLibrary, compare_dialog

LEFT = "😀 It is\r\na 春雨 day in the old town. 😀"
RIGHT = "😀 It is an 秋雨 day in the town, too. 😀"


@pytest.fixture
def dialog(settings: Settings, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[CompareDialog]:
    entry = next(one for one in QuietLibrary(settings).entries() if one.ref == "starter")
    shown = compare_dialog(entry, settings)
    shown.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(shown)
    shown.show()
    states = {"left": ModelRunState("done", text=LEFT), "right": ModelRunState("done", text=RIGHT)}
    monkeypatch.setattr(shown.comparison, "state", states.__getitem__)
    for side in states:
        shown.comparison.changed.emit(side)
    shown.comparison.compared.emit(ComparisonResult(tuple(differences(LEFT, RIGHT)), None))
    yield shown
    set_language("en")


def marked(dialog: CompareDialog, side: str) -> str:
    document = dialog.columns[side].text.document()
    cursor, parts = QTextCursor(document), []
    for at in range(document.characterCount() - 1):
        cursor.setPosition(at)
        cursor.setPosition(at + 1, QTextCursor.MoveMode.KeepAnchor)
        character = cursor.selectedText()
        # At the beginning of a line Qt tells the format of its first character.
        is_marked = cursor.charFormat().fontUnderline() and character != "\u2029"
        parts.append(character if is_marked else "_")
    return "".join(parts)


def test_the_words_that_differ_are_underlined_behind_emoji_and_line_breaks_of_every_kind(dialog: CompareDialog) -> None:
    assert [part for part in marked(dialog, "left").split("_") if part] == ["a 春", "old"]
    assert [part for part in marked(dialog, "right").split("_") if part] == ["an 秋", ", too"]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_mark_can_be_read_in_both_themes(dialog: CompareDialog, mode: str) -> None:
    themes().apply(mode, 1.0)  # type: ignore[arg-type]
    themes().changed.emit()
    text = dialog.columns["left"].text
    cursor = text.textCursor()
    cursor.setPosition(LEFT.index("春") + 1)  # an emoji takes two positions, a line break of two characters one
    style = cursor.charFormat()
    assert style.fontUnderline()
    assert style.background().color() == theme().color("violet-soft")
    assert style.foreground().color() == theme().color("ink"), "a pair of the theme that has the contrast"


def test_each_difference_is_selected_in_both_answers_and_announced(
    dialog: CompareDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("desktop.ui.compare.dialog.announce", lambda widget, text, urgent=False: said.append(text))
    selected = []
    for _ in differences(LEFT, RIGHT):
        dialog.next_button.click()
        selected.append([dialog.columns[side].text.textCursor().selectedText() for side in ("left", "right")])
    assert selected == [["a 春", "an 秋"], ["old", ""], ["", ", too"]]
    assert said[0] == "Differs: on the left a 春, on the right an 秋."
    assert said[1] == "Differs: on the left old, on the right nothing."
    dialog.next_button.click()
    assert said[-1] == said[0]
    dialog.previous_button.click()
    assert said[-1] == said[-3]


def test_where_both_do_not_fit_one_answers_after_the_other_and_it_is_said(dialog: CompareDialog) -> None:
    assert dialog.order_choice.value() == "in_turn"
    assert not dialog.order_choice.button("together").isEnabled()
    assert "do not fit at once: they need 12.9 GB of memory, and 8.6 GB are free" in dialog._fit.text().replace(
        "\u200b", ""
    )
    set_language("zh_CN")
    QTest.qWait(10)
    assert "先后回答" in dialog._fit.text().replace("\u200b", "")


def test_a_screen_reader_hears_that_an_answer_differs(dialog: CompareDialog) -> None:
    interface = QAccessible.queryAccessibleInterface(dialog.columns["left"].text)
    assert interface.text(QAccessible.Text.Name) == "Answer on the left"
    assert "places differ" in interface.text(QAccessible.Text.Description)


def test_another_language_leaves_the_marks_and_offers_no_answer_again_that_was_kept(dialog: CompareDialog) -> None:
    before = marked(dialog, "left")
    dialog.show_kept("left", 1)
    set_language("zh_CN")
    QTest.qWait(10)
    assert marked(dialog, "left") == before
    assert not dialog.columns["left"].keep_button.isEnabled()
    assert dialog.columns["right"].keep_button.isEnabled()
