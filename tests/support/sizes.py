"""Opens the window and each of its dialogs on the screen it is given, and prints how large they are, as JSON.

Run as a process of its own: screen and scale are chosen in the environment, before there is an application.
Arguments: the zoom and the language.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QDialog, QWidget

from belle.engine.process.events import TemplateOption
from belle.errors import KnownError
from desktop.app import make_application
from desktop.chat.model_server import ServerState
from desktop.chat.state import ContextUsage, ModelChoice
from desktop.crashes.reports import CrashReport, versions
from desktop.documents.cited import CitedPassage
from desktop.documents.progress import EmbeddingProgress, IndexProgress
from desktop.i18n import set_language
from desktop.settings import Settings
from desktop.store.records import Persona, ProjectSettings, StoredFact, StoredPersona, StoredProject
from desktop.ui.dialogs.about import AboutDialog
from desktop.ui.dialogs.base import Dialog
from desktop.ui.dialogs.context import ContextDialog
from desktop.ui.dialogs.crashes import CrashesDialog
from desktop.ui.dialogs.exchange import ExchangeProgress, ImportOffer
from desktop.ui.dialogs.offline import OfflineDialog
from desktop.ui.dialogs.serve import ServeDialog
from desktop.ui.dialogs.settings import SettingsDialog
from desktop.ui.dialogs.shortcuts import ShortcutsDialog
from desktop.ui.dialogs.store_fault import StoreFaultDialog
from desktop.ui.dialogs.summary import SummaryDialog
from desktop.ui.dialogs.system_prompt import SystemPromptDialog
from desktop.ui.dialogs.template import TemplateDialog
from desktop.ui.dialogs.unsaved import UnsavedDialog
from desktop.ui.documents.folder_dialog import FolderDialog
from desktop.ui.documents.passage_dialog import PassageDialog
from desktop.ui.instructions.delete_dialog import DeleteProjectDialog
from desktop.ui.instructions.fact_dialog import FactDialog
from desktop.ui.instructions.facts_dialog import FactsDialog
from desktop.ui.instructions.persona_dialog import PersonaDialog
from desktop.ui.instructions.personas_dialog import PersonasDialog
from desktop.ui.instructions.project_dialog import ProjectDialog
from desktop.ui.pictures.viewer import PictureDialog
from desktop.ui.strategies.scratchpad_dialog import ScratchpadDialog
from desktop.ui.style.theme import themes
from desktop.ui.window.main_window import MainWindow
from tests.support.fake_controller import FakeController
from tests.support.library import library_dialogs
from tests.support.pictures import png, stored


def dialogs(settings: Settings) -> Iterator[QDialog]:
    """Every dialog of the window but the doctor's, whose content comes later, each with much to show."""
    yield AboutDialog()
    yield from library_dialogs(settings)
    frames = tuple(f"desktop/ui/window/a_module_with_a_long_name.py:{n} a_method_with_a_long_name" for n in range(9))
    yield CrashesDialog([CrashReport("exception", "ValueError", 5, frames, {"code": "ENOENT"}, versions())] * 2)
    yield OfflineDialog()
    for page in ("general", "reading", "answers", "model"):
        yield SettingsDialog(settings, page=page)
    yield ShortcutsDialog()
    yield StoreFaultDialog(
        KnownError(
            "damaged",
            "The file is damaged. " * 20,
            "Put back a copy.",
            path="/home/somebody/.local/share/chatbelle/conversations.sqlite3",
        )
    )
    yield UnsavedDialog()
    yield PictureDialog(stored(png(2048, 1536), 2048, 1536, "a picture with a long name.png", "text " * 400), None)
    yield ServeDialog(ServerState("on", "starter", "http://127.0.0.1:8080/v1", "token-" * 8))
    personas = [Persona("A persona with a name " * 5, "Be brief. " * 90, "Hello. " * 50, {"temperature": 0.3})]
    yield SystemPromptDialog("Be brief. " * 200, lambda: (personas, []), sampling=personas[0].sampling)
    yield PersonaDialog(personas[0])
    yield FactDialog("I cook for four. " * 60, 500, is_on=False)
    yield FactsDialog(lambda: [StoredFact(n, "I cook for four. " * 20, 0.0) for n in range(50)])
    yield ScratchpadDialog({f"name {n}": "a value " * 20 for n in range(24)})
    yield PersonasDialog(lambda: ([StoredPersona(n, personas[0]) for n in range(50)], personas))
    project = StoredProject(1, ProjectSettings("A project with a name " * 5, "Be brief. " * 90, "gone", "/papers" * 30))
    models = [ModelChoice("starter", "A model with a name " * 5, "", "installed", "starter")]
    yield ProjectDialog(project.settings, models, [project.settings.name], lambda: (personas, []))
    yield DeleteProjectDialog(project, 12345)
    yield ImportOffer("an-export-with-quite-a-long-name-" * 6 + ".json")
    unreadable = KnownError("file_damaged", "It cannot be read.", "Get it again.")
    yield FolderDialog(
        IndexProgress("/home/somebody/papers", 12, 340, 1),
        EmbeddingProgress("/home/somebody/papers", "an-embedding-model-with-a-long-name-v1.5", 120, 4500),
        lambda: [("a-long-name.pdf", unreadable)],
    )
    yield PassageDialog(
        CitedPassage(1, "reports/2025.pdf", "Rain fell. " * 60, page=3), "Before. " * 40, "After. " * 40
    )
    progress = ExchangeProgress()
    progress.show_progress(1234, 56789)
    yield progress
    yield ContextDialog("summarise", ContextUsage(812, 4096, 120), has_summary=True)
    yield SummaryDialog("They spoke of rain. " * 100)
    template = TemplateDialog("a-file-with-quite-a-long-name.Q4_K_M.gguf", "gguf")
    template.show_options(
        [TemplateOption(f"t{i}", f"Template {i}", "text\n" * 50, "It fails. " * 9) for i in range(25)]
    )
    yield template


def clipped(dialog: QDialog) -> list[str]:
    """The names of buttons and labels that are not whole: smaller than their words, or outside of what scrolls."""
    inside = dialog.area.widget() if isinstance(dialog, Dialog) else dialog
    found = []
    for part in dialog.findChildren(QWidget):
        if not part.isVisible() or type(part).__name__ not in ("QPushButton", "QLabel", "Segments"):
            continue
        holder = inside if inside.isAncestorOf(part) else dialog
        place = part.mapTo(holder, QPoint())
        fits_in = holder.rect().contains(part.rect().translated(place))
        wide_enough = part.width() >= part.minimumSizeHint().width()
        if not (fits_in and wide_enough):
            found.append(f"{type(part).__name__} {part.accessibleName() or getattr(part, 'text', str)()}")
    return found


def main() -> None:
    application = make_application()
    settings = Settings()
    set_language(sys.argv[2])
    themes().apply("light", float(sys.argv[1]))
    shown: list[dict[str, object]] = []

    def measure(widget: QWidget) -> None:
        widget.show()
        for _ in range(5):
            application.processEvents()
        screen = widget.screen().availableGeometry()
        area = widget.area if isinstance(widget, Dialog) else None
        shown.append(
            {
                "name": type(widget).__name__,
                "size": [widget.width(), widget.height()],
                "screen": [screen.width(), screen.height()],
                "scrolls": [bar.maximum() > 0 for bar in (area.horizontalScrollBar(), area.verticalScrollBar())]
                if area
                else [False, False],
                "clipped": clipped(widget) if isinstance(widget, QDialog) else [],
            }
        )
        widget.close()

    measure(MainWindow(FakeController(), settings))
    for dialog in dialogs(settings):
        measure(dialog)
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
