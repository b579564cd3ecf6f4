"""The actions of the window: shortcuts, menus and buttons, connected to the controller.

This works on `WindowLayout` and does not know `MainWindow`, which shows the results.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMenu

from desktop.chat.state import Notice
from desktop.ui.instructions.fact_dialogs import FactDialogs
from desktop.ui.instructions.project_dialogs import ProjectDialogs
from desktop.ui.links import links
from desktop.ui.pictures.composer_pictures import ComposerPictures
from desktop.ui.shortcuts import TABLE, group_title, make_actions, name_actions
from desktop.ui.style.theme import theme, themes
from desktop.ui.voice.dictating import WindowDictation
from desktop.ui.voice.read_aloud import ReadingAloud
from desktop.ui.window.attachments import WindowAttachments
from desktop.ui.window.code_saving import CodeSaving
from desktop.ui.window.dialogs import WindowDialogs
from desktop.ui.window.dropping import DroppedFiles
from desktop.ui.window.exchange_dialogs import ExchangeDialogs
from desktop.ui.window.finding import FindInConversation
from desktop.ui.window.menus import HeaderMenus
from desktop.ui.window.reader import ReaderMode

if TYPE_CHECKING:
    from belle.errors import KnownError
    from desktop.chat.controller import ChatController
    from desktop.store.records import StoredConversation
    from desktop.ui.documents.chip import DocumentsChip
    from desktop.ui.transcript import TranscriptView
    from desktop.ui.window.banner import BannerStack
    from desktop.ui.window.layout import WindowLayout
    from desktop.ui.window.welcome import Welcome

WINDOW_ACTIONS = {"choose_model", "get_belle", "choose_template"}
"""Ids of banner buttons that open something here; the controller handles the others."""


class WindowActions(QObject):
    """Owns the actions (`by_id`) and connects the widgets' signals to the controller.

    Args:
        window: has the widgets; those that are created later are connected by the `connect_` methods.
        controller: carries the actions out.
    """

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window)
        self._window = window
        self._controller = controller
        self.by_id = make_actions(window)
        self.reading_aloud = ReadingAloud(window, controller)
        self.dialogs = WindowDialogs(
            window, controller, window.settings, window.header.show_model_menu, self.reading_aloud
        )
        self.exchange = ExchangeDialogs(window, controller)
        self.attachments = WindowAttachments(window, controller)
        self.pictures = ComposerPictures(window, controller)
        self.attachments.pictures_chosen.connect(self.pictures.add)
        self.code_saving = CodeSaving(window, controller)
        self.reader = ReaderMode(window)
        self.finding = FindInConversation(window)
        self.dictating = WindowDictation(window, controller)
        self.dialogs.settings_opened.connect(lambda dialog: self.dictating.connect_page(dialog.voice))
        self.dropped = DroppedFiles(controller, self.exchange, self.attachments, self.reader, self.dictating)
        self.projects = ProjectDialogs(window, controller, self.dialogs.personas)
        self.facts = FactDialogs(window, controller.facts)
        self._menus: dict[str, QMenu] = {}
        self._can_stop = False
        self.by_id["dictate"].setAutoRepeat(False)  # it may be held
        self._update_actions()
        self._connect_actions()
        self._connect_widgets()
        menus = HeaderMenus(
            controller,
            self.by_id,
            dialogs=self.dialogs,
            exchange=self.exchange,
            projects=self.projects,
            facts=self.facts,
            compare=self._compare,
        )
        window.header.fill_menus(menus.fill_models, menus.fill_more)
        if sys.platform == "darwin":
            self._make_menu_bar()

    def retranslate(self) -> None:
        """Set the texts of actions and menus in the present language."""
        name_actions(self.by_id)
        for group, menu in self._menus.items():
            menu.setTitle(group_title(group))

    def set_can_stop(self, can: bool) -> None:
        """Enable Esc for the window; only while something can be stopped, because other widgets use it too."""
        self._can_stop = can
        self._update_actions()

    def _update_actions(self) -> None:
        self.by_id["stop"].setEnabled(self._can_stop or self.reader.is_on or self.reading_aloud.is_on)
        for name in ("export", "print", "reader", "find"):
            self.by_id[name].setEnabled(self._controller.conversation is not None)

    # Connections

    def _connect_actions(self) -> None:
        window, dialogs = self._window, self.dialogs
        handlers = {
            "new_chat": self.new_chat,
            "quick_ask": window.ask_requested.emit,
            "search": self._search,
            "next_chat": partial(self._go, 1),
            "previous_chat": partial(self._go, -1),
            "rename": self._rename,
            "export": self.exchange.export_open,
            "print": self.exchange.print_open,
            "focus_composer": self._focus_composer,
            "dictate": self._dictate,
            "stop": self._escape,
            "regenerate": self._answer_again,
            "copy_last": self._copy_last,
            "read_aloud": self.reading_aloud.toggle,
            "pin_message": self._pin_message,
            "message_up": lambda: window.transcript.focus_message(-1),
            "message_down": lambda: window.transcript.focus_message(1),
            "models": dialogs.show_library,
            "open_model": dialogs.open_file,
            "sidebar": self._toggle_sidebar,
            "reader": self.reader.toggle,
            "find": self.finding.open,
            "settings": partial(dialogs.show_settings, "general"),
            "shortcuts": dialogs.show_shortcuts,
            "zoom_in": partial(self._zoom, 1),
            "zoom_out": partial(self._zoom, -1),
            "zoom_reset": partial(self._zoom, 0),
            "quit": window.quit_requested.emit,
        }
        for name, action in self.by_id.items():
            action.triggered.connect(lambda _=False, handle=handlers[name]: handle())

    def _connect_widgets(self) -> None:
        window, controller = self._window, self._controller
        side = window.sidebar
        side.new_chat_requested.connect(self.new_chat)
        side.opened.connect(controller.conversations.open)
        side.delete_requested.connect(controller.conversations.delete)
        side.pin_requested.connect(controller.conversations.set_pinned)
        side.settings_requested.connect(partial(self.dialogs.show_settings, "general"))
        side.fold_requested.connect(window.toggle_sidebar)
        window.header.sidebar_requested.connect(window.toggle_sidebar)
        self.reader.changed.connect(self._update_actions)
        self.reading_aloud.changed.connect(self._update_actions)
        controller.conversation_opened.connect(self._conversation_opened)
        side.model.has_failed = controller.has_failed
        side.model.typed_title = window.header.typed_title = partial(controller.drafting.typed_text, "title")
        for renaming in (side.model, window.header):
            renaming.renamed.connect(controller.conversations.rename)
            renaming.title_typed.connect(partial(controller.drafting.set_typed_text, "title"))
        self.projects.connect_list(side.list)
        window.status.gauge.clicked.connect(self.dialogs.show_context)
        controller.edit_requested.connect(self.edit_message)
        controller.template_needed.connect(lambda _: self.dialogs.show_templates())

    def connect_welcome(self, welcome: Welcome) -> None:
        """Connect the welcome page; called when it is created."""
        welcome.tried.connect(self._window.composer.set_text)
        welcome.belle_requested.connect(self.dialogs.show_belle)

    def connect_transcript(self, transcript: TranscriptView) -> None:
        """Connect the transcript; called when it is created."""
        transcript.zoom_requested.connect(self._zoom)
        transcript.regenerate_requested.connect(self._controller.messages.regenerate)
        transcript.edit_submitted.connect(self._save_edit)
        transcript.edit_changed.connect(self._controller.drafting.set_edit)
        transcript.version_requested.connect(self._controller.messages.switch_version)
        transcript.continue_requested.connect(self._controller.messages.continue_answer)
        transcript.answer_now_requested.connect(self._controller.messages.answer_now)
        transcript.source_requested.connect(self.dialogs.show_passage)
        transcript.save_code_requested.connect(self.code_saving.ask)
        transcript.compare_requested.connect(self._compare_on)
        transcript.remember_requested.connect(self.facts.remember)
        transcript.speak_requested.connect(self.reading_aloud.toggle)
        transcript.pin_requested.connect(self._controller.context.set_message_pinned)
        transcript.context_requested.connect(self.dialogs.show_context)
        transcript.summary_requested.connect(self.dialogs.show_summary)
        links().refused.connect(self._link_refused)

    def _link_refused(self, error: KnownError) -> None:
        self._controller.notice.emit(Notice.of(error))

    def connect_documents(self, chip: DocumentsChip) -> None:
        """Connect the folder above the composer; called when it is created."""
        chip.opened.connect(self.dialogs.show_documents)
        chip.removed.connect(lambda: self._controller.documents.choose(""))

    def connect_banners(self, banners: BannerStack) -> None:
        """Connect the banners; called when they are created."""
        banners.acted.connect(self._act)
        banners.dismissed.connect(self._controller.dismiss)
        banners.focus_left.connect(self._window.composer.setFocus)

    def _make_menu_bar(self) -> None:
        for shortcut in TABLE:
            if shortcut.id in self.by_id:
                menu = self._menus.get(shortcut.group)
                if menu is None:
                    menu = self._menus[shortcut.group] = self._window.menuBar().addMenu(group_title(shortcut.group))
                menu.addAction(self.by_id[shortcut.id])

    # The parts of the window

    def _escape(self) -> None:
        if self.reading_aloud.is_on:
            self.reading_aloud.stop()
        elif self.reader.is_on:
            self.reader.leave()
        else:
            self._controller.messages.stop()

    def _toggle_sidebar(self) -> None:
        if self.reader.is_on:
            self.reader.leave()
        else:
            self._window.toggle_sidebar()

    def _focus_composer(self) -> None:
        self.reader.leave()
        self._window.composer.setFocus()

    def _dictate(self) -> None:
        self.reader.leave()
        self.dictating.toggle()

    # Conversations and messages

    def _conversation_opened(self, conversation: StoredConversation | None) -> None:
        self.finding.close()
        self.reading_aloud.leave(conversation.id if conversation else None)
        if conversation is None:  # nothing to read
            self.reader.leave()
        self._update_actions()

    def new_chat(self) -> None:
        """An empty conversation with the keyboard in the composer."""
        self._controller.conversations.new_chat()
        self._window.composer.setFocus(Qt.FocusReason.OtherFocusReason)

    def send(self, text: str) -> None:
        """Send a text. The composer is cleared only when the store has it."""
        if self.attachments.refuses_to_send() or self.pictures.refuses_to_send():
            return
        composer = self._window.composer
        # The first question opens its conversation while `send` runs; the composer must keep its text then.
        composer.sending = True
        conversation = self._controller.conversation
        try:
            stored = self._controller.messages.send(text, self.attachments.files(), self.pictures.pictures())
        finally:
            composer.sending = False
        if stored:
            composer.clear_text()
            self.attachments.clear(conversation.id if conversation else None)
            self.pictures.clear(conversation.id if conversation else None)

    def _save_edit(self, message_id: int, text: str) -> None:
        if self._controller.messages.edit(message_id, text):
            self._window.transcript.end_edit(message_id)

    def _search(self) -> None:
        self.reader.leave()
        if self._window.sidebar.isHidden():
            self._window.toggle_sidebar()
        self._window.sidebar.focus_search()

    def _go(self, step: int) -> None:
        current = self._controller.conversation
        neighbour = self._window.sidebar.model.neighbour(current.id if current else None, step)
        if neighbour is not None:
            self._controller.conversations.open(neighbour)

    def _rename(self) -> None:
        if self._window.sidebar.list.hasFocus():
            self._window.sidebar.rename_current()
        else:
            self._window.header.edit_title()

    def _answer_again(self) -> None:
        messages = self._window.transcript.messages()
        if messages:
            self._controller.messages.regenerate(messages[-1].id)

    def edit_last(self) -> None:
        """Open the editor of the last question."""
        questions = [message.id for message in self._window.transcript.messages() if message.role == "user"]
        if questions:
            self.edit_message(questions[-1])

    def _copy_last(self) -> None:
        self._window.transcript.copy_last_answer()

    def _compare(self) -> None:
        """Compare two models on the last question, or on one to be typed."""
        questions = [message.id for message in self._window.transcript.messages() if message.role == "user"]
        self._compare_on(questions[-1] if questions else None)

    def _compare_on(self, message_id: int | None) -> None:
        self.dialogs.comparisons.compare_question(message_id)

    def _pin_message(self) -> None:
        self._window.transcript.pin_current()

    def edit_message(self, message_id: int) -> None:
        """Open the editor of a message and scroll to it."""
        widget = self._window.transcript.message_widget(message_id)
        if widget is not None and not self._controller.busy:
            widget.edit()
            self._window.transcript.scroll_to_message(message_id)

    def _act(self, key: str, action: str) -> None:
        self._controller.act(key, action)
        if action == "choose_template":
            self.dialogs.show_templates()
        elif action == "edit_summary":
            self.dialogs.show_summary()
        elif action == "edit_system_prompt":
            self.dialogs.show_system_prompt()
        elif action == "show_crashes":
            self.dialogs.show_crashes()
        elif action == "delete_crashes":
            self.dialogs.delete_crashes()
        elif action == "get_speech_model":
            self.dialogs.show_library("speech")
        elif action in WINDOW_ACTIONS:
            self.reader.leave()
            self._window.header.show_model_menu()

    def _zoom(self, steps: int) -> None:
        if steps == 0:
            themes().set_zoom(1.0)
        else:
            themes().step_zoom(steps)
        self._window.settings.set_value("window/zoom", theme().zoom)
