"""The window in which two models answer the same question, side by side, with the words marked that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QWidget

from belle.prompts import Message
from desktop.i18n import current_language, translate
from desktop.ui.announce import announce
from desktop.ui.compare import words
from desktop.ui.compare.column import AnswerColumn
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import breakable, shortened
from desktop.ui.style.controls import Segments, label
from desktop.ui.style.flow import FlowLayout
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

if TYPE_CHECKING:
    from belle.engine.process.commands import Generate
    from desktop.compare.comparison import ComparisonResult, ModelComparison
    from desktop.compare.page import ComparisonPage
    from desktop.library.entries import LibraryEntry
    from desktop.library.fit import Fit

SIDES = ("left", "right")
_LONGEST_QUESTION = 300


@dataclass(frozen=True, slots=True)
class ComparedQuestion:
    """What is compared.

    Args:
        request: what both models answer; where `question_id` is None, a message with the typed question is added to it.
        question: its last message, as the person wrote it.
        question_id: of the stored question; None where it is typed in the window.
    """

    request: Generate
    question: str = ""
    question_id: int | None = None


@dataclass(frozen=True, slots=True)
class ModelsToCompare:
    """The models to choose from.

    Args:
        entries: each has a file.
        left, right: refs of those that are chosen at first.
        fit_of: whether two fit into the memory at once.
    """

    entries: Sequence[LibraryEntry]
    left: str
    right: str
    fit_of: Callable[[LibraryEntry, LibraryEntry], Fit]


class CompareDialog(Dialog):
    """Two columns. It is not modal, and closing it ends both models.

    `kept` has the side whose answer is wanted.

    Args:
        comparison: has the models answer.
        compared: what they answer.
        models: which to choose from.
    """

    kept = Signal(str)
    export_requested = Signal()

    def __init__(
        self,
        comparison: ModelComparison,
        compared: ComparedQuestion,
        models: ModelsToCompare,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, width=920, height=420)
        self.setModal(False)
        self.comparison, self.compared, self._fit_of = comparison, compared, models.fit_of
        comparison.setParent(self)
        self._kept_question_id: int | None = None
        self._asked = compared.question  # what the answers answer; the field may have been changed since
        self._result: ComparisonResult | None = None
        self._at = -1  # the difference that is selected
        self._add_question(typed=compared.question_id is None)
        self._add_options()
        self._add_columns(models)
        self._add_result()
        self.export_button = self.add_button()
        self.export_button.clicked.connect(self.export_requested)
        self.run_button = self.add_button(primary=True)
        self.run_button.clicked.connect(self._run)
        comparison.changed.connect(self._show_state)
        comparison.text.connect(self._append)
        comparison.finished.connect(self._finished)
        comparison.compared.connect(self._show_result)
        self.finished.connect(lambda _: comparison.close())
        self.ready()
        self._choose_order()

    # Parts

    def _add_question(self, *, typed: bool) -> None:
        self._question = label("muted", wrap=True)
        self.field = QPlainTextEdit()
        self.field.setProperty("role", "field")
        self.field.setTabChangesFocus(True)
        self.field.textChanged.connect(self._update)
        LongWords(self.field)
        self.body.addWidget(self._question)
        self.body.addWidget(self.field)
        self._question.setVisible(not typed)
        self.field.setVisible(typed)

    def _add_options(self) -> None:
        self.words_choice, self.order_choice = Segments(("likeliest", "chat")), Segments(("together", "in_turn"))
        self.words_choice.set_value("likeliest")
        self._options = FlowLayout()
        for choice in (self.words_choice, self.order_choice):
            self._options.addWidget(choice)
        self.body.addLayout(self._options)
        self._fit = label("small", wrap=True)
        self.body.addWidget(self._fit)

    def _add_columns(self, models: ModelsToCompare) -> None:
        self._columns = QHBoxLayout()
        refs = {"left": models.left, "right": models.right}
        self.columns = {side: AnswerColumn(side, models.entries, ref) for side, ref in refs.items()}
        for side, column in self.columns.items():
            column.model_changed.connect(self._choose_order)
            column.kept.connect(partial(self.kept.emit, side))
            self._columns.addWidget(column, 1)
        self.body.addLayout(self._columns, 1)

    def _add_result(self) -> None:
        self.summary = label("", wrap=True)
        self.body.addWidget(self.summary)
        self.previous_button, self.next_button = QPushButton(), QPushButton()
        steps = FlowLayout()
        for button, step in ((self.previous_button, -1), (self.next_button, 1)):
            button.setProperty("kind", "link")
            button.setAutoDefault(False)
            button.clicked.connect(partial(self._go, step))
            steps.addWidget(button)
        self.body.addLayout(steps)

    @property
    def question(self) -> str:
        """What is asked next."""
        return self.compared.question if self.compared.question_id is not None else self.field.toPlainText().strip()

    @property
    def asked(self) -> str:
        """What the answers that are shown are answers to."""
        return self._asked

    @property
    def question_id(self) -> int | None:
        """Of the stored question, also of a typed one whose answer was kept."""
        return self.compared.question_id or self._kept_question_id

    def show_kept(self, side: str, question_id: int) -> None:
        """An answer was stored below a question."""
        self._kept_question_id = question_id
        self.columns[side].keep_button.setEnabled(False)
        announce(self, translate("Compare", "The answer is in the chat now."))

    def page(self) -> ComparisonPage | None:
        """What is exported; None before there is a result."""
        if self._result is None:
            return None
        from desktop.compare.page import ComparedAnswer, ComparisonPage

        def answer(side: str) -> ComparedAnswer:
            state = self.comparison.state(side)
            return ComparedAnswer(self.columns[side].answered_by, words.state(state), state.text)

        return ComparisonPage(
            language=current_language().replace("_", "-"),
            title=self.windowTitle().rpartition(" — ")[0],
            question=self.asked,
            summary=self._summary_text(),
            left=answer("left"),
            right=answer("right"),
            differences=self._result.differences,
            differences_title=translate("Compare", "Differences"),
            nothing=translate("Compare", "nothing"),
        )

    # What a person does

    def _run(self) -> None:
        if self.comparison.is_running:
            self.comparison.stop()
            return
        self._result, self._at, self._kept_question_id = None, -1, None
        self._asked = self.question
        self.summary.setText("")
        for column in self.columns.values():
            column.begin()
        left, right = (self.columns[side].entry.ref for side in SIDES)
        announce(self, translate("Compare", "The models begin."))
        self.comparison.start(left, right, self._request(), together=self.order_choice.value() == "together")
        self._update()

    def _request(self) -> Generate:
        request = self.compared.request
        if self.compared.question_id is None:
            request = replace(request, messages=(*request.messages, Message("user", self.question)))
        if self.words_choice.value() == "likeliest":
            request = replace(request, sampling=replace(request.sampling, temperature=0.0))
        return request

    def _go(self, step: int) -> None:
        found = self._result.differences if self._result is not None else ()
        if found:
            self._at = (self._at + step) % len(found) if self._at >= 0 or step > 0 else len(found) - 1
            left, right = (self.columns[side].go_to(self._at) for side in SIDES)
            announce(self, words.difference(left, right), urgent=True)

    def _choose_order(self) -> None:
        """At once, where both fit; a person may choose otherwise, except where they do not."""
        fit = self._fit_of(*(self.columns[side].entry for side in SIDES))
        self._fit.setText(breakable(words.fit(fit)))
        self.order_choice.set_value("together" if fit.verdict == "fits" else "in_turn")
        self.order_choice.button("together").setEnabled(fit.verdict != "too_big")

    # What happens

    def _show_state(self, side: str) -> None:
        self.columns[side].show_state(self.comparison.state(side))

    def _append(self, side: str, text: str) -> None:
        self.columns[side].append(text)

    def _finished(self) -> None:
        for side, column in self.columns.items():
            column.show_state(self.comparison.state(side))
            column.end()
        self._update()

    def _show_result(self, result: ComparisonResult) -> None:
        self._result = result
        found = result.differences
        left, right = (self.comparison.state(side).text for side in SIDES)
        self.columns["left"].mark(left, [(one.left_start, one.left_end) for one in found])
        self.columns["right"].mark(right, [(one.right_start, one.right_end) for one in found])
        self._show_summary()
        announce(self, self.summary.text())
        self._update()

    def _show_summary(self) -> None:
        text = self._summary_text()
        self.summary.setText(breakable(text))
        for column in self.columns.values():
            column.describe(text)

    def _summary_text(self) -> str:
        if self._result is None:
            return ""
        count = words.count(len(self._result.differences))
        if self._result.parting is None or not self._result.differences:
            return count
        text = translate("Compare", "{first} {second}")
        return text.format(first=count, second=words.parting(self._result.parting))

    # Look

    def _update(self) -> None:
        running = self.comparison.is_running
        self.field.setReadOnly(running)
        for choice in (self.words_choice, self.order_choice):
            choice.setEnabled(not running)
        self.run_button.setEnabled(running or bool(self.question))
        name = translate("Compare", "Stop") if running else translate("Compare", "Compare")
        self.run_button.setText(name)
        self.run_button.setAccessibleName(name)
        found = self._result.differences if self._result is not None else ()
        for button in (self.previous_button, self.next_button):
            button.setEnabled(bool(found))
        self.export_button.setEnabled(self._result is not None)

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Compare", "Compare two models"))
        question = " ".join(self.compared.question.split())
        question = question if len(question) <= _LONGEST_QUESTION else question[:_LONGEST_QUESTION] + "…"
        n_before = len([message for message in self.compared.request.messages[:-1] if message.role != "system"])
        if n_before:
            before = words.messages_before(n_before)
            question = translate("Compare", "{question} ({before})").format(question=question, before=before)
        self._question.setText(breakable(question))
        self._question.setAccessibleName(translate("Compare", "Question: {text}").format(text=shortened(question)))
        self.field.setPlaceholderText(translate("Compare", "What both models are to answer"))
        self.field.setAccessibleName(self.field.placeholderText())
        self.words_choice.set_texts(
            translate("Compare", "Choice of words"),
            (translate("Compare", "Likeliest words"), translate("Compare", "As in the chat")),
        )
        self.order_choice.set_texts(
            translate("Compare", "Order"),
            (translate("Compare", "At once"), translate("Compare", "One after the other")),
        )
        for button, text in (
            (self.previous_button, translate("Compare", "Previous difference")),
            (self.next_button, translate("Compare", "Next difference")),
            (self.export_button, translate("Compare", "Export…")),
        ):
            button.setText(text)
            button.setAccessibleName(text)
        self.previous_button.setShortcut(QKeySequence("Shift+F8"))  # a new text takes the shortcut away
        self.next_button.setShortcut(QKeySequence("F8"))
        self._fit.setText(breakable(words.fit(self._fit_of(*(self.columns[side].entry for side in SIDES)))))
        self._show_summary()
        self._update()

    def restyle(self) -> None:
        """Set distances."""
        self._columns.setSpacing(theme().space(2))
        self._options.setSpacing(theme().space(1))
        self.field.setFixedHeight(theme().px(64))
        super().restyle()
