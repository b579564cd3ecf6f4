"""The menu behind the model's name: what is on this computer, what could be, and a file of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.foreign_text import caption, set_tooltip
from desktop.ui.style.icons import icon
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.chat.state import ModelChoice

_SUBTITLE = 260
"""Pixels at 100 %."""


def fill_model_menu(
    menu: QMenu,
    choices: Sequence[ModelChoice],
    *,
    current: str,
    choose: Callable[[ModelChoice], None],
    open_file: QAction,
) -> None:
    """One line per model that is here, with its size or state at the right; `current` is the ref of the one in use.

    Those that could be fetched are behind one line.
    """
    groups = {
        "file": translate("ModelMenu", "Your files"),
        "starter": translate("ModelMenu", "To try things out"),
        "belle": "BELLE",
    }

    def add(to: QMenu, choice: ModelChoice) -> None:
        gone = translate("ModelMenu", "file is gone")
        state = gone if choice.status == "missing" else _short(choice, menu)
        # What follows a tab stands at the right edge.
        line = to.addAction(f"{caption(choice.title)}\t{caption(state)}")
        set_tooltip(line, " · ".join(part for part in (choice.subtitle, choice.license_note) if part))
        if choice.ref == current:
            line.setIcon(icon("check", "violet", 16))
        line.triggered.connect(lambda: choose(choice))

    for group, title in groups.items():
        here = [choice for choice in choices if choice.group == group and choice.status != "not_installed"]
        if here:
            menu.addAction(title).setEnabled(False)
            for choice in here:
                add(menu, choice)
            menu.addSeparator()
    rest = [choice for choice in choices if choice.status == "not_installed"]
    if rest:
        # They would fill the screen.
        more = menu.addMenu(translate("ModelMenu", "Not here yet ({count})").format(count=numbers.count(len(rest))))
        more.setToolTipsVisible(True)
        for choice in rest:
            add(more, choice)
        menu.addSeparator()
    menu.setToolTipsVisible(True)
    menu.addAction(open_file)


def _short(choice: ModelChoice, menu: QMenu) -> str:
    """The subtitle, as much of it as a menu has room for; the whole is in the tooltip. Of a path both ends tell."""
    cut = Qt.TextElideMode.ElideMiddle if choice.group == "file" else Qt.TextElideMode.ElideRight
    return menu.fontMetrics().elidedText(choice.subtitle, cut, theme().px(_SUBTITLE))
