"""The window's texts about documents, in its language."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from desktop.i18n import translate
from desktop.ui import numbers
from desktop.ui.foreign_text import shortened

if TYPE_CHECKING:
    from belle.errors import KnownError
    from desktop.documents.cited import CitedPassage
    from desktop.documents.progress import EmbeddingProgress, IndexProgress


def folder_name(folder: str) -> str:
    """The name of a folder without what is above it."""
    return PurePath(folder).name or folder


def sources() -> str:
    """The heading of the passages under an answer."""
    return translate("Documents", "From these passages")


def all_passages(count: int) -> str:
    """The button that shows the passages that the answer does not cite."""
    one, many = translate("Documents", "The only passage"), translate("Documents", "All {n} passages")
    return numbers.counted(count, one, many)


def nothing_found(name: str) -> str:
    """For an answer to a question that nothing in the folder is about."""
    return translate("Documents", "Nothing in “{folder}” is about this question.").format(folder=name)


def place(source: CitedPassage) -> str:
    """Where a passage stands: file, page or line, heading."""
    parts = [source.path]
    if source.page is not None:
        parts.append(translate("Documents", "page {number}").format(number=source.page))
    elif source.line is not None:
        parts.append(translate("Documents", "line {number}").format(number=source.line))
    if source.heading:
        parts.append(source.heading)
    return " · ".join(parts)


def progress(state: IndexProgress) -> str:
    """How far a folder has been read, in a few words."""
    if state.problem is not None:
        return problem(state.problem)
    if state.stopped:
        return translate("Documents", "stopped at {done} of {total}").format(done=state.done, total=state.total)
    if not state.finished:
        if not state.total:
            return translate("Documents", "is looked through…")
        return translate("Documents", "reading {done} of {total}…").format(done=state.done, total=state.total)
    return _finished(state)


def _finished(state: IndexProgress) -> str:
    if not state.total:
        return translate("Documents", "no documents in it")
    readable = _documents(state.total - state.unreadable)
    if not state.unreadable:
        return readable
    template = translate("Documents", "{documents}; {unreadable} cannot be read")
    return template.format(documents=readable, unreadable=numbers.count(state.unreadable))


def _documents(count: int) -> str:
    return numbers.counted(count, translate("Documents", "1 document"), translate("Documents", "{n} documents"))


def way_of_searching(state: EmbeddingProgress) -> str:
    """By what passages are found: by words, and with an embedding model by meaning."""
    if not state.model:
        return translate(
            "Documents",
            "Questions are searched by words. With an embedding model among the models here, by meaning, too.",
        )
    facts = {"model": shortened(state.model), "ready": numbers.count(state.ready), "total": numbers.count(state.total)}
    if state.problem is not None:
        template = translate("Documents", "Questions are searched by words alone. {model}: {problem}")
        return template.format(**facts, problem=problem(state.problem))
    if state.ready < state.total or not state.total:
        template = translate(
            "Documents",
            "Questions are searched by words, and by meaning with {model} in {ready} of {total} passages; the others"
            " are made ready while no question is answered.",
        )
    else:
        template = translate(
            "Documents", "Questions are searched by words and by meaning, with {model}; all {total} passages are ready."
        )
    return template.format(**facts)


def problem(error: KnownError) -> str:
    """Why a folder or a document cannot be read, in a few words; the error's own sentence for what is rare."""
    texts = {
        "folder_missing": translate("Documents", "The folder does not exist any more"),
        "folder_hangs": translate("Documents", "The folder does not answer; is its disk connected?"),
        "folder_unreadable": translate("Documents", "The folder may not be read"),
        "too_many_documents": translate("Documents", "Too many documents: at most 20,000 can be searched"),
        "too_many_files": translate("Documents", "Too many files: at most 100,000 are looked at"),
        "disk_full": translate("Documents", "The disk is full"),
        "read_only": translate("Documents", "Nothing can be stored"),
        "encrypted": translate("Documents", "Protected by a password"),
        "no_text": translate("Documents", "Has no text: pictures of pages need text recognition (OCR) first"),
        "not_what_it_says": translate("Documents", "Is not what its name says"),
        "damaged_document": translate("Documents", "Is damaged"),
        "not_text": translate("Documents", "Is not a text file"),
        "empty_document": translate("Documents", "Is empty"),
        "too_large": translate("Documents", "Is too large"),
        "too_many_pages": translate("Documents", "Has too many pages"),
        "too_much_text": translate("Documents", "Holds too much text"),
        "changed_while_read": translate("Documents", "Was changed while it was read; is read again the next time"),
        "document_hangs": translate("Documents", "Takes too long to read"),
        "reader_died": translate("Documents", "Ends the program that reads it"),
        "no_permission": translate("Documents", "May not be read"),
        "file_missing": translate("Documents", "Does not exist any more"),
        "embedding_late": translate("Documents", "The embedding model did not answer in time"),
        "too_big_for_memory": translate("Documents", "There is too little memory for it"),
        "out_of_memory": translate("Documents", "There is too little memory for it"),
    }
    return texts.get(error.kind, error.message)
