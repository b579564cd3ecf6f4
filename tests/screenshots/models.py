"""Pictures of the library, of what it asks and does, and of two models compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtWidgets import QWidget

from belle.models.catalog import remember_file
from desktop.library.entries import LibraryEntry
from desktop.library.library import ENDPOINT
from desktop.ui.compare.dialog import SIDES, CompareDialog
from desktop.ui.dialogs.base import Dialog
from desktop.ui.library.details import PAGES, ModelDetailsDialog
from desktop.ui.library.dialog import LibraryDialog
from tests.convert.install.belle_checkpoint import belle_bloom
from tests.convert.install.conftest import REPO
from tests.convert.install.loopback_hub import LoopbackHub
from tests.screenshots.studio import Studio
from tests.support.quantized import quantize_starter

BELLE = "belle-7b-2m"
COARSER = "SmolLM2-135M, coarser"
DELTA = "belle-llama-13b-2m"
_SLOW = 400_000  # bytes per second: the download must not end before its picture is taken


def _library(section: str) -> Callable[[Studio], LibraryDialog]:
    def screen(studio: Studio) -> LibraryDialog:
        studio.dialogs.show_library(section)
        studio.settle(0.6)
        return studio.shown(LibraryDialog)

    return screen


def _entry(studio: Studio, name: str) -> LibraryEntry:
    return next(entry for entry in studio.dialogs._library.entries() if name in (entry.name, entry.ref))


def _get(name: str) -> Callable[[Studio], QWidget]:
    def screen(studio: Studio) -> QWidget:
        _library("belle")(studio)._get(_entry(studio, name))
        return studio.shown(Dialog)

    return screen


def _source(studio: Studio) -> QWidget:
    _library("belle")(studio)._choose_source()
    return studio.shown(Dialog)


def _delete(studio: Studio) -> QWidget:
    coarse = next(entry for entry in studio.dialogs._library.entries() if entry.title == COARSER)
    _library("installed")(studio)._delete(coarse)
    return studio.shown(Dialog)


@contextmanager
def _getting(studio: Studio) -> Iterator[QWidget]:
    """BELLE-7B arrives from a hub on this machine, in a small stand-in; afterwards it is discarded."""
    library = studio.dialogs._library
    with LoopbackHub({REPO: belle_bloom(width=512, layers=4, vocabulary=12000)}).running() as hub:
        hub.bytes_per_second = _SLOW
        studio.settings.set_value(ENDPOINT, hub.url)
        library.get(BELLE)
        dialog = _library("belle")(studio)
        studio.wait(lambda: (job := library.job(BELLE)) is not None and job.step is not None and job.step.done)
        studio.settle(2)
        yield dialog
        library.discard(BELLE)
        studio.wait(lambda: library.job(BELLE) is None)
    studio.settings.set_value(ENDPOINT, None)


def _details(page: str) -> Callable[[Studio], QWidget]:
    def screen(studio: Studio) -> QWidget:
        studio.dialogs._show_details(_entry(studio, "starter"))
        dialog = studio.shown(ModelDetailsDialog)
        dialog.show_page(page)
        studio.settle(1)  # the computer is examined for the line about the GPU
        return dialog

    return screen


def _cost(studio: Studio) -> QWidget:
    studio.dialogs._show_cost(_entry(studio, "starter"))
    return studio.shown(Dialog)


def _compare(studio: Studio) -> QWidget:
    """Two quantizations of the starter model answer the same question."""
    studio.controller.conversations.new_chat()
    studio.actions._compare()
    dialog = studio.shown(CompareDialog)
    dialog.resize(dialog.width(), 780)
    dialog.field.setPlainText(studio.content.asked)
    done: list[object] = []
    dialog.comparison.compared.connect(done.append)
    dialog.run_button.click()
    studio.wait(lambda: done or all(len(dialog.comparison.run(side).tokens) > 90 for side in SIDES))
    dialog.comparison.stop()
    studio.wait(lambda: done)
    dialog.next_button.click()
    return dialog


def add_coarser(studio: Studio) -> None:
    """Put the starter in another quantization on the list, once."""
    path = studio.home.parent / "SmolLM2-135M-Instruct-Q4_0.gguf"
    if not path.exists():
        quantize_starter(path)
        remember_file(path, title=COARSER)


SCREENS = {
    **{f"library-{section}": _library(section) for section in ("installed", "small", "belle", "found")},
    "library-getting": _getting,
    "library-get": _get(BELLE),
    "library-get-delta": _get(DELTA),
    "library-source": _source,
    "library-delete": _delete,
    **{f"model-{page}": _details(page) for page in PAGES},
    "cost": _cost,
    "compare": _compare,
}
