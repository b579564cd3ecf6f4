"""A text is found in the open conversation, occurrence by occurrence, round and round."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint

from desktop.ui.transcript.finder import Finder, Found
from tests.desktop.ui.transcript.conftest import idle


@pytest.fixture
def finder(view) -> Finder:
    return Finder(view)


def current(view) -> tuple[int, int] | None:
    """(message id, position) of the occurrence that is shown: the one in another colour than the others."""
    for row in view._rows.rows:
        selections = row.widget.text.extraSelections() if row.widget else []
        colors = [selection.format.background().color().name() for selection in selections]
        for selection, color in zip(selections, colors, strict=True):
            if colors.count(color) == 1 and color != "#9a6200":
                return row.message.id, selection.cursor.selectionStart()
    return None


def test_occurrences_are_visited_in_their_order_and_round_again(view, message, finder) -> None:
    view.set_path([message("rain and RAIN", "user"), message("nothing"), message("some rain")])
    assert finder.start("rain") == Found(1, 2)
    places = [current(view)]
    for _ in range(3):
        finder.step(1)
        places.append(current(view))
    assert places == [(1, 0), (1, 9), (3, 5), (1, 0)]
    for wanted in ((3, 5), (1, 9), (1, 0), (3, 5)):
        finder.step(-1)
        assert current(view) == wanted


@pytest.mark.parametrize("query", ["雨", "春雨", "Öl", "a + b", "(x)", "\\", "x*"])
def test_any_text_is_found_as_it_is_written(view, message, finder, query: str) -> None:
    view.set_path([message("other", "user"), message(f"春天，{query} and", "user")])
    assert finder.start(query.upper()) == Found(1, 1)
    assert current(view) == (2, 3)


@pytest.mark.parametrize("query", ["absent", "example.org", "**", "x" * 5000])
def test_what_is_not_to_be_seen_is_not_found(view, message, finder, query: str) -> None:
    view.set_path([message("a **bold** [word](https://example.org/a)")])
    assert finder.start(query) == Found(0, 0)
    assert finder.step(1) == finder.step(-1) == Found(0, 0)
    assert current(view) is None


def test_messages_that_only_have_it_in_an_address_do_not_count(view, message, finder) -> None:
    view.set_path(
        [message("[a](https://rain.org)"), message("rain"), message("[b](https://rain.org)"), message("rain")]
    )
    assert [finder.start("rain"), finder.step(1), finder.step(1)] == [Found(1, 3), Found(2, 2), Found(1, 2)]
    assert [finder.step(-1), finder.step(-1)] == [Found(2, 2), Found(1, 2)]


def test_an_occurrence_far_away_is_scrolled_to(view, message, finder, qtbot) -> None:
    view.set_path([message(f"message {n} " + "word " * 200) for n in range(60)])
    view.scroll_to_message(10)
    assert finder.start("message 3 ") == Found(1, 1)
    idle(qtbot)
    widget = view.message_widget(4)
    assert 0 <= widget.mapTo(view.viewport(), QPoint()).y() < view.viewport().height()
    view.scroll_to_message(30)
    finder.start("message")  # from where one reads, not from the first
    assert current(view)[0] >= 30


def test_folded_text_is_unfolded_and_wide_code_is_scrolled(view, message, finder) -> None:
    view.set_path([message("line\n\n" * 400 + "the needle", "user"), message("```\n" + "x " * 400 + "needle\n```")])
    assert finder.start("needle").messages == 2
    finder.step(1)
    assert current(view)[0] == 2
    (bar,) = view.message_widget(2).text.side_bars()
    assert bar.value() > 0


def test_a_conversation_that_grows_is_searched_as_it_is_now(view, message, finder) -> None:
    view.set_path([message("rain")])
    assert finder.start("rain") == Found(1, 1)
    view.append(message("more rain"))
    assert finder.step(1) == Found(2, 2)
    finder.end()
    assert current(view) is None


def test_nothing_is_found_where_nothing_is_said(view, finder) -> None:
    assert finder.start("rain") == Found()
    assert finder.step(1) == Found()
