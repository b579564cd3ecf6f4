"""The bar above the conversation in which a text to be found is typed."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from desktop.i18n import translate
from desktop.ui.announce import announce
from desktop.ui.style.controls import IconButton, View, label, set_style_property
from desktop.ui.style.theme import theme
from desktop.ui.transcript.finder import Found


class FindBar(View):
    """A field, what was found, and buttons for the next and the previous occurrence, as Enter and Shift+Enter."""

    accessible_role = "Grouping"
    changed = Signal(str)
    stepped = Signal(int)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: Found | None = None
        self.field = QLineEdit(self)
        self.field.setClearButtonEnabled(False)
        self.field.installEventFilter(self)
        self.field.textChanged.connect(self.changed)
        self.result = label("quiet", self)
        self.previous_button = IconButton("chevron-up", parent=self)
        self.next_button = IconButton("chevron-down", parent=self)
        self.close_button = IconButton("x", parent=self)
        self.previous_button.clicked.connect(lambda: self.stepped.emit(-1))
        self.next_button.clicked.connect(lambda: self.stepped.emit(1))
        self.close_button.clicked.connect(self.closed)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.field, 1)
        for part in (self.result, self.previous_button, self.next_button, self.close_button):
            self._row.addWidget(part)
        self.ready()

    def begin(self) -> None:
        """Take the focus, with the text of the last time selected."""
        self.show()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def show_found(self, found: Found | None) -> None:
        """Say where the occurrence is; None: nothing is searched."""
        self._found = found
        self._show_result()
        if found is not None:
            announce(self, self.result.text())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter, Shift+Enter and Esc in the field."""
        if watched is self.field and isinstance(event, QKeyEvent):
            is_escape = event.key() == Qt.Key.Key_Escape
            if event.type() == QEvent.Type.ShortcutOverride and is_escape:
                # Esc is also a shortcut of the window; accepting this event makes Qt send the key press here instead.
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress and is_escape:
                self.closed.emit()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.stepped.emit(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
                return True
        return super().eventFilter(watched, event)

    def retranslate(self) -> None:
        """The texts in the present language."""
        title = translate("Find", "Find in this conversation")
        self.setAccessibleName(title)
        self.field.setAccessibleName(title)
        self.field.setPlaceholderText(title)
        self.previous_button.name(translate("Find", "Previous"), "Shift+Enter")
        self.next_button.name(translate("Find", "Next"), "Enter")
        self.close_button.name(translate("Find", "Close"), "Esc")
        self._show_result()

    def restyle(self) -> None:
        """Set distances."""
        look = theme()
        self._row.setContentsMargins(look.space(3), look.space(0), look.space(1), look.space(0))
        self._row.setSpacing(look.space(0))

    def _show_result(self) -> None:
        found = self._found
        if found is None:
            text = ""
        elif found.messages == 0:
            text = translate("Find", "Not found")
        else:
            text = translate("Find", "Message {place} of {number}").format(place=found.place, number=found.messages)
        self.result.setText(text)
        set_style_property(self.result, "level", "bad" if found is not None and not found.messages else "")
        for button in (self.previous_button, self.next_button):
            button.setEnabled(found is not None and found.messages > 0)
