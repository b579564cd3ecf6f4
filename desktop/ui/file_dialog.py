"""Dialogs for files and folders: no larger than the screen, and deleted when they are closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from desktop.i18n import translate
from desktop.ui.screen import fit_to_screen

Mode = QFileDialog.FileMode


def file_dialog(
    parent: QWidget, title: str, mode: Mode = Mode.AnyFile, *, folder: str = "", filters: Sequence[str] = ()
) -> QFileDialog:
    """Make a dialog; the caller connects and opens it.

    Args:
        mode: what can be chosen.
        folder: where it begins; empty where the last one ended.
        filters: the kinds of files to choose from; empty for all.
    """
    dialog = QFileDialog(parent, title, folder)
    dialog.setFileMode(mode)
    if filters:
        dialog.setNameFilters(list(filters))
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.resize(fit_to_screen(dialog.sizeHint(), dialog))
    return dialog


def choose_file(parent: QWidget, title: str, pattern: str, then: Callable[[Path], object]) -> None:
    """Ask for a file of one kind; the person may choose to see all files."""
    filters = (pattern, translate("FileDialog", "All files (*)"))
    _choose(file_dialog(parent, title, Mode.ExistingFile, filters=filters), then)


def choose_new_file(
    parent: QWidget,
    title: str,
    name: str,
    then: Callable[[Path], object],
    *,
    folder: str = "",
    formats: Mapping[str, str] | None = None,
) -> None:
    """Ask for a file to write; `name` is offered, and its ending is added to a name without one.

    Args:
        folder: where the dialog begins; empty where the last one ended.
        formats: the words for each ending that can be chosen, such as `.md`. `name` has none then.
    """
    dialog = file_dialog(parent, title, folder=folder, filters=tuple((formats or {}).values()))
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    endings = {words: ending for ending, words in (formats or {}).items()}

    def offer(words: str) -> None:
        file_name = name + endings.get(words, "")
        dialog.setDefaultSuffix(Path(file_name).suffix)
        dialog.selectFile(file_name)

    dialog.filterSelected.connect(offer)
    offer(next(iter(endings), ""))
    _choose(dialog, then)


def choose_folder(parent: QWidget, title: str, then: Callable[[Path], object], *, folder: str = "") -> None:
    """Ask for a folder; the dialog begins at `folder`, or where the last one ended."""
    dialog = file_dialog(parent, title, Mode.Directory, folder=folder)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    _choose(dialog, then)


def _choose(dialog: QFileDialog, then: Callable[[Path], object]) -> None:
    dialog.fileSelected.connect(lambda path: then(Path(path)))
    dialog.open()
