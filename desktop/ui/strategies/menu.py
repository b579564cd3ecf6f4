"""The submenu that says how answers come about in the open conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import caption, set_tooltip
from desktop.ui.style.icons import icon

if TYPE_CHECKING:
    from desktop.chat.state import ModelChoice
    from desktop.chat.strategies.control import StrategyControl


def add_strategies(menu: QMenu, control: StrategyControl, models: Sequence[ModelChoice], window: QWidget) -> None:
    """Add the submenu.

    Args:
        control: has the strategy, and changes it.
        models: from which a slow mind is chosen.
        window: the parent of the scratchpad.
    """
    current = control.current
    submenu = menu.addMenu(icon("sliders", size=16), translate("Strategy", "How to answer"))
    submenu.setToolTipsVisible(True)
    group = QActionGroup(submenu)
    for name, text, explanation in (
        ("plain", translate("Strategy", "At once"), ""),
        (
            "react",
            translate("Strategy", "In steps, with tools (ReAct)"),
            translate("Strategy", "Thoughts and actions take turns: calculator, calendar, your documents and chats."),
        ),
        (
            "duma",
            translate("Strategy", "Fast, and slowly where in doubt (DUMA)"),
            translate("Strategy", "A fast answer comes first; where it is in doubt, the model thinks and uses tools."),
        ),
        (
            "raise",
            translate("Strategy", "In steps, with a scratchpad (RAISE)"),
            translate("Strategy", "As in steps; facts are noted, and similar answers of yours serve as examples."),
        ),
    ):
        action = submenu.addAction(text)
        action.setCheckable(True)
        action.setChecked(current.name == name)
        set_tooltip(action, explanation)
        action.triggered.connect(lambda _=False, chosen=name: control.choose(chosen))
        group.addAction(action)
    submenu.addSeparator()
    _add_slow_minds(submenu, control, models)
    pad = submenu.addAction(translate("Strategy", "Scratchpad…"))
    pad.triggered.connect(lambda: show_scratchpad(control, window))


def show_scratchpad(control: StrategyControl, window: QWidget) -> None:
    """Show the scratchpad of the open conversation."""
    from desktop.ui.strategies.scratchpad_dialog import ScratchpadDialog

    dialog = ScratchpadDialog(control.facts(), window)
    dialog.chosen.connect(control.edit_facts)
    dialog.open()


def _add_slow_minds(menu: QMenu, control: StrategyControl, models: Sequence[ModelChoice]) -> None:
    slow = control.current.slow
    minds = menu.addMenu(translate("Strategy", "Who thinks slowly (DUMA)"))
    group = QActionGroup(minds)
    here = [(choice.ref, choice.title) for choice in models if choice.status == "installed"]
    for ref, title in [("", translate("Strategy", "The same model")), *here]:
        action = minds.addAction(caption(title))
        action.setCheckable(True)
        action.setChecked(slow == ref)
        action.triggered.connect(lambda _=False, chosen=ref: control.choose_slow(chosen))
        group.addAction(action)
