"""A person sees what 4 bits cost: two models answer the same question, and the words are marked that differ."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence, QTextCursor

from belle.models.catalog import remember_file
from desktop.ui.compare.column import AnswerColumn
from desktop.ui.compare.dialog import CompareDialog
from tests.desktop.compare.conftest import coarser  # noqa: F401  # a fixture
from tests.support.person import Person
from tests.support.processes import is_running

SIDES = ("left", "right")


@pytest.fixture
def owner(sits_down: Callable[..., Person], coarser: Path) -> Person:  # noqa: F811
    """Somebody with two quantizations of the starter model, and short answers."""
    remember_file(coarser, title="Coarse starter")
    person = sits_down(**{"model/n_ctx": 1024, "sampling/repeat_penalty": 1.0})
    person.wait_ready()
    return person


def dialog_of(person: Person) -> CompareDialog:
    return next(dialog for dialog in person.window.findChildren(CompareDialog) if dialog.isVisible())


def stop_after(person: Person, dialog: CompareDialog, n_tokens: int) -> None:
    """Stop when both answers are that long, or have ended."""
    comparison = dialog.comparison
    with person.qtbot.waitSignal(comparison.compared, timeout=120_000):
        dialog.run_button.click()
        person.wait(
            lambda: all(comparison.state(s).has_ended or len(comparison.run(s).tokens) >= n_tokens for s in SIDES)
        )
        comparison.stop()


def underlined(column: AnswerColumn) -> str:
    """The text of a column that has a line below it."""
    parts, document = [], column.text.document()
    cursor = QTextCursor(document)
    for position in range(document.characterCount() - 1):
        cursor.setPosition(position + 1)
        parts.append(document.characterAt(position) if cursor.charFormat().fontUnderline() else " ")
    return "".join(parts)


def ask_briefly(person: Person, text: str) -> None:
    person.window.composer.set_text(text)  # no key of this keyboard writes Chinese
    person.ask("")
    person.wait_words()
    person.stop()


def test_the_question_s_menu_compares_and_an_answer_is_kept_as_a_version(owner: Person) -> None:
    ask_briefly(owner, "What is the capital of France?")
    question, answer = owner.path
    owner.press(question, "compare")
    dialog = dialog_of(owner)
    assert dialog.question == question.text
    assert dialog.columns["left"].entry.ref == "starter"
    assert dialog.columns["right"].entry.title == "Coarse starter"
    assert dialog.columns["right"].model == "Coarse starter · Q4_0"
    stop_after(owner, dialog, 20)
    left, right = (dialog.comparison.state(side).text for side in SIDES)
    assert {side: dialog.columns[side].text.toPlainText() for side in SIDES} == {"left": left, "right": right}
    marked = underlined(dialog.columns["right"])
    assert bool(marked.strip()) == (left.split() != right.split())
    assert "tokens/s" in dialog.columns["left"].figures.text()
    found = dialog.page()
    assert found is not None
    if found.differences:
        assert dialog.next_button.shortcut() == QKeySequence("F8")
        dialog.next_button.click()
        first = found.differences[0]
        assert dialog.columns["left"].text.textCursor().selectedText() == left[first.left_start : first.left_end]
    dialog.columns["right"].keep_button.click()
    kept = owner.path[-1]
    assert (kept.parent_id, kept.text, kept.model) == (question.id, right, "Coarse starter · Q4_0")
    assert (kept.sibling_index, kept.sibling_count) == (1, 2)
    assert kept.stats["completion_tokens"] > 0
    assert kept.status in ("stopped", "complete")
    assert owner.answer.text == right
    assert not dialog.columns["right"].keep_button.isEnabled()
    owner.press(owner.answer, "previous")
    assert owner.answer.id == answer.id


def test_both_get_the_conversation_so_far_and_a_question_in_chinese(owner: Person) -> None:
    ask_briefly(owner, "My name is Ada.")
    ask_briefly(owner, "用一句话介绍北京。")
    owner.press(owner.path[-1], "compare")
    dialog = dialog_of(owner)
    assert dialog.compared.question_id == owner.path[-2].id
    assert [message.role for message in dialog.compared.request.messages] == ["user", "assistant", "user"]
    dialog.columns["right"].choice.setCurrentIndex(dialog.columns["left"].choice.currentIndex())
    stop_after(owner, dialog, 1)
    left, right = (dialog.comparison.state(side) for side in SIDES)
    assert left.text
    assert right.text
    if left.status == "stopped":
        assert "Stopped" in dialog.columns["left"].figures.text()


def test_from_the_library_on_a_typed_question_which_becomes_a_chat(owner: Person, tmp_path: Path) -> None:
    owner.window.window_actions.dialogs.show_library()
    library = owner.window.window_actions.dialogs
    library.comparisons.compare_model("starter")
    dialog = dialog_of(owner)
    assert not dialog.run_button.isEnabled()
    dialog.columns["right"].choice.setCurrentIndex(dialog.columns["left"].choice.currentIndex())
    dialog.field.setPlainText("Say yes.")
    dialog.order_choice.button("in_turn").click()
    with owner.qtbot.waitSignal(dialog.comparison.compared, timeout=120_000):
        dialog.run_button.click()
    assert dialog.summary.text().startswith("No word differs")
    assert underlined(dialog.columns["left"]).strip() == ""
    assert not dialog.next_button.isEnabled()
    for side in SIDES:
        dialog.columns[side].keep_button.click()
    assert owner.states == [("user", "complete"), ("assistant", "complete")]
    assert owner.path[-1].sibling_count == 2
    assert len(owner.controller.conversations.summaries()) == 1
    for name in ("page.html", "page.md"):
        library.comparisons._export(dialog, tmp_path / name)
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "Say yes." in text
        assert "SmolLM2" in text


def test_what_is_chosen_after_an_answer_is_not_what_it_is_kept_under(owner: Person) -> None:
    owner.window.window_actions.dialogs.comparisons.compare_question()
    dialog = dialog_of(owner)
    left = dialog.columns["left"]
    model = left.model
    dialog.field.setPlainText("Say yes.")
    stop_after(owner, dialog, 1)
    dialog.field.setPlainText("What is two plus two?")
    left.choice.setCurrentIndex(1 - left.choice.currentIndex())
    assert left.figures.text().replace("\u200b", "").startswith(model), "it is said whose answer is shown"
    page = dialog.page()
    assert page is not None
    assert (page.question, page.left.model) == ("Say yes.", model)
    left.keep_button.click()
    question, answer = owner.path
    assert (question.text, answer.model) == ("Say yes.", model)


def test_a_worker_is_killed_in_the_middle_and_the_other_goes_on(owner: Person) -> None:
    ask_briefly(owner, "Say yes.")
    owner.press(owner.path[0], "compare")
    dialog = dialog_of(owner)
    dialog.order_choice.button("together").click()
    dialog.run_button.click()
    owner.wait(lambda: bool(dialog.comparison.state("left").text))
    pid = dialog.comparison.run("left").pid
    assert pid is not None
    with owner.qtbot.waitSignal(dialog.comparison.finished, timeout=120_000):
        os.kill(pid, signal.SIGKILL)
    assert dialog.comparison.state("left").status == "failed"
    assert "ended" in dialog.columns["left"].figures.text()
    assert dialog.comparison.state("right").status == "done"
    dialog.columns["left"].keep_button.click()
    assert owner.path[-1].status == "interrupted"


def test_an_answer_that_cannot_be_kept_while_the_chat_is_answered_is_said_to_be_so(owner: Person) -> None:
    ask_briefly(owner, "Tell me a very long story.")
    owner.press(owner.path[0], "compare")
    dialog = dialog_of(owner)
    stop_after(owner, dialog, 1)
    owner.press(owner.answer, "regenerate")
    dialog.columns["left"].keep_button.click()
    assert [notice.kind for notice in owner.notices] == ["busy"]
    assert dialog.columns["left"].keep_button.isEnabled()
    owner.stop()
    dialog.columns["left"].keep_button.click()
    assert owner.answer.text == dialog.comparison.state("left").text


def test_the_window_is_closed_while_both_answer(owner: Person) -> None:
    ask_briefly(owner, "Tell me a very long story.")
    owner.press(owner.path[0], "compare")
    dialog = dialog_of(owner)
    dialog.run_button.click()
    owner.wait(lambda: bool(dialog.comparison.state("left").text))
    pids = [pid for side in SIDES if (pid := dialog.comparison.run(side).pid)]
    assert pids
    dialog.close()
    owner.wait(lambda: not any(is_running(pid) for pid in pids))


def test_the_menu_of_a_message_and_of_the_window_lead_there(owner: Person) -> None:
    ask_briefly(owner, "Say yes.")
    menu = owner.widget(owner.path[0]).text.context_menu(owner.window.rect().center())
    next(a for a in menu.actions() if a.text() == "Compare with another model…").trigger()
    assert dialog_of(owner).question == "Say yes."
    dialog_of(owner).close()
    more = owner.window.header.more_menu
    more.aboutToShow.emit()
    next(a for a in more.actions() if a.text() == "Compare two models…").trigger()
    assert dialog_of(owner).question == "Say yes."
