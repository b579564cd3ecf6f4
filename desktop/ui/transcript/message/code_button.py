"""The buttons in the header of a block of code, which copy it and save it as a file."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from PySide6.QtCore import QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QToolButton, QWidget

from desktop.ui.announce import announce
from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import text_theme, theme
from desktop.ui.transcript import labels
from desktop.ui.transcript.document.style import CODE_HEADER
from desktop.ui.transcript.markdown.blocks import Code

_CONFIRMATION_MS = 1500
"""Milliseconds for which the button says that it has copied."""
_EDGE, _GAP = 6, 2
"""Pixels between the last button and the edge of the block, and between two buttons."""
_WITH_TEXT = Qt.ToolButtonStyle.ToolButtonTextBesideIcon


class CodeButton(QToolButton):
    """A button of one block of code. A subclass says in `retranslate` what it shows, and in `_press` what it does."""

    def __init__(self, name: str, code: Code, parent: QWidget) -> None:
        super().__init__(parent)
        self._code = code
        self.setProperty("kind", "icon")
        self.setObjectName(name)
        self.setToolButtonStyle(_WITH_TEXT)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._press)
        self.retranslate()

    def set_code(self, code: Code) -> None:
        """Set the code that the button is for: it has grown."""
        language_changed = code.language != self._code.language
        self._code = code
        if language_changed:
            self.retranslate()

    def retranslate(self) -> None:
        """Set texts and colours again."""
        raise NotImplementedError

    def sizeHint(self) -> QSize:
        """Room for icon, text and padding; Qt's own hint for a tool button also reserves room for a menu."""
        width = self.whole_width() if self.toolButtonStyle() == _WITH_TEXT else theme().px(16 + 12)
        return QSize(width, theme().px(26))

    def whole_width(self) -> int:
        """The width in pixels with icon and text."""
        return self.fontMetrics().horizontalAdvance(self.text()) + theme().px(16 + 8 + 12)

    def show_text(self, shown: bool) -> None:
        """Show icon and text, or the icon alone."""
        self.setToolButtonStyle(_WITH_TEXT if shown else Qt.ToolButtonStyle.ToolButtonIconOnly)

    def _press(self) -> None:
        raise NotImplementedError

    def _show(self, icon_name: str, color_name: str, text: str) -> None:
        size, color = theme().font_size("small"), theme().color(color_name).name()
        self.setStyleSheet(f"font-size: {size}px; color: {color}; padding: 2px {theme().px(6)}px;")
        self.setIcon(icon(icon_name, color_name))
        self.setIconSize(icon_size(16))
        self.setText(text)
        self.ensurePolished()  # `sizeHint` measures with the font of the style sheet
        self.resize(self.sizeHint())


class CopyCode(CodeButton):
    """Copies the code, and confirms it for a moment."""

    def __init__(self, code: Code, parent: QWidget) -> None:
        super().__init__("copy-code", code, parent)
        self._confirmation = QTimer(self)
        self._confirmation.setSingleShot(True)
        self._confirmation.setInterval(_CONFIRMATION_MS)
        self._confirmation.timeout.connect(self.retranslate)

    def retranslate(self) -> None:
        """Set texts and colours again."""
        self._show("copy", "ink-2", labels.copy())
        self.setAccessibleName(labels.copy_code(self._code.language))

    def _press(self) -> None:
        QGuiApplication.clipboard().setText(self._code.text)
        self._show("check", "good", labels.copied())
        self.setAccessibleName(labels.copied())
        announce(self, labels.copied())
        self._confirmation.start()


class SaveCode(CodeButton):
    """Emits `save_requested` with the `Code` that is to become a file."""

    save_requested = Signal(object)

    def __init__(self, code: Code, parent: QWidget) -> None:
        super().__init__("save-code", code, parent)

    def retranslate(self) -> None:
        """Set texts and colours again."""
        self._show("save", "ink-2", labels.save())
        self.setAccessibleName(labels.save_code(self._code.language))

    def _press(self) -> None:
        self.save_requested.emit(self._code)


class CodeButtons:
    """The buttons of all blocks of code in one document.

    Args:
        parent: in which they are shown.
        save: called with a `Code` that is to be saved as a file.
    """

    def __init__(self, parent: QWidget, save: Callable[[Code], object]) -> None:
        self._parent, self._save = parent, save
        self._buttons: dict[int, tuple[CodeButton, ...]] = {}

    def all(self) -> list[CodeButton]:
        """The buttons in reading order."""
        return list(chain.from_iterable(self._buttons[index] for index in sorted(self._buttons)))

    def show(self, index: int, code: Code) -> None:
        """Show the buttons of a block, which is new or has grown."""
        if index not in self._buttons:
            save = SaveCode(code, self._parent)
            save.save_requested.connect(self._save)
            self._buttons[index] = (CopyCode(code, self._parent), save)
        for button in self._buttons[index]:
            button.set_code(code)
            button.setVisible(True)

    def forget(self, first: int) -> None:
        """Remove the buttons of the blocks from `first` on: these were removed or inserted anew."""
        for index in [i for i in self._buttons if i >= first]:
            for button in self._buttons.pop(index):
                button.hide()
                button.deleteLater()

    def place(self, box: Callable[[int], QRectF], first: int = 0) -> None:
        """Put the buttons of each block from `first` on at the right of its header. `box` returns its rectangle."""
        header = text_theme().px(CODE_HEADER)
        for index, buttons in self._buttons.items():
            if index < first:
                continue
            block = box(index)
            # The left half of the header has the name of the language.
            needed = sum(button.whole_width() + theme().px(_GAP) for button in buttons) + theme().px(_EDGE)
            is_wide = needed < block.width() / 2
            right = int(block.right()) - theme().px(_EDGE)
            for button in reversed(buttons):
                button.show_text(is_wide)
                size = button.sizeHint()
                top = int(block.top()) + (header - size.height()) // 2
                button.setGeometry(QRect(right - size.width(), top, size.width(), size.height()))
                right -= size.width() + theme().px(_GAP)

    def retranslate(self) -> None:
        """Set the texts in the current language."""
        for button in self.all():
            button.retranslate()
