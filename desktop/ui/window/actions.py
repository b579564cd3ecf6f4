"""What the person can do with the window as a whole: shortcuts, menus, dialogs, files; turned into calls of the
controller. Kept beside the window so that the window stays a picture of what is."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QObject, Qt
from PySide6.QtWidgets import QMenu

from desktop.i18n import translate
from desktop.ui.screen import within
from desktop.ui.shortcuts import TABLE, group_title, make_actions, name_actions
from desktop.ui.style.icons import icon
from desktop.ui.style.theme import theme, themes
from desktop.ui.window.model_menu import fill_model_menu

if TYPE_CHECKING:
    from desktop.chat.state import ModelChoice
    from desktop.ui.dialogs.settings import Page
    from desktop.ui.transcript import TranscriptView
    from desktop.ui.window.banner import BannerStack
    from desktop.ui.window.main_window import MainWindow
    from desktop.ui.window.welcome import Welcome

WINDOW_ACTIONS = {"choose_model", "get_belle", "choose_template"}
"""Banner buttons that open something here; the others are the controller's."""


class Gestures(QObject):
    """Owns the actions; every widget's wishes end here."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._controller = window.controller
        self.actions = make_actions(window)
        self._menus: dict[str, QMenu] = {}
        self.set_can_stop(False)
        self._connect_actions()
        self._connect_widgets()
        window.header.fill_menus(self._fill_models, self._fill_more)
        if sys.platform == "darwin":
            self._make_menu_bar()

    def retranslate(self) -> None:
        """Name the actions in the present language."""
        name_actions(self.actions)
        for group, menu in self._menus.items():
            menu.setTitle(group_title(group))

    def set_can_stop(self, can: bool) -> None:
        """Esc belongs to the window only while there is something to stop."""
        self.actions["stop"].setEnabled(can)

    # Wiring

    def _connect_actions(self) -> None:
        window, controller = self._window, self._controller
        does = {
            "new_chat": self.new_chat,
            "search": self._search,
            "next_chat": partial(self._go, 1),
            "previous_chat": partial(self._go, -1),
            "rename": self._rename,
            "focus_composer": window.composer.setFocus,
            "stop": controller.stop,
            "regenerate": self._answer_again,
            "copy_last": self._copy_last,
            "message_up": lambda: window.transcript.focus_message(-1),
            "message_down": lambda: window.transcript.focus_message(1),
            "open_model": self.open_file,
            "sidebar": window.toggle_sidebar,
            "settings": partial(self.show_settings, "general"),
            "shortcuts": self.show_shortcuts,
            "zoom_in": partial(self._zoom, 1),
            "zoom_out": partial(self._zoom, -1),
            "zoom_reset": partial(self._zoom, 0),
            "quit": window.close,
        }
        for name, action in self.actions.items():
            action.triggered.connect(lambda _=False, do=does[name]: do())

    def _connect_widgets(self) -> None:
        window, controller = self._window, self._controller
        side = window.sidebar
        side.new_chat_requested.connect(self.new_chat)
        side.opened.connect(controller.open_conversation)
        side.hit_opened.connect(window.jump_to)
        side.delete_requested.connect(controller.delete)
        side.pin_requested.connect(controller.set_pinned)
        side.settings_requested.connect(partial(self.show_settings, "general"))
        side.fold_requested.connect(window.toggle_sidebar)
        window.header.sidebar_requested.connect(window.toggle_sidebar)
        side.model.has_failed = controller.has_failed
        side.model.typed_title = window.header.typed_title = partial(controller.typed, "title")
        for place in (side, window.header):
            place.renamed.connect(controller.rename)
            place.title_typed.connect(partial(controller.keep_typed, "title"))
        controller.edit_requested.connect(self.edit_message)
        controller.template_needed.connect(lambda _: self.show_templates())

    def connect_welcome(self, welcome: Welcome) -> None:
        """Called when it is made."""
        welcome.tried.connect(self._window.composer.set_text)
        welcome.belle_requested.connect(self.show_belle)

    def connect_transcript(self, transcript: TranscriptView) -> None:
        """Called when it is made."""
        transcript.zoom_requested.connect(self._zoom)
        transcript.regenerate_requested.connect(self._controller.regenerate)
        transcript.edit_submitted.connect(self._save_edit)
        transcript.edit_changed.connect(self._controller.keep_edit)
        transcript.version_requested.connect(self._controller.switch_version)
        transcript.continue_requested.connect(self._controller.continue_answer)

    def connect_banners(self, banners: BannerStack) -> None:
        """Called when they are made."""
        banners.acted.connect(self._act)
        banners.dismissed.connect(self._window.controller.dismiss)
        banners.focus_left.connect(self._window.composer.setFocus)

    def _make_menu_bar(self) -> None:
        for shortcut in TABLE:
            if shortcut.id in self.actions:
                menu = self._menus.get(shortcut.group)
                if menu is None:
                    menu = self._menus[shortcut.group] = self._window.menuBar().addMenu(group_title(shortcut.group))
                menu.addAction(self.actions[shortcut.id])

    # Conversations and messages

    def new_chat(self) -> None:
        """An empty conversation with the keyboard in the composer."""
        self._controller.new_chat()
        self._window.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def send(self, text: str) -> None:
        """Have a text stored and answered; it leaves the composer when it was stored."""
        composer = self._window.composer
        composer.sending = True
        try:
            stored = self._controller.send(text)
        finally:
            composer.sending = False
        if stored:
            composer.taken()

    def _save_edit(self, message_id: int, text: str) -> None:
        if self._controller.edit(message_id, text):
            self._window.transcript.end_edit(message_id)

    def _search(self) -> None:
        if self._window.sidebar.isHidden():
            self._window.toggle_sidebar()
        self._window.sidebar.focus_search()

    def _go(self, step: int) -> None:
        there = self._window.sidebar.model.neighbour(self._place(), step)
        if there is not None:
            self._controller.open_conversation(there)

    def _rename(self) -> None:
        if self._window.sidebar.list.hasFocus():
            self._window.sidebar.rename_current()
        else:
            self._window.header.edit_title()

    def _place(self) -> int | None:
        """The open conversation; None while a new one has no message yet."""
        return self._controller.conversation.id if self._controller.conversation else None

    def _answer_again(self) -> None:
        shown = self._window.transcript.messages()
        if shown:
            self._controller.regenerate(shown[-1].id)

    def edit_last(self) -> None:
        """Open the editor of the last question."""
        asked = [message.id for message in self._window.transcript.messages() if message.role == "user"]
        if asked:
            self.edit_message(asked[-1])

    def _copy_last(self) -> None:
        self._window.transcript.copy_last_answer()

    def edit_message(self, message_id: int) -> None:
        """Open the editor of a message, in sight."""
        widget = self._window.transcript.message_widget(message_id)
        if widget is not None and not self._controller.busy:
            widget.edit()
            self._window.transcript.scroll_to_message(message_id)

    def _act(self, key: str, action: str) -> None:
        self._controller.act(key, action)
        if action == "choose_template":
            self.show_templates()
        elif action in WINDOW_ACTIONS:
            self._window.show_model_menu()

    # Models

    def open_file(self) -> None:
        """Ask for a GGUF file and open it."""
        from PySide6.QtWidgets import QFileDialog

        dialog = QFileDialog(
            self._window,
            translate("Window", "Open a model file"),
            filter=translate("Window", "Models (*.gguf);;All files (*)"),
        )
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.resize(within(dialog.sizeHint(), dialog))
        dialog.fileSelected.connect(self._controller.load_model)
        dialog.open()

    def dropped_file(self, data: QMimeData) -> str | None:
        """The local file that is being dragged, if it is one."""
        urls = [url for url in data.urls() if url.isLocalFile()]
        return urls[0].toLocalFile() if len(urls) == 1 else None

    def choose_model(self, choice: ModelChoice) -> None:
        """Load what is here; tell about what is not."""
        if choice.status == "not_installed":
            from desktop.ui.dialogs.model_info import ModelInfoDialog

            dialog = ModelInfoDialog(choice, self._window)
            dialog.open_file_requested.connect(self.open_file)
            dialog.open()
        else:
            self._controller.load_model(choice.ref)

    def show_belle(self) -> None:
        """About the first BELLE model of the catalogue; when one is here already, the list of models."""
        belle = [choice for choice in self._controller.models() if choice.group == "belle"]
        if belle and all(choice.status == "not_installed" for choice in belle):
            self.choose_model(belle[0])
        else:
            self._window.show_model_menu()

    def show_templates(self) -> None:
        """How the present model is talked to, and how it could be."""
        info = self._controller.model.info
        if info is None:
            return
        from desktop.ui.dialogs.template import TemplateDialog

        dialog = TemplateDialog(PurePath(info.path).name, info.template, self._window)
        dialog.chosen.connect(self._controller.set_template)
        self._controller.templates_listed.connect(dialog.show_options)
        self._controller.request_templates(dialog.conversation())
        dialog.open()

    # Menus and dialogs

    def _fill_models(self, menu: QMenu) -> None:
        fill_model_menu(
            menu,
            self._controller.models(),
            current=self._controller.model_ref,
            choose=self.choose_model,
            open_file=self.actions["open_model"],
        )
        template = menu.addAction(translate("Window", "Prompt template…"))
        template.setEnabled(self._controller.model.info is not None)
        template.triggered.connect(self.show_templates)

    def _fill_more(self, menu: QMenu) -> None:
        prompt = menu.addAction(icon("edit", size=16), translate("Window", "System prompt…"))
        prompt.triggered.connect(self.show_system_prompt)
        answers = menu.addAction(icon("sliders", size=16), translate("Window", "Answer settings…"))
        answers.triggered.connect(partial(self.show_settings, "answers"))
        template = menu.addAction(icon("chat", size=16), translate("Window", "Prompt template…"))
        template.setEnabled(self._controller.model.info is not None)
        template.triggered.connect(self.show_templates)
        self._add_thinking(menu)
        menu.addSeparator()
        menu.addAction(self.actions["open_model"])
        menu.addAction(self.actions["shortcuts"])
        menu.addAction(self.actions["settings"])
        menu.addSeparator()
        about = menu.addAction(icon("info", size=16), translate("Window", "About ChatBELLE"))
        about.triggered.connect(self.show_about)

    def _add_thinking(self, menu: QMenu) -> None:
        thinks = self._controller.thinks
        if thinks is not None:
            action = menu.addAction(translate("Window", "Think before answering"))
            action.setCheckable(True)
            action.setChecked(thinks)
            action.toggled.connect(self._controller.set_thinking)

    def show_settings(self, page: Page) -> None:
        """The settings at one of their pages."""
        from desktop.ui.dialogs.settings import SettingsDialog

        base = self._controller.own_sampling()
        dialog = SettingsDialog(self._window.settings, self._window, page=page, base=base)
        dialog.load_settings_changed.connect(self._controller.apply_settings)
        dialog.templates_requested.connect(self.show_templates)
        dialog.set_can_choose_template(self._controller.model.info is not None)
        dialog.open()

    def show_shortcuts(self) -> None:
        """The list of shortcuts."""
        from desktop.ui.dialogs.shortcuts import ShortcutsDialog

        ShortcutsDialog(self._window).open()

    def show_system_prompt(self) -> None:
        """Edit the system prompt of this conversation."""
        from desktop.ui.dialogs.system_prompt import SystemPromptDialog

        controller = self._controller
        place = self._place()
        typed = controller.typed("system_prompt", place)
        dialog = SystemPromptDialog(controller.system_prompt if typed is None else typed, self._window)
        dialog.typed.connect(lambda text: controller.keep_typed("system_prompt", place, text))
        dialog.rejected.connect(lambda: controller.keep_typed("system_prompt", place, None))
        dialog.chosen.connect(lambda text: dialog.accept() if controller.set_system_prompt(text) else None)
        dialog.open()

    def show_about(self) -> None:
        """Versions, terms, places."""
        from desktop.ui.dialogs.about import AboutDialog

        AboutDialog(self._window).open()

    def _zoom(self, steps: int) -> None:
        if steps == 0:
            themes().set_zoom(1.0)
        else:
            themes().step_zoom(steps)
        self._window.settings.set_value("window/zoom", theme().zoom)
