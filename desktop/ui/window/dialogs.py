"""Opens the dialogs of the window and connects them to the controller."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, Signal
from PySide6.QtWidgets import QMenu, QWidget

from desktop.i18n import translate

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.chat.state import ModelChoice
    from desktop.library.entries import LibraryEntry
    from desktop.library.library import Library
    from desktop.settings import Settings
    from desktop.store.records import StoredMessage
    from desktop.ui.dialogs.settings import Page
    from desktop.ui.dialogs.system_prompt import SystemPromptDialog
    from desktop.ui.instructions.persona_dialogs import PersonaDialogs
    from desktop.ui.voice.read_aloud import ReadingAloud
    from desktop.ui.window.comparing import ComparisonDialogs


class WindowDialogs(QObject):
    """Opens dialogs. Each is imported at its first use, to keep the start of the window fast.

    Args:
        window: the parent of the dialogs.
        controller: carries out what they choose.
        settings: changed by the settings dialog.
        show_models: opens the list of models.
        reading_aloud: knows which voices there are.
    """

    job_changed = Signal(object)
    """The `JobState` of a job of the library."""
    settings_opened = Signal(object)
    """The `SettingsDialog` that is about to be shown."""

    def __init__(
        self,
        window: QWidget,
        controller: ChatController,
        settings: Settings,
        show_models: Callable[[], None],
        reading_aloud: ReadingAloud,
    ) -> None:
        super().__init__(window)
        self._window, self._controller, self._settings = window, controller, settings
        self._show_models, self._reading_aloud = show_models, reading_aloud

    def open_file(self) -> None:
        """Ask for a GGUF file and open it."""
        from desktop.ui.file_dialog import choose_file

        title, pattern = translate("Window", "Open a model file"), translate("Window", "Models (*.gguf)")
        choose_file(self._window, title, pattern, lambda path: self._controller.projects.choose_model(str(path)))

    def choose_model(self, choice: ModelChoice) -> None:
        """Load a model that is on this computer; show in the library how to get another one."""
        if choice.status == "not_installed":
            self.show_library("small" if choice.group == "small" else "belle")
        else:
            self._controller.projects.choose_model(choice.ref)

    def add_strategies(self, menu: QMenu) -> None:
        """Add the submenu of strategies."""
        from desktop.ui.strategies.menu import add_strategies

        add_strategies(menu, self._controller.strategies, self._controller.models.choices(), self._window)

    def show_belle(self) -> None:
        """Show the BELLE models in the library; if one is installed, open the list of models."""
        belle = [choice for choice in self._controller.models.choices() if choice.group == "belle"]
        if belle and all(choice.status == "not_installed" for choice in belle):
            self.show_library("belle")
        else:
            self._show_models()

    @cached_property
    def personas(self) -> PersonaDialogs:
        """The dialogs of personas."""
        from desktop.ui.instructions.persona_dialogs import PersonaDialogs

        return PersonaDialogs(self._window, self._controller.personas)

    @cached_property
    def _library(self) -> Library:
        """Lives as long as the window: its jobs go on when its dialog is closed."""
        from desktop.library.library import Library

        library = Library(self._settings, self)
        library.job_changed.connect(self.job_changed)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(library.close)
        return library

    @cached_property
    def comparisons(self) -> ComparisonDialogs:
        """Compares two models."""
        from desktop.ui.window.comparing import ComparisonDialogs

        return ComparisonDialogs(self._window, self._controller, self._settings, self._library)

    def show_library(self, section: str = "installed") -> None:
        """Open the library of models at a section."""
        from desktop.ui.library.dialog import LibraryDialog

        controller = self._controller
        for open_already in self._window.findChildren(LibraryDialog):
            open_already.close()
        dialog = LibraryDialog(
            self._library, self._settings, lambda: controller.models.ref, self._window, section=section
        )
        dialog.chosen.connect(controller.projects.choose_model)
        dialog.details_requested.connect(self._show_details)
        dialog.comparison_requested.connect(self.comparisons.compare_model)
        controller.model_changed.connect(dialog.follow_model)
        dialog.show()

    def _show_details(self, entry: LibraryEntry) -> None:
        from desktop.ui.library.details import ModelDetailsDialog

        dialog = ModelDetailsDialog(
            entry,
            self._library,
            self._settings,
            self._window,
            current=entry.ref == self._controller.models.ref,
            loaded_with=self._controller.models.loaded_with(),
        )
        dialog.finished.connect(self._library.changed)
        dialog.templates_requested.connect(self.show_templates)
        dialog.reload_requested.connect(self._controller.models.apply_settings)
        dialog.cost_requested.connect(lambda: self._show_cost(entry))
        dialog.open()

    def _show_cost(self, entry: LibraryEntry) -> None:
        from desktop.ui.library.cost import CostDialog

        CostDialog(entry, self._window).show()

    def show_templates(self) -> None:
        """Let the person choose the prompt template of the present model."""
        info = self._controller.model.info
        if info is None:
            return
        from desktop.ui.dialogs.template import TemplateDialog

        dialog = TemplateDialog(PurePath(info.path).name, info.template, self._window)
        dialog.chosen.connect(self._controller.models.set_template)
        self._controller.templates_listed.connect(dialog.show_options)
        self._controller.models.request_templates(dialog.conversation())
        dialog.open()

    def show_settings(self, page: Page) -> None:
        """Open the settings at a page."""
        from desktop.ui.dialogs.settings import SettingsDialog

        models = self._controller.models
        base = models.own_sampling()
        dialog = SettingsDialog(self._settings, self._window, page=page, base=base)
        dialog.load_settings_changed.connect(models.apply_settings)
        dialog.show_saved_bytes(models.saved_state_bytes())
        dialog.delete_saved_requested.connect(models.delete_saved_states)
        dialog.delete_saved_requested.connect(lambda: dialog.show_saved_bytes(models.saved_state_bytes()))
        dialog.templates_requested.connect(self.show_templates)
        voice = dialog.reading.voice_button
        voice.voices_requested.connect(self._reading_aloud.list_voices)
        self._reading_aloud.voices_listed.connect(voice.show_voices)
        self.settings_opened.emit(dialog)
        dialog.voice.models_requested.connect(dialog.accept)
        dialog.voice.models_requested.connect(lambda: self.show_library("speech"))
        dialog.set_can_choose_template(self._controller.model.info is not None)
        dialog.open()

    def show_shortcuts(self) -> None:
        """Open the list of shortcuts."""
        from desktop.ui.dialogs.shortcuts import ShortcutsDialog

        ShortcutsDialog(self._window).open()

    def show_system_prompt(self) -> None:
        """Edit the system prompt of this conversation."""
        from desktop.ui.dialogs.system_prompt import SystemPromptDialog
        from desktop.ui.instructions.words import project_note

        controller = self._controller
        conversation_id = controller.conversation.id if controller.conversation else None
        typed = controller.drafting.typed_text("system_prompt", conversation_id)
        text = controller.conversations.system_prompt if typed is None else typed
        own_sampling = controller.projects.sampling()
        dialog = SystemPromptDialog(
            text,
            self.personas.choices,
            self._window,
            note=project_note(controller.projects.current),
            sampling=own_sampling.value if own_sampling.source == "conversation" else {},
        )
        dialog.persona_button.manage_requested.connect(lambda: self.personas.show(dialog))
        dialog.typed.connect(lambda text: controller.drafting.set_typed_text("system_prompt", conversation_id, text))
        dialog.rejected.connect(lambda: controller.drafting.set_typed_text("system_prompt", conversation_id, None))
        # Open until it is stored: when the store refuses, the text must not disappear with the dialog.
        dialog.chosen.connect(lambda text: dialog.accept() if self._save_system_prompt(dialog, text) else None)
        dialog.open()

    def _save_system_prompt(self, dialog: SystemPromptDialog, text: str) -> bool:
        """Store what the dialog has; a persona with a greeting begins the new conversation."""
        controller = self._controller
        if not controller.conversations.set_system_prompt(text):
            return False
        controller.projects.choose_sampling(dialog.sampling)
        if dialog.greeting and controller.conversation is None:
            return controller.conversations.begin(dialog.title, dialog.greeting)
        return True

    def show_server(self) -> None:
        """Let other programs use the model, or stop that."""
        from desktop.ui.dialogs.serve import ServeDialog

        server = self._controller.server
        can_start = self._controller.model.info is not None
        dialog = ServeDialog(server.state, self._window, can_start=can_start)
        dialog.switched.connect(self._controller.serve)
        server.changed.connect(dialog.show_state)
        dialog.open()

    def show_context(self) -> None:
        """Choose what happens when the context of this conversation is full, and see how full it is."""
        from desktop.ui.dialogs.context import ContextDialog

        controller = self._controller
        has_summary = controller.context.summary is not None
        dialog = ContextDialog(controller.context.overflow, controller.usage, self._window, has_summary=has_summary)
        dialog.chosen.connect(lambda overflow, default: controller.context.set_overflow(overflow, as_default=default))
        dialog.summary_requested.connect(self.show_summary)
        controller.context_usage.connect(dialog.set_usage)
        dialog.open()
        controller.context.count()

    def show_summary(self) -> None:
        """The summary that the model is sent, to be read, corrected or deleted."""
        summary = self._controller.context.summary
        if summary is None:
            return
        from desktop.ui.dialogs.summary import SummaryDialog

        controller = self._controller
        dialog = SummaryDialog(summary.text, self._window)
        dialog.chosen.connect(
            lambda text: dialog.accept() if controller.context.edit_summary(summary.message_id, text) else None
        )
        dialog.delete_requested.connect(lambda: dialog.accept() if controller.context.delete_summary() else None)
        dialog.open()

    def show_about(self) -> None:
        """Open the dialog with versions, licences and folders."""
        from desktop.ui.dialogs.about import AboutDialog

        AboutDialog(self._window).open()

    def show_crashes(self) -> None:
        """Open the list of crash reports."""
        from desktop.crashes.reports import CrashReports
        from desktop.ui.dialogs.crashes import CrashesDialog

        dialog = CrashesDialog(CrashReports().all(), self._window)
        dialog.delete_requested.connect(self.delete_crashes)
        dialog.open()

    def delete_crashes(self) -> None:
        """Delete the crash reports."""
        from desktop.crashes.reports import CrashReports

        CrashReports().delete()

    def show_documents(self) -> None:
        """Show the folder of documents of this conversation; without one, choose it."""
        documents, project = self._controller.documents, self._controller.projects.current
        has_project_folder = project is not None and bool(project.settings.folder)
        if not documents.folder and not has_project_folder:
            self._choose_documents()
            return
        from desktop.ui.documents.folder_dialog import FolderDialog
        from desktop.ui.instructions.words import from_project

        source = from_project(project) if documents.in_force.source == "project" else ""
        can_go_back = has_project_folder and not source
        dialog = FolderDialog(
            *(documents.state, documents.embedding, documents.unreadable, self._window),
            source=source,
            has_project_folder=can_go_back,
        )
        dialog.project_folder_requested.connect(documents.use_project)
        documents.progress.connect(dialog.show_state)
        documents.embedding_progress.connect(dialog.show_embedding)
        documents.changed.connect(dialog.accept)
        dialog.update_requested.connect(documents.update)
        dialog.stop_requested.connect(documents.stop)
        dialog.removed.connect(lambda: documents.choose(""))
        dialog.choose_requested.connect(self._choose_documents)
        dialog.open()

    def _choose_documents(self) -> None:
        from desktop.ui.file_dialog import choose_folder

        documents = self._controller.documents
        title = translate("Documents", "Choose a folder of documents")
        choose_folder(self._window, title, lambda path: documents.choose(str(path)), folder=documents.folder)

    def show_passage(self, message: StoredMessage, number: int) -> None:
        """Show a passage that an answer was made from."""
        from desktop.ui.documents.opening import open_document
        from desktop.ui.documents.passage_dialog import PassageDialog

        passage = self._controller.documents.passage(message, number)
        if passage is None:
            return
        dialog = PassageDialog(passage.source, passage.before, passage.after, self._window)
        dialog.open_requested.connect(partial(open_document, passage.file, dialog.show_problem))
        dialog.open()
