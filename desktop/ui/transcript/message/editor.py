"""The editor of a message, which takes the place of its text."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from desktop.ui.foreign_text import set_tooltip
from desktop.ui.style.theme import text_theme, theme
from desktop.ui.transcript import labels
from desktop.ui.wrapping import LongWords

_MAX_LINES = 18


class _Field(QPlainTextEdit):
    """A text field as high as its text, from 2 to `_MAX_LINES` lines."""

    resized = Signal()

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "field")
        self.setTabChangesFocus(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        LongWords(self)
        self.setPlainText(text)
        self.textChanged.connect(self.fit)

    def fit(self) -> None:
        """Set the height to that of the text."""
        self.setFont(text_theme().font_body)
        rows = 0
        block = self.document().firstBlock()
        width = max(80, self.width() - theme().px(32))
        metrics = self.fontMetrics()
        # Estimated from the width of each line: the widget lays its text out only when it is shown.
        while block.isValid() and rows <= _MAX_LINES:
            rows += 1 + metrics.horizontalAdvance(block.text()) // width
            block = block.next()
        height = min(max(rows, 2), _MAX_LINES) * metrics.lineSpacing() + theme().px(24)
        if height != self.height():
            self.setFixedHeight(height)
            self.resized.emit()


class Editor(QWidget):
    """A field with *Cancel* and *Save*. Ctrl/⌘+Enter saves, Esc cancels."""

    submitted = Signal(str)
    cancelled = Signal()
    changed = Signal(object)  # the text
    height_changed = Signal()

    def __init__(self, text: str, role: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._role = role
        self._may_save = True
        self._field = _Field(text, self)
        self._cancel = QPushButton(self)
        self._cancel.setObjectName("cancel")
        self._save = QPushButton(self)
        self._save.setObjectName("save")
        self._save.setProperty("kind", "primary")
        for button in (self._cancel, self._save):
            button.setAutoDefault(False)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self._cancel)
        buttons.addWidget(self._save)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme().space(1))
        column.addWidget(self._field)
        column.addLayout(buttons)
        self._cancel.clicked.connect(self.cancelled)
        self._save.clicked.connect(self._submit)
        self._field.resized.connect(self.height_changed)
        self._field.textChanged.connect(self._text_changed)
        self._field.installEventFilter(self)
        self.retranslate()

    @property
    def field(self) -> QPlainTextEdit:
        """The text field."""
        return self._field

    def begin(self) -> None:
        """Take the focus, with the cursor behind the text."""
        self._field.setFocus(Qt.FocusReason.OtherFocusReason)
        self._field.moveCursor(QTextCursor.MoveOperation.End)

    def arrange(self, width: int) -> int:
        """Lay out for a width in pixels; returns the height."""
        self.resize(width, self.height())
        self._field.resize(width, self._field.height())
        self._field.fit()
        return self.sizeHint().height()

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self._cancel.setText(labels.cancel())
        self._save.setText(labels.save_and_answer() if self._role == "user" else labels.save_version())
        self._field.setAccessibleName(labels.edit_field(self._role))
        self._refresh()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Esc and Ctrl/⌘+Enter in the field."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            # Esc is also a shortcut of the window; accepting this event makes Qt send the key press here instead.
            event.setAccepted(event.key() == Qt.Key.Key_Escape)
            return event.isAccepted()
        if watched is self._field and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() == Qt.Key.Key_Escape:
                self.cancelled.emit()
                return True
            enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            if enter and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._submit()
                return True
        return super().eventFilter(watched, event)  # type: ignore[arg-type]

    def allow(self, may_save: bool) -> None:
        """Whether the text can be saved now: not while an answer is being generated. It can always be edited."""
        self._may_save = may_save
        self._refresh()

    def _text_changed(self) -> None:
        self._refresh()
        self.changed.emit(self._field.toPlainText())

    def _refresh(self) -> None:
        self._save.setEnabled(self._may_save and bool(self._field.toPlainText().strip()))
        set_tooltip(self._save, "" if self._may_save else labels.wait_for_the_answer())

    def _submit(self) -> None:
        text = self._field.toPlainText().strip("\n")
        if self._may_save and text.strip():
            self.submitted.emit(text)
