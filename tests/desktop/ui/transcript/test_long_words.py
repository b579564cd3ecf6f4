"""A word as long as a book is laid out quickly, and is copied, marked, coloured and edited as it is in the source."""

from __future__ import annotations

import time
from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, QMimeData
from PySide6.QtGui import QGuiApplication, QTextCursor, QTextDocument, QTextOption
from PySide6.QtWidgets import QWidget

from desktop.ui.breaks import BREAK, EVERY, FIRST, LATITUDE
from desktop.ui.style.theme import theme
from desktop.ui.transcript.document import code_lines
from desktop.ui.transcript.document.render import DocumentRenderer
from desktop.ui.transcript.document.style import Style
from desktop.ui.transcript.markdown.blocks import Code, Line, Span, Table
from desktop.ui.window.composer import Composer
from tests.desktop.ui.transcript.conftest import idle

WORD = "abcdefghij" * 60
CONTEXTS = {
    "a question": ("user", "{word}"),
    "an answer": ("assistant", "see {word} there"),
    "inline code": ("assistant", "see `{word}` there"),
    "an address": ("assistant", "see https://a.b/{word} there"),
    "a list": ("assistant", "- {word}\n"),
    "a block of code": ("assistant", "```py\nx = '{word}'\n```\n"),
    "a table": ("assistant", "| a | b |\n|---|---|\n| {word} | c |\n"),
    "a heading": ("assistant", "# {word}\n"),
}


def longest_run(document: QTextDocument) -> int:
    longest, block = 0, document.firstBlock()
    while block.isValid():
        words = block.text().replace("/", BREAK).replace("'", " ").replace(BREAK, " ").split(" ")
        longest = max(longest, *map(len, words))
        block = block.next()
    return longest


@pytest.mark.parametrize("context", sorted(CONTEXTS.keys() - {"a block of code"}))
def test_whatever_is_wrapped_has_break_opportunities(view, message, context: str) -> None:
    role, text = CONTEXTS[context]
    view.set_path([message(text.format(word=WORD), role, id=1)])
    shown = view.message_widget(1).text
    assert WORD not in shown.document().toPlainText()
    assert longest_run(shown.document()) <= FIRST + LATITUDE + EVERY


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_word_is_selected_and_copied_without_breaks(view, message, context: str) -> None:
    role, text = CONTEXTS[context]
    view.set_path([message(text.format(word=WORD), role, id=1)])
    shown = view.message_widget(1).text
    shown.selectAll()
    shown.copy()
    assert WORD in shown.selection()
    assert QGuiApplication.clipboard().text() == shown.selection()
    assert BREAK not in shown.selection()


def test_zero_width_spaces_of_the_text_itself_are_copied(view, message) -> None:
    text = f"ភាសា{BREAK}ខ្មែរ{BREAK}{BREAK}x " + "y" * 300
    view.set_path([message(text, id=1)])
    shown = view.message_widget(1).text
    shown.selectAll()
    assert shown.selection() == text


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_word_that_runs_over_a_break_is_found(view, message, context: str) -> None:
    role, text = CONTEXTS[context]
    view.set_path([message(text.format(word="a" * 90 + "Needle" * 20), role, id=1)])
    shown = view.message_widget(1).text
    assert shown.marks.mark(["needleneedle"]) is not None
    marked = [s.cursor.selectedText().replace(BREAK, "") for s in shown.extraSelections()]
    assert marked == ["NeedleNeedle"] * 10


def test_the_words_of_a_long_line_of_code_have_their_colours(view, message, qtbot) -> None:
    code = f"x = '{WORD}é🎉'; y = 'good'"
    view.set_path([message(f"```py\n{code}\n```\n", id=1)])
    shown = view.message_widget(1).text
    qtbot.waitUntil(lambda: not shown.coloring.busy, timeout=10_000)
    block = shown.document().firstBlock()
    units = block.text().encode("utf-16-le")
    coloured = [
        units[r.start * 2 : (r.start + r.length) * 2].decode("utf-16-le").replace(BREAK, "")
        for r in block.layout().formats()
    ]
    assert f"'{WORD}é🎉'" in coloured
    assert "'good'" in coloured


def test_the_copy_button_of_code_gives_the_code(view, message) -> None:
    view.set_path([message(f"```\n{WORD}\n```\n", id=1)])
    view.message_widget(1).text.code_buttons()[0].click()
    assert QGuiApplication.clipboard().text() == WORD


SPANS = st.lists(st.builds(Span, st.text(alphabet="aé中 \u200b", max_size=80), bold=st.booleans()), max_size=5)
LINES = st.builds(lambda spans, marker: Line(tuple(spans), ("item",), marker), SPANS, st.sampled_from(["", "•"]))
CODES = st.builds(Code, st.text(alphabet="aé中 \n\u200b", max_size=300))
TABLES = st.builds(
    lambda a, b: Table(("left",), (((Span(a),),), ((Span(b),),))), st.text("ab", max_size=200), st.text("ab ")
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(LINES, CODES, TABLES), min_size=1, max_size=3), st.data())
def test_a_text_that_grows_is_laid_out_as_the_whole(qapp, blocks, data) -> None:
    with patch.object(code_lines, "PIECE", 40):
        grow(blocks, data)


def grow(blocks, data) -> None:
    whole, grown = QTextDocument(), QTextDocument()
    DocumentRenderer(whole, Style(theme(), chinese=False)).show(blocks)
    renderer = DocumentRenderer(grown, Style(theme(), chinese=False))
    last = blocks[-1]
    if isinstance(last, Code):
        cut = replace(last, text=last.text[: data.draw(st.integers(0, len(last.text)))])
    elif isinstance(last, Line):
        cut = replace(last, spans=last.spans[: data.draw(st.integers(0, len(last.spans)))])
    else:
        cut = last
    renderer.show([*blocks[:-1], cut])
    renderer.show(blocks, len(blocks) - 1)
    assert grown.toPlainText() == whole.toPlainText()
    if isinstance(last, Code):
        renderer.show([*blocks[:-1], cut], len(blocks) - 1)
        renderer.show(blocks, len(blocks) - 1)
        assert grown.toPlainText() == whole.toPlainText()


def test_the_composer_wraps_anywhere_only_while_it_has_a_very_long_word(qtbot) -> None:
    composer = Composer()
    qtbot.addWidget(composer)
    editor, anywhere = composer.editor, QTextOption.WrapMode.WrapAnywhere
    usual = editor.wordWrapMode()
    editor.insertPlainText("some words ")
    assert editor.wordWrapMode() == usual != anywhere
    pasted = QMimeData()
    pasted.setText(WORD)
    editor.insertFromMimeData(pasted)
    assert editor.wordWrapMode() == anywhere
    assert composer.text() == "some words " + WORD
    editor.undo()
    assert editor.wordWrapMode() == usual
    editor.moveCursor(QTextCursor.MoveOperation.End)
    for _ in range(FIRST + 1):
        editor.insertPlainText("x")
    assert editor.wordWrapMode() == anywhere


def test_a_hundred_thousand_letters_are_pasted_shown_edited_and_streamed_quickly(qtbot, view, message) -> None:
    letters = "a" * 100_000
    composer = Composer()
    qtbot.addWidget(composer)
    composer.resize(700, 200)
    composer.show()
    pasted = QMimeData()
    pasted.setText(letters)
    answer = message("", status="streaming", id=2)

    def open_editor() -> QWidget:
        view.message_widget(1).edit()
        return view.message_widget(1)

    for step in (
        lambda: composer.editor.insertFromMimeData(pasted),
        lambda: view.set_path([message(letters, "user", id=1)]),
        open_editor,
        lambda: view.set_path([message("?", "user", id=3), answer]),
        lambda: (view.append_text(2, letters * 2), view.messages()),
        lambda: view.set_path([message(f"```\n{letters}\n```", id=4)]),
        lambda: view.set_path([message(f"|a|b|\n|-|-|\n|{letters}|c|\n", id=5)]),
    ):
        started = time.thread_time()
        step()
        QCoreApplication.processEvents()
        # A generous limit: without break opportunities it takes minutes.
        assert time.thread_time() - started < 3
    idle(qtbot)
