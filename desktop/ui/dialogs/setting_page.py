"""A page of the settings: a line for each, with title and explanation on the left and the control on the right."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from desktop.ui.style.controls import label


class SettingPage(QWidget):
    """The lines of one page, as (name, control); a control without a name stands alone on the left.

    Args:
        wide: the names of lines whose control is too wide to stand beside its title, and stands below it.
    """

    def __init__(self, *lines: tuple[str, QWidget], wide: Collection[str] = ()) -> None:
        super().__init__()
        self._labels: dict[str, _SettingLabel] = {}
        left = Qt.AlignmentFlag.AlignLeft
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(0, 1)
        for index, (name, control) in enumerate(lines):
            if not name:
                grid.addWidget(control, 2 * index, 0, left)
                continue
            words = self._labels[name] = _SettingLabel(control)
            if name in wide:
                grid.addWidget(words, 2 * index, 0, 1, 2)
                grid.addWidget(control, 2 * index + 1, 0, 1, 2, left)
            else:
                grid.addWidget(words, 2 * index, 0)
                grid.addWidget(control, 2 * index, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        grid.setRowStretch(2 * len(lines), 1)
        grid.setVerticalSpacing(16)
        grid.setHorizontalSpacing(16)

    def set_texts(self, texts: Mapping[str, tuple[str, str]]) -> None:
        """Set title and explanation of each line, by name."""
        for name, words in self._labels.items():
            words.set_text(*texts[name])

    def set_line_visible(self, name: str, visible: bool) -> None:
        """Show or hide a whole line."""
        self._labels[name].set_line_visible(visible)


class _SettingLabel(QWidget):
    """Title and explanation of one setting, which are also the accessible name and description of its control."""

    def __init__(self, control: QWidget) -> None:
        super().__init__()
        self._control = control
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._title: QLabel = label()
        self._text: QLabel = label("quiet", wrap=True)
        column.addWidget(self._title)
        column.addWidget(self._text)

    def set_text(self, title: str, text: str) -> None:
        """Set both texts."""
        self._title.setText(title)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._control.setAccessibleName(title)
        self._control.setAccessibleDescription(text)

    def set_line_visible(self, visible: bool) -> None:
        """Show or hide both label and control."""
        self.setVisible(visible)
        self._control.setVisible(visible)


def in_a_row(*controls: QWidget) -> QWidget:
    """Controls beside each other, as the one control of a line."""
    widget = QWidget()
    row = QHBoxLayout(widget)
    row.setContentsMargins(0, 0, 0, 0)
    for control in controls:
        row.addWidget(control)
    return widget
