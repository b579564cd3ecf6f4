"""A library that shows what is there, and looks around and measures only when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from PySide6.QtWidgets import QDialog

from belle.engine.process.commands import Generate
from belle.prompts import Message
from desktop.compare.comparison import ModelComparison
from desktop.library.entries import LibraryEntry
from desktop.library.fit import Fit
from desktop.library.library import Library
from desktop.settings import Settings
from desktop.ui.compare.dialog import CompareDialog, ComparedQuestion, ModelsToCompare
from desktop.ui.dialogs.doctor import Examination
from desktop.ui.library.asking import ConfirmDialog, GetDialog, SourceDialog
from desktop.ui.library.cost import CostDialog
from desktop.ui.library.details import PAGES, ModelDetailsDialog
from desktop.ui.library.dialog import LibraryDialog


class QuietLibrary(Library):
    def look_around(self) -> None:
        """Nothing: the test's own folders have no other programs, and measuring takes seconds."""


def library_dialogs(settings: Settings) -> Iterator[QDialog]:
    """Every dialog of the library, of models whose texts are long."""
    library = QuietLibrary(settings)
    for section in ("installed", "belle"):
        yield LibraryDialog(library, settings, lambda: "starter", section=section)
    entries = {entry.name: entry for entry in library.entries()}
    yield GetDialog(entries["belle-llama-13b-2m"], settings)
    yield SourceDialog(settings)
    yield ConfirmDialog("Delete?", "It frees 5 GB. " * 20, "Delete", "Keep it")
    yield CostDialog(entries["starter"])
    for page in PAGES:
        yield details_dialog(entries["starter"], library, settings, page)
    yield compare_dialog(entries["starter"], settings)


def details_dialog(entry: LibraryEntry, library: Library, settings: Settings, page: str) -> ModelDetailsDialog:
    """The details of a model that is loaded with other settings than it has now."""
    wanted = library.load_settings(None)
    dialog = ModelDetailsDialog(
        entry,
        library,
        settings,
        current=True,
        loaded_with=replace(wanted, n_ctx=wanted.n_ctx // 2),
        examination=NoExamination(),
    )
    dialog.show_page(page)
    return dialog


def compare_dialog(entry: LibraryEntry, settings: Settings) -> CompareDialog:
    """A comparison of a model with itself, on a long question, where both do not fit."""
    request = Generate(0, (Message("user", "Why? " * 200),))
    fit = Fit("too_big", "memory", 12 << 30, 8 << 30, 0, 0, 4096, None)
    models = ModelsToCompare([entry], entry.ref, entry.ref, lambda left, right: fit)
    return CompareDialog(ModelComparison(settings), ComparedQuestion(request, "Why? " * 200, 1), models)


def hostile_entry(text: str) -> LibraryEntry:
    """A model that has `text` wherever it can."""
    texts = {"en": text, "zh": text}
    return LibraryEntry(
        text, "x", text, "belle", "available", license=text, license_note=texts, description=texts, program=text
    )


class NoExamination(Examination):
    def start(self) -> None:
        """Nothing: it takes seconds."""
