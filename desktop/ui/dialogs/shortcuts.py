"""The list of shortcuts, made from the table in `desktop.ui.shortcuts`."""

from __future__ import annotations

from itertools import groupby

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.shortcuts import TABLE, description, group_title, key_text
from desktop.ui.style.controls import label
from desktop.ui.style.theme import theme


class ShortcutsDialog(Dialog):
    """Two columns of groups, each with descriptions and keys."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, width=640)
        self._grid = QGridLayout()
        self.body.addLayout(self._grid)
        self._groups: list[tuple[str, QLabel]] = []
        self._rows: list[tuple[str, QLabel, QLabel]] = []
        lines = [0, 0]
        for group, members in groupby(TABLE, key=lambda shortcut: shortcut.group):
            side = 0 if group in ("conversations", "writing") else 1
            title = label("section")
            if lines[side]:
                title.setContentsMargins(0, theme().space(3), 0, 0)
            self._grid.addWidget(title, lines[side], side * 3, 1, 2)
            self._groups.append((group, title))
            lines[side] += 1
            for shortcut in members:
                does, keys = label("small", wrap=True), label("quiet")
                keys.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self._grid.addWidget(does, lines[side], side * 3)
                self._grid.addWidget(keys, lines[side], side * 3 + 1)
                self._rows.append((shortcut.id, does, keys))
                lines[side] += 1
        self._grid.setRowStretch(max(lines), 1)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(3, 1)
        self.add_close_button()
        self.ready()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Shortcuts", "Keyboard shortcuts"))
        for group, title in self._groups:
            title.setText(group_title(group))
        for name, does, keys in self._rows:
            does.setText(description(name))
            keys.setText(key_text(name))

    def restyle(self) -> None:
        """Set distances."""
        super().restyle()
        self._grid.setHorizontalSpacing(theme().space(3))
        self._grid.setVerticalSpacing(theme().px(6))
        self._grid.setColumnMinimumWidth(2, theme().space(3))
