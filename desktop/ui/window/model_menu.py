"""Fills the menu of models: those on this computer, those that can be fetched, and opening a file."""

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

_SUBTITLE_WIDTH = 260
"""Pixels at 100 %."""


def fill_model_menu(
    menu: QMenu,
    choices: Sequence[ModelChoice],
    *,
    current: str,
    choose: Callable[[ModelChoice], None],
    open_file: QAction,
) -> None:
    """Add an entry for each installed model, with its subtitle or state at the right; `current` is the ref in use.

    Models that can be fetched are in a submenu.
    """
    groups = {
        "file": translate("ModelMenu", "Your files"),
        "starter": translate("ModelMenu", "To try things out"),
        "belle": "BELLE",
        "small": translate("ModelMenu", "Small models"),
    }

    def add(to: QMenu, choice: ModelChoice) -> None:
        gone = translate("ModelMenu", "file is gone")
        state = gone if choice.status == "missing" else _elided_subtitle(choice, menu)
        # Qt aligns the text behind a tab at the right edge.
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
        # In a submenu, because they would fill the screen.
        more = menu.addMenu(translate("ModelMenu", "Not here yet ({count})").format(count=numbers.count(len(rest))))
        more.setToolTipsVisible(True)
        for choice in rest:
            add(more, choice)
        menu.addSeparator()
    menu.setToolTipsVisible(True)
    menu.addAction(open_file)


def _elided_subtitle(choice: ModelChoice, menu: QMenu) -> str:
    """The subtitle, elided to the width of a menu (the tooltip has all of it); a path in its middle."""
    cut = Qt.TextElideMode.ElideMiddle if choice.group == "file" else Qt.TextElideMode.ElideRight
    return menu.fontMetrics().elidedText(choice.subtitle, cut, theme().px(_SUBTITLE_WIDTH))
