"""Pictures of the dialogs about conversations, settings and what went wrong, and of the small window."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from desktop.crashes.reports import CrashReport, CrashReports, versions
from desktop.store import StoreError
from desktop.ui.dialogs.about import AboutDialog
from desktop.ui.dialogs.base import Dialog
from desktop.ui.dialogs.context import ContextDialog
from desktop.ui.dialogs.crashes import CrashesDialog
from desktop.ui.dialogs.doctor import DoctorDialog
from desktop.ui.dialogs.exchange import ExchangeProgress, ImportOffer
from desktop.ui.dialogs.offline import OfflineDialog
from desktop.ui.dialogs.serve import ServeDialog
from desktop.ui.dialogs.settings import Page, SettingsDialog
from desktop.ui.dialogs.store_fault import CopyToRestore, StoreFaultDialog
from desktop.ui.dialogs.unsaved import UnsavedDialog
from desktop.ui.system.quick_ask import QuickAsk
from tests.screenshots.studio import Studio


def _opened(open_it: Callable[[Studio], object], name: str = "main") -> Callable[[Studio], QWidget]:
    """A screen: the dialog that `open_it` opens over a conversation."""

    def screen(studio: Studio) -> QWidget:
        studio.open(name)
        open_it(studio)
        return studio.shown(Dialog)

    return screen


def _settings(page: Page) -> Callable[[Studio], QWidget]:
    def screen(studio: Studio) -> QWidget:
        studio.dialogs.show_settings(page)
        return studio.shown(SettingsDialog)

    return screen


def _persona(studio: Studio) -> QWidget:
    studio.dialogs.personas.show()
    studio.dialogs.personas._edit(studio.shown(Dialog), studio.controller.personas.own()[0])
    return studio.shown(Dialog)


def _facts(studio: Studio) -> QWidget:
    studio.controller.facts.set_on(True)
    studio.actions.facts.show()
    return studio.shown(Dialog)


def _context(studio: Studio) -> QWidget:
    studio.open("long")
    studio.dialogs.show_context()
    studio.settle(1)  # the model counts
    return studio.shown(ContextDialog)


def _documents(studio: Studio) -> QWidget:
    studio.open("cited")
    studio.read_documents()
    studio.dialogs.show_documents()
    return studio.shown(Dialog)


def _import_offer(studio: Studio) -> QWidget:
    offer = ImportOffer("conversations.json", studio.window)
    offer.open()
    return offer


def _importing(studio: Studio) -> QWidget:
    progress = ExchangeProgress(studio.window)
    progress.show_progress(120, 300)
    progress.open()
    return progress


def _export(studio: Studio) -> QWidget:
    studio.open("main")
    studio.actions.exchange.export_open()
    return studio.shown(QFileDialog)


def _offline(studio: Studio) -> QWidget:
    dialog = OfflineDialog(studio.window)
    dialog.open()
    return dialog


def _doctor(studio: Studio) -> QWidget:
    dialog = DoctorDialog(studio.window)
    done: list[object] = []
    dialog._examination.done.connect(done.append)
    dialog.open()
    studio.wait(lambda: done)
    studio.settle(1)
    return dialog


def _crashes(studio: Studio) -> QWidget:
    reports = CrashReports()
    if not reports.all():
        at = time.time()
        frames = ("desktop/ui/window/main_window.py:120 attach", "desktop/chat/controller.py:88 models")
        reports.add(CrashReport("exception", "KeyError", at, frames, {"thread": "digest"}, versions()))
        reports.add(CrashReport("engine", "out_of_memory", at + 1, (), {"ended": "SIGKILL"}, versions()))
    studio.dialogs.show_crashes()
    return studio.shown(CrashesDialog)


def _serve(studio: Studio) -> QWidget:
    studio.dialogs.show_server()
    studio.controller.serve(True)
    studio.wait(lambda: studio.controller.server.state.status == "on")
    return studio.shown(ServeDialog)


def _serve_off(studio: Studio) -> QWidget:
    studio.controller.serve(False)
    studio.wait(lambda: studio.controller.server.state.status == "off")
    studio.dialogs.show_server()
    return studio.shown(ServeDialog)


def _quick(studio: Studio) -> QWidget:
    studio.window.outside.ask()
    quick = studio.shown(QuickAsk)
    quick.field.setText(studio.content.asked)
    quick._ask()
    studio.wait(lambda: quick.chat.is_answering)
    studio.wait(lambda: not quick.chat.is_answering)
    return quick


def _store_fault(studio: Studio) -> QWidget:
    file = Path("/home/lin/.local/share/chatbelle/conversations.sqlite3")
    error = StoreError.of("damaged", path=str(file), reason="database disk image is malformed")
    copies = [CopyToRestore(file, time.time() - 86_400 * day, before_update=day == 3) for day in (1, 2, 3)]
    dialog = StoreFaultDialog(error, studio.window, copies=copies, may_open=True)
    dialog.open()
    return dialog


def _unsaved(studio: Studio) -> QWidget:
    dialog = UnsavedDialog(studio.window)
    dialog.open()
    return dialog


def _about(studio: Studio) -> QWidget:
    studio.dialogs.show_about()
    return studio.shown(AboutDialog)


def _project(studio: Studio) -> int:
    return studio.controller.projects.all()[0].id


SCREENS = {
    "system-prompt": _opened(lambda studio: studio.dialogs.show_system_prompt()),
    "personas": _opened(lambda studio: studio.dialogs.personas.show()),
    "persona": _persona,
    "facts": _facts,
    "fact": _opened(lambda studio: studio.actions.facts.remember(studio.content.facts[0])),
    "project": _opened(lambda studio: studio.actions.projects.edit(_project(studio))),
    "project-new": _opened(lambda studio: studio.actions.projects.create()),
    "project-delete": _opened(lambda studio: studio.actions.projects.delete(_project(studio))),
    "context": _context,
    "summary": _opened(lambda studio: studio.dialogs.show_summary(), "long"),
    "template": _opened(lambda studio: (studio.dialogs.show_templates(), studio.settle(1))),
    "documents": _documents,
    "passage": _opened(lambda studio: studio.dialogs.show_passage(studio.stored(1), 2), "cited"),
    "export": _export,
    "import-offer": _import_offer,
    "importing": _importing,
    **{f"settings-{page}": _settings(page) for page in ("general", "reading", "answers", "model")},
    "shortcuts": _opened(lambda studio: studio.dialogs.show_shortcuts()),
    "about": _about,
    "offline": _offline,
    "doctor": _doctor,
    "crashes": _crashes,
    "serve": _serve,
    "serve-off": _serve_off,
    "quick": _quick,
    "store-fault": _store_fault,
    "unsaved": _unsaved,
}
