"""The menu behind the model's name: what is on this computer, what could be, and a file of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from desktop.i18n import translate
from desktop.ui.icons import icon

if TYPE_CHECKING:
    from desktop.chat.state import ModelChoice


def fill_model_menu(
    menu: QMenu,
    choices: Sequence[ModelChoice],
    *,
    current: str,
    choose: Callable[[ModelChoice], None],
    open_file: QAction,
) -> None:
    """One line per model with its size or state at the right; `current` is the ref of the one in use."""
    groups = {
        "file": translate("ModelMenu", "Your files"),
        "starter": translate("ModelMenu", "To try things out"),
        "belle": "BELLE",
    }
    for group, title in groups.items():
        members = [choice for choice in choices if choice.group == group]
        if not members:
            continue
        heading = menu.addAction(title)
        heading.setEnabled(False)
        for choice in members:
            state = {
                "installed": choice.subtitle,
                "not_installed": translate("ModelMenu", "not here yet"),
                "missing": translate("ModelMenu", "file is gone"),
            }[choice.status]
            # What follows a tab stands at the right edge.
            line = menu.addAction(f"{choice.title}\t{state}".replace("&", "&&"))
            line.setToolTip(" · ".join(part for part in (choice.subtitle, choice.license_note) if part))
            if choice.ref == current:
                line.setIcon(icon("check", "violet", 16))
            line.triggered.connect(lambda _=False, c=choice: choose(c))
        menu.addSeparator()
    menu.setToolTipsVisible(True)
    menu.addAction(open_file)
