"""Opens the dialogs of projects, and connects the list of conversations to what a person does with projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from desktop.i18n import translate

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.store.records import StoredProject
    from desktop.ui.instructions.persona_dialogs import PersonaDialogs
    from desktop.ui.instructions.project_dialog import ProjectDialog
    from desktop.ui.sidebar.lists import ConversationList
    from desktop.ui.window.layout import WindowLayout


class ProjectDialogs(QObject):
    """Opens dialogs; each is imported at its first use.

    Args:
        window: the parent of the dialogs.
        controller: has the projects.
        personas: to choose a system prompt from.
    """

    def __init__(self, window: WindowLayout, controller: ChatController, personas: PersonaDialogs) -> None:
        super().__init__(window)
        self._window, self._controller, self._personas = window, controller, personas

    def connect_list(self, conversations: ConversationList) -> None:
        """Show the projects in the list, and carry out what is done with them there."""
        projects, model = self._controller.projects, conversations.conversations
        model.projects, model.project_pages = projects.all, projects.conversations
        model.open_project = self._open_project
        conversations.fold_requested.connect(projects.set_collapsed)
        conversations.move_requested.connect(projects.move)
        conversations.new_project_requested.connect(self.create)
        conversations.project_chat_requested.connect(self._new_chat)
        conversations.project_edit_requested.connect(self.edit)
        conversations.project_delete_requested.connect(self.delete)

    def create(self, conversation_id: int | None = None) -> None:
        """Ask for the settings of a new project; then a conversation moves into it, or a new one begins there."""
        self._ask(None, conversation_id)

    def edit(self, project_id: int) -> None:
        """Change the settings of a project."""
        project = self._project(project_id)
        if project is not None:
            self._ask(project, None)

    def delete(self, project_id: int) -> None:
        """Ask what becomes of the conversations of a project, and delete it."""
        project = self._project(project_id)
        if project is None:
            return
        from desktop.ui.instructions.delete_dialog import DeleteProjectDialog

        dialog = DeleteProjectDialog(project, self._controller.projects.n_conversations(project_id), self._window)
        delete = self._controller.conversations.delete_project
        dialog.chosen.connect(lambda also: delete(project_id, with_conversations=also))
        dialog.open()

    def _ask(self, project: StoredProject | None, conversation_id: int | None) -> None:
        from desktop.ui.instructions.project_dialog import ProjectDialog

        others = [other.settings.name for other in self._controller.projects.all() if other != project]
        settings = project.settings if project is not None else None
        models = self._controller.models.choices()
        dialog = ProjectDialog(settings, models, others, self._personas.choices, self._window)
        dialog.persona_button.manage_requested.connect(lambda: self._personas.show(dialog))
        dialog.folder_requested.connect(lambda: self._choose_folder(dialog))
        dialog.chosen.connect(
            lambda *fields: dialog.accept() if self._save(project, conversation_id, *fields) else None
        )
        dialog.open()

    def _save(self, project: StoredProject | None, conversation_id: int | None, *fields: Any) -> bool:
        from desktop.store.records import ProjectSettings

        projects = self._controller.projects
        saved = projects.save(project.id if project is not None else None, ProjectSettings(*fields))
        if saved is None:
            return False
        if conversation_id is not None:
            projects.move(conversation_id, saved.id)
        elif project is None:
            self._new_chat(saved.id)
        return True

    def _choose_folder(self, dialog: ProjectDialog) -> None:
        from desktop.ui.file_dialog import choose_folder

        title = translate("Documents", "Choose a folder of documents")
        choose_folder(dialog, title, lambda path: dialog.set_folder(str(path)))

    def _new_chat(self, project_id: int) -> None:
        self._controller.conversations.new_chat(project_id)
        self._window.composer.setFocus()

    def _project(self, project_id: int) -> StoredProject | None:
        return next((p for p in self._controller.projects.all() if p.id == project_id), None)

    def _open_project(self) -> int | None:
        project = self._controller.projects.current
        return project.id if project is not None else None
