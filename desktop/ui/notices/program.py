"""The texts of notices about the program itself and its lists: the network, crashes, chats, projects, personas."""

from __future__ import annotations

from desktop.i18n import translate


def program_texts() -> dict[str, tuple[str, str]]:
    """Title and sentence by kind."""
    return {
        "offline": (
            translate("Notice", "Refused, because the network is off"),
            translate("Notice", "Nothing was sent: {what}. The page behind “Offline” says why."),
        ),
        "crashed": (
            translate("Notice", "Something failed the last time"),
            translate("Notice", "A report was written on this computer, without your texts, and sent nowhere."),
        ),
        "deleted": (
            translate("Notice", "Deleted"),
            translate("Notice", "“{title}” is gone from the list."),
        ),
        "project_deleted": (
            translate("Notice", "Deleted"),
            translate("Notice", "The project “{title}” is deleted. Its conversations are in the list."),
        ),
        "project_deleted_with_chats": (
            translate("Notice", "Deleted"),
            translate("Notice", "The project “{title}” and its conversations are deleted."),
        ),
        "project_model_refused": (
            translate("Notice", "The model of this chat cannot be used"),
            translate("Notice", "“{name}” does not exist any more or cannot be loaded. The model you chose answers."),
        ),
        "personas_imported": (
            translate("Notice", "Import of personas"),
            translate("Notice", "New: {number}. Already here: {n_known}."),
        ),
        "not_a_persona": (
            translate("Notice", "This is not a persona"),
            translate("Notice", "“{file}” has none that can be read. Choose ChatBELLE’s export or a character card."),
        ),
    }
