"""The composer: a text field that grows with its text, and one button that sends or stops.

Two things always hold. Enter does not send while an input method is composing (there it accepts the composition), and
the field is cleared only after its text was stored.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QMimeData, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragMoveEvent,
    QFocusEvent,
    QInputMethodEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QWidget

from desktop.i18n import translate
from desktop.ui.shortcuts import key_text
from desktop.ui.style.controls import IconButton, View, label
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

if TYPE_CHECKING:
    from PySide6.QtCore import QUrl

    from desktop.chat.state import Waiting

MAX_LINES = 8
SendKey = Literal["enter", "ctrl_enter"]


class ComposerEdit(QPlainTextEdit):
    """The text field: its keys, input method, height."""

    send_pressed = Signal()
    edit_last_pressed = Signal()
    escape_pressed = Signal()
    focus_changed = Signal()
    picture_pasted = Signal(bytes)
    """The content of a picture that was copied, or dropped."""
    pictures_pasted = Signal(list)
    """The paths of copied files that are pictures."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.send_key: SendKey = "enter"
        self._preedit = ""
        self._just_composed = False
        self.setTabChangesFocus(True)
        LongWords(self)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.textChanged.connect(self.fit)
        self.fit()

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Remember whether the input method is composing."""
        if self._preedit and not event.preeditString():
            # Some input methods also deliver the key press that ended the composition. It must not send, so the
            # composition counts as open until the next turn of the event loop.
            self._just_composed = True
            QTimer.singleShot(0, self, self._forget_composing)
        self._preedit = event.preeditString()
        super().inputMethodEvent(event)
        self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter sends or breaks the line, Up in an empty field edits the last question, Esc stops."""
        plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            with_ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            with_shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if self._is_composing():
                return
            if with_ctrl or (self.send_key == "enter" and not with_shift):
                self.send_pressed.emit()
            else:
                # Not Qt's own Shift+Enter, which inserts U+2028 (LINE SEPARATOR).
                self.textCursor().insertBlock()
                self.ensureCursorVisible()
            return
        if event.key() == Qt.Key.Key_Up and plain and not self.toPlainText() and not self._is_composing():
            self.edit_last_pressed.emit()
            return
        if event.key() == Qt.Key.Key_Escape:
            self.escape_pressed.emit()
            return
        super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Accept text and pictures; dropped files are handled by the window."""
        return (source.hasText() or source.hasImage()) and not source.hasUrls()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Insert plain text; for copied files, their paths. Pictures are not for the text."""
        from desktop.ui.pictures.pasted import picture_content, picture_files

        if files := picture_files(source):
            self.pictures_pasted.emit(files)
            return
        if content := picture_content(source):
            self.picture_pasted.emit(content)
            return
        text = _paths(source.urls()) or _as_paths(source.text())
        if text:
            self.textCursor().insertText(text)
            self.ensureCursorVisible()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Leave files to the window."""
        if event.mimeData().hasUrls():
            event.ignore()
        else:
            super().dragEnterEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Leave files to the window."""
        if event.mimeData().hasUrls():
            event.ignore()
        else:
            super().dragMoveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tell the frame."""
        super().focusInEvent(event)
        self.focus_changed.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell the frame."""
        super().focusOutEvent(event)
        self.focus_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Adjust the height to the new line breaks."""
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Set the height to that of the text, up to `MAX_LINES`; a longer text scrolls."""
        line = self.fontMetrics().lineSpacing()
        wanted, block = 0.0, self.document().firstBlock()
        # Only until the limit is certainly reached: measuring a book at every key press would be slow.
        while block.isValid() and wanted <= line * MAX_LINES * 1.5:
            wanted += self.blockBoundingRect(block).height()
            block = block.next()
        # Measured, not `line` times their number: a fallback font (for Chinese) makes lines higher.
        lines = max(1, self.document().lineCount())
        per_line = max(line, wanted / lines if not block.isValid() else line)
        limit = per_line * MAX_LINES
        self.setVerticalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAsNeeded if wanted > limit + 1 else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        )
        height = math.ceil(min(max(wanted, per_line), limit)) + 2
        if height != self.height():
            self.setFixedHeight(height)

    def minimumSizeHint(self) -> QSize:
        """One line."""
        return QSize(80, self.fontMetrics().lineSpacing() + 2)

    def _is_composing(self) -> bool:
        return bool(self._preedit) or self._just_composed

    def _forget_composing(self) -> None:
        self._just_composed = False


def _paths(urls: Sequence[QUrl]) -> str:
    """The paths of files, one a line; empty unless all of them are local."""
    return "\n".join(url.toLocalFile() for url in urls) if all(url.isLocalFile() for url in urls) else ""


def _as_paths(text: str) -> str:
    """`text`, or the paths if it consists of `file:` URLs only, as some programs copy files."""
    lines = text.split()
    if not lines or not all(line.startswith("file:///") for line in lines):
        return text
    from PySide6.QtCore import QUrl

    return _paths([QUrl(line) for line in lines])


def _needs_space(left: str, right: str) -> bool:
    """Whether a space belongs between two characters: the end of a word or sentence, and the beginning of a word."""
    return bool(
        left.isascii() and right.isascii() and right.isalnum() and (left.isalnum() or (left and left in ".,;:!?)"))
    )


def _waiting_text(what: Waiting) -> str:
    return {
        "loading": translate("Composer", "Waits for the model…"),
        "model": translate("Composer", "Waits for a model to be opened…"),
        "template": translate("Composer", "Waits for a prompt template…"),
        "answer": translate("Composer", "Waits for another answer…"),
        "summary": translate("Composer", "Waits for a summary…"),
    }.get(what, "")


class Composer(View):
    """The framed field with its button. `send_requested` has the text, which stays until `clear_text` is called."""

    send_requested = Signal(str)
    stop_requested = Signal()
    edit_last_requested = Signal()
    attach_requested = Signal()
    picture_pasted = Signal(bytes)
    pictures_pasted = Signal(list)
    draft_changed = Signal(object, str)
    """Conversation id (None: the new one), the text in the field."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._font_size = 0  # pixels
        self.setObjectName("composer")
        self.editor = ComposerEdit(self)
        self.button = IconButton("send", "on-violet", kind="send", parent=self)
        self.hint = label("quiet", self)
        self._busy = self._dictating = False
        self._waiting: Waiting = ""
        self._blocked = ""
        self.sending = False  # set while the controller stores the text
        self._conversation_id: int | None = None
        self.attach_button = IconButton("paperclip", "ink-3", parent=self)
        self.microphone_button = IconButton("microphone", "ink-3", parent=self)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.attach_button, 0, Qt.AlignmentFlag.AlignBottom)
        self._row.addWidget(self.editor, 1, Qt.AlignmentFlag.AlignVCenter)
        self._row.addWidget(self.hint, 0, Qt.AlignmentFlag.AlignBottom)
        self._row.addWidget(self.microphone_button, 0, Qt.AlignmentFlag.AlignBottom)
        self._row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignBottom)
        self.setFocusProxy(self.editor)
        self.editor.send_pressed.connect(self._send)
        self.editor.edit_last_pressed.connect(self.edit_last_requested)
        self.editor.escape_pressed.connect(self._escape)
        self.editor.focus_changed.connect(self.update)
        self.editor.textChanged.connect(self._text_changed)
        self.editor.picture_pasted.connect(self.picture_pasted)
        self.editor.pictures_pasted.connect(self.pictures_pasted)
        self.button.clicked.connect(self._press)
        self.attach_button.clicked.connect(self.attach_requested)
        self.ready()

    # State

    def text(self) -> str:
        """The text in the field."""
        return self.editor.toPlainText()

    def set_text(self, text: str) -> None:
        """Replace the text (by a prompt to try), with the cursor at its end. *Undo* restores the old one."""
        cursor = self.editor.textCursor()
        cursor.select(cursor.SelectionType.Document)
        cursor.insertText(text)
        self.editor.setTextCursor(cursor)
        self.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def insert_text(self, text: str) -> None:
        """Insert at the cursor, with a space where two words would touch; Chinese has none between its words."""
        cursor, document = self.editor.textCursor(), self.editor.document()
        before, after = document.characterAt(cursor.selectionStart() - 1), document.characterAt(cursor.selectionEnd())
        space_before = " " if _needs_space(before, text[:1]) else ""
        space_after = " " if _needs_space(text[-1:], after) else ""
        cursor.insertText(f"{space_before}{text}{space_after}")
        self.editor.setTextCursor(cursor)
        self.editor.ensureCursorVisible()

    def set_dictating(self, *, on: bool) -> None:
        """Show whether the microphone is being recorded."""
        self._dictating = on
        self._name_microphone()

    def set_conversation(self, conversation_id: int | None, draft: str) -> None:
        """Show the draft of another conversation; None is the new one."""
        if conversation_id == self._conversation_id:
            return
        self._conversation_id = conversation_id
        self._show(draft)

    def restore(self, draft: str) -> None:
        """Show the draft of the last run, in front of what was typed before the store was open."""
        if draft:
            self._show("\n".join(text for text in (draft, self.text()) if text))
        if self.text() != draft:
            self.draft_changed.emit(self._conversation_id, self.text())

    def move_to_conversation(self, conversation_id: int | None) -> None:
        """Set the id that the new conversation got; the text stays."""
        self._conversation_id = conversation_id

    def clear_text(self) -> None:
        """Clear the field, because its text was stored."""
        self.editor.clear()

    def set_busy(self, busy: bool) -> None:
        """While an answer is generated, the button stops it."""
        self._busy = busy
        self._refresh()

    def set_waiting(self, waiting: Waiting) -> None:
        """While a question waits (for what `waiting` says), the button withdraws it."""
        self._waiting = waiting
        self._refresh()

    def set_blocked(self, reason: str) -> None:
        """Set why nothing can be sent; empty when it can. Typing is always possible."""
        self._blocked = reason
        self._refresh()

    def set_send_key(self, key: SendKey) -> None:
        """Set the key that sends: Enter, or Ctrl+Enter."""
        self.editor.send_key = key
        self._refresh()

    def can_send(self) -> bool:
        """Whether there is a text and it can be sent."""
        return bool(self.text().strip()) and not (self._busy or self._waiting or self._blocked)

    def _send(self) -> None:
        if self.can_send():
            self.send_requested.emit(self.text())

    def _escape(self) -> None:
        if self._busy or self._waiting:
            self.stop_requested.emit()

    def _press(self) -> None:
        if self._busy or self._waiting:
            self.stop_requested.emit()
        else:
            self._send()

    def _show(self, draft: str) -> None:
        self.editor.blockSignals(True)  # the draft is stored already
        self.editor.setPlainText(draft)
        self.editor.blockSignals(False)
        self.editor.moveCursor(self.editor.textCursor().MoveOperation.End)
        self.editor.fit()
        self._refresh()

    def _text_changed(self) -> None:
        self._refresh()
        self.draft_changed.emit(self._conversation_id, self.text())

    # Texts and style

    def retranslate(self) -> None:
        """The texts in the present language."""
        self.editor.setAccessibleName(translate("Composer", "Message"))
        self.editor.setPlaceholderText(translate("Composer", "Ask anything…"))
        self.attach_button.name(translate("Composer", "Attach files"))
        self._name_microphone()
        self._refresh()

    def restyle(self) -> None:
        """Set distances and font."""
        look = theme()
        self.editor.setFont(look.font_body)
        if self._font_size not in (0, look.font_body.pixelSize()):
            # The placeholder is painted with the viewport's font, which no longer follows the editor's after a style
            # sheet has set it. Not at the start: building the viewport's Python class takes a twentieth of that time.
            self.editor.viewport().setFont(look.font_body)
        self._font_size = look.font_body.pixelSize()
        self._row.setContentsMargins(look.space(3), look.px(10), look.px(10), look.px(10))
        self._row.setSpacing(look.space(1))
        side = look.px(32)
        self.button.setFixedSize(side, side)
        self.attach_button.setFixedSize(side, side)
        self.microphone_button.setFixedSize(side, side)
        self.hint.setFixedHeight(side)
        self.editor.fit()
        self._refresh()

    def _refresh(self) -> None:
        stops = self._busy or bool(self._waiting)
        self.button.set_kind("stop" if stops else "send")
        if stops:
            self.button.set_icon("stop", "page")
            self.button.setEnabled(True)
            self.button.name(translate("Composer", "Stop"), key_text("stop"))
        else:
            can = self.can_send()
            self.button.set_icon("send", "on-violet" if can else "ink-3")
            self.button.setEnabled(can)
            self.button.name(self._blocked or translate("Composer", "Send"), "" if self._blocked else self._key())
        self.hint.setText(self._hint())
        self.hint.setVisible(bool(self.hint.text()))

    def _name_microphone(self) -> None:
        self.microphone_button.set_icon("microphone", "bad" if self._dictating else "ink-3")
        start, end = translate("Composer", "Dictate: hold, or click"), translate("Composer", "Write down what was said")
        self.microphone_button.name(end if self._dictating else start, key_text("dictate"))

    def _hint(self) -> str:
        if self._blocked:
            return self._blocked
        if self._waiting:
            return _waiting_text(self._waiting)
        if self._busy or not self.text().strip() or self.width() < theme().px(420):
            return ""
        return translate("Composer", "{key} send").format(key=self._key())

    def _key(self) -> str:
        if self.editor.send_key == "enter":
            return "⏎"
        return "⌘⏎" if sys.platform == "darwin" else "Ctrl+⏎"

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the frame, violet while the field has the focus. A style sheet would be parsed again at each change."""
        look = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(look.color("violet" if self.editor.hasFocus() else "line"))
        painter.setBrush(look.color("raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), look.radius_card, look.radius_card)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click anywhere in the frame focuses the field."""
        self.editor.setFocus(Qt.FocusReason.MouseFocusReason)
        super().mousePressEvent(event)
