"""The two menus of the header, filled each time they open: of the model's name, and ⋯."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import PurePath
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
    from desktop.chat.controller import ChatController
    from desktop.chat.state import ModelChoice
    from desktop.ui.instructions.fact_dialogs import FactDialogs
    from desktop.ui.instructions.project_dialogs import ProjectDialogs
    from desktop.ui.window.dialogs import WindowDialogs
    from desktop.ui.window.exchange_dialogs import ExchangeDialogs

_SUBTITLE_WIDTH = 260
"""Pixels at 100 %."""


class HeaderMenus:
    """Fills the menus of the header.

    Args:
        controller: its state says what is in them, and what is checked.
        actions: those with shortcuts, by id.
        dialogs, exchange, projects, facts: open what most entries lead to.
        compare: compares the last question with another model.
    """

    def __init__(
        self,
        controller: ChatController,
        actions: Mapping[str, QAction],
        *,
        dialogs: WindowDialogs,
        exchange: ExchangeDialogs,
        projects: ProjectDialogs,
        facts: FactDialogs,
        compare: Callable[[], object],
    ) -> None:
        self._controller, self._actions = controller, actions
        self._dialogs, self._exchange, self._projects, self._facts = dialogs, exchange, projects, facts
        self._compare = compare

    def fill_models(self, menu: QMenu) -> None:
        """Fill the menu of the model's name."""
        self._add_project_model(menu)
        fill_model_menu(
            menu,
            self._controller.models.choices(),
            current=self._controller.models.ref,
            choose=self._dialogs.choose_model,
            open_file=self._actions["open_model"],
        )
        library = menu.addAction(translate("Window", "Models…"))
        library.triggered.connect(self._actions["models"].trigger)
        template = menu.addAction(translate("Window", "Prompt template…"))
        template.setEnabled(self._controller.model.info is not None)
        template.triggered.connect(self._dialogs.show_templates)

    def _add_project_model(self, menu: QMenu) -> None:
        """Say which model answers here, where it is not the one that was chosen for all conversations."""
        projects = self._controller.projects
        model, project = projects.model(), projects.current
        if model.source == "general":
            return
        names = {choice.ref: choice.title for choice in self._controller.models.choices()}
        name = caption(names.get(model.value, PurePath(model.value).name))
        if model.source == "conversation":
            menu.addAction(translate("Window", "{name}, for this chat alone").format(name=name)).setEnabled(False)
            if project is not None and project.settings.model:
                back = menu.addAction(translate("Window", "Use the project's model again"))
                back.triggered.connect(projects.forget_own_model)
        else:
            text = translate("Window", "{name}, from the project").format(name=name)
            if not projects.model_is_loaded:
                text = translate("Window", "{name}, from the project: is loaded with the next question")
                text = text.format(name=name)
            menu.addAction(text).setEnabled(False)
        menu.addSeparator()

    def fill_more(self, menu: QMenu) -> None:
        """Fill the ⋯ menu."""
        prompt = menu.addAction(icon("edit", size=16), translate("Window", "System prompt…"))
        prompt.triggered.connect(self._dialogs.show_system_prompt)
        personas = menu.addAction(icon("chat", size=16), translate("Window", "Personas…"))
        personas.triggered.connect(lambda _: self._dialogs.personas.show())
        self._facts.add_to(menu)
        answers = menu.addAction(icon("sliders", size=16), translate("Window", "Answer settings…"))
        answers.triggered.connect(partial(self._dialogs.show_settings, "answers"))
        template = menu.addAction(icon("chat", size=16), translate("Window", "Prompt template…"))
        template.setEnabled(self._controller.model.info is not None)
        template.triggered.connect(self._dialogs.show_templates)
        context = menu.addAction(icon("fold", size=16), translate("Window", "When the context is full…"))
        context.triggered.connect(self._dialogs.show_context)
        documents = menu.addAction(icon("folder-open", size=16), translate("Window", "Documents…"))
        documents.triggered.connect(self._dialogs.show_documents)
        compare = menu.addAction(icon("columns", size=16), translate("Window", "Compare two models…"))
        compare.triggered.connect(self._compare)
        self._add_thinking(menu)
        self._dialogs.add_strategies(menu)
        menu.addSeparator()
        menu.addAction(self._actions["find"])
        menu.addAction(self._actions["reader"])
        menu.addSeparator()
        self._add_project(menu)
        menu.addSeparator()
        self._add_exchange(menu)
        menu.addSeparator()
        menu.addAction(self._actions["open_model"])
        menu.addAction(self._actions["shortcuts"])
        menu.addAction(self._actions["settings"])
        serve = menu.addAction(icon("globe", size=16), translate("Window", "Serve on this computer…"))
        serve.triggered.connect(self._dialogs.show_server)
        menu.addSeparator()
        about = menu.addAction(icon("info", size=16), translate("Window", "About ChatBELLE"))
        about.triggered.connect(self._dialogs.show_about)

    def _add_thinking(self, menu: QMenu) -> None:
        thinks = self._controller.models.thinks
        if thinks is not None:
            action = menu.addAction(translate("Window", "Think before answering"))
            action.setCheckable(True)
            action.setChecked(thinks)
            action.toggled.connect(self._controller.models.set_thinking)

    def _add_project(self, menu: QMenu) -> None:
        project = self._controller.projects.current
        if project is not None:
            settings = menu.addAction(icon("folder-open", size=16), translate("Window", "Project settings…"))
            settings.triggered.connect(lambda: self._projects.edit(project.id))
        new = menu.addAction(icon("folder", size=16), translate("Window", "New project…"))
        new.triggered.connect(lambda _: self._projects.create())

    def _add_exchange(self, menu: QMenu) -> None:
        for name in ("export", "print"):
            menu.addAction(self._actions[name])
        all_chats = menu.addAction(translate("Window", "Export all chats…"))
        all_chats.triggered.connect(self._exchange.export_all)
        incoming = menu.addAction(translate("Window", "Import chats…"))
        incoming.triggered.connect(self._exchange.import_files)


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
