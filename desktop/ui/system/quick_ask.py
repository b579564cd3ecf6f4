"""The window for a quick question: small, before all others, one line to ask in and the answer below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout

from desktop.i18n import translate
from desktop.ui.announce import announce
from desktop.ui.notices.text import notice_text
from desktop.ui.screen import fit_to_screen
from desktop.ui.style.controls import View, label
from desktop.ui.style.theme import theme
from desktop.ui.system.quick_answer import QuickAnswer

if TYPE_CHECKING:
    from PySide6.QtGui import QIcon

    from desktop.chat.beside.quick_chat import QuickChat
    from desktop.store.records import StoredMessage


class QuickAsk(View):
    """Asks in `chat`. `continue_requested`: the conversation is to be shown in the main window, see `typed`."""

    continue_requested = Signal()
    closed = Signal()

    def __init__(self, chat: QuickChat, icon: QIcon) -> None:
        super().__init__(None, Qt.WindowType.Window | Qt.WindowType.WindowStaysOnTopHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # The program ends with its main window, and not with this one.
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowIcon(icon)
        self.chat = chat
        self.field = QLineEdit()
        self.field.returnPressed.connect(self._ask)
        self.question = label("strong", wrap=True)
        self.answer = QuickAnswer()
        self.hint = label("quiet", wrap=True)
        self.stop_button, self.continue_button = QPushButton(), QPushButton()
        self.stop_button.clicked.connect(chat.stop)
        self.continue_button.clicked.connect(self.continue_requested)
        row = QHBoxLayout()
        row.addWidget(self.hint, 1)
        row.addWidget(self.stop_button)
        row.addWidget(self.continue_button)
        self._column = QVBoxLayout(self)
        self._column.addWidget(self.field)
        self._column.addWidget(self.question)
        self._column.addWidget(self.answer, 1)
        self._column.addLayout(row)
        self.question.hide()
        self.answer.hide()
        chat.answer_changed.connect(self._on_answer)
        chat.text.connect(self.answer.append)
        chat.state_changed.connect(self._on_state)
        self.ready()
        self._on_state()
        self._fit(answered=False)

    @property
    def typed(self) -> str:
        """What is in the line and has not been asked."""
        return self.field.text()

    def bring_to_front(self) -> None:
        """Show it before all others, with the keyboard in the line."""
        self.show()
        self.raise_()
        self.activateWindow()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close with Esc. An answer goes on, in the list of conversations."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Forget the chat; its conversation is stored."""
        super().closeEvent(event)
        self.chat.deleteLater()
        self.closed.emit()

    def _ask(self) -> None:
        question = self.field.text()
        if not self.chat.ask(question):
            return
        self.field.clear()
        self.question.setText(question)
        self.answer.set_text("", growing=False)
        if self.answer.isHidden():
            self.question.show()
            self.answer.show()
            self._fit(answered=True)
        self._on_state()

    def _on_answer(self, message: StoredMessage) -> None:
        if message.role == "assistant":
            is_growing = message.status == "streaming"
            self.answer.set_text(message.text, growing=is_growing)
            if not is_growing and self.isActiveWindow():
                announce(self, self.answer.text.toPlainText())

    def _on_state(self) -> None:
        is_under_way = self.chat.is_answering or bool(self.chat.waiting)
        self.stop_button.setVisible(is_under_way)
        self.hint.setText(self._hint())

    def _hint(self) -> str:
        if self.chat.notice is not None:
            return notice_text(self.chat.notice).in_one_line
        if self.chat.is_answering and not self.chat.waiting:
            return translate("QuickAsk", "The model is answering.")
        return {
            "": translate("QuickAsk", "Enter asks, Esc closes."),
            "loading": translate("QuickAsk", "The model is being loaded."),
            "model": translate("QuickAsk", "No model is open. Choose one in the window; the question waits."),
            "template": translate("QuickAsk", "The model needs a prompt template. Choose one in the window."),
            "answer": translate("QuickAsk", "Another answer is being written; this question is next."),
            "summary": translate("QuickAsk", "The model sums up what no longer fits."),
        }[self.chat.waiting]

    # Look

    def retranslate(self) -> None:
        """The texts in the present language."""
        title = translate("QuickAsk", "Quick question")
        self.setWindowTitle(f"{title} — ChatBELLE")
        self.setAccessibleName(title)
        self.field.setPlaceholderText(translate("QuickAsk", "Ask anything…"))
        self.field.setAccessibleName(translate("QuickAsk", "Ask anything…"))
        self.answer.text.setAccessibleName(translate("QuickAsk", "Answer"))
        self.stop_button.setText(translate("QuickAsk", "Stop"))
        self.continue_button.setText(translate("QuickAsk", "Continue in the window"))
        self.answer.text.retranslate()
        self._on_state()

    def restyle(self) -> None:
        """Set distances."""
        look = theme()
        edge = look.space(3)
        self._column.setContentsMargins(edge, edge, edge, edge)
        self._column.setSpacing(look.space(2))

    def _fit(self, *, answered: bool) -> None:
        look = theme()
        size = self.sizeHint().expandedTo(self.minimumSizeHint())
        size.setWidth(look.px(560))
        if answered:
            size.setHeight(look.px(440))
        self.resize(fit_to_screen(size, self))
