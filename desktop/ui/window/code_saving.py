"""Saves a block of code of the conversation: asks where, and writes the file."""

from __future__ import annotations

from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop.i18n import translate

if TYPE_CHECKING:
    from desktop.chat.controller import ChatController
    from desktop.ui.transcript.markdown.blocks import Code
    from desktop.ui.window.layout import WindowLayout

_FOLDER = "window/code_folder"


class CodeSaving(QObject):
    """Asks for the place of a file, whose name is proposed, and writes it.

    Args:
        window: over which the dialog opens, and whose settings remember the last folder.
        controller: its notices say what became of the file.
    """

    def __init__(self, window: WindowLayout, controller: ChatController) -> None:
        super().__init__(window)
        self._window, self._controller = window, controller

    def ask(self, code: Code) -> None:
        """Open the dialog for a block of code."""
        from desktop.markup.file_names import file_name
        from desktop.ui.file_dialog import choose_new_file

        folder = Path(str(self._window.settings.value(_FOLDER, "") or Path.home()))
        name, title = free_name(folder, file_name(code.language)), translate("CodeFile", "Save the code")
        choose_new_file(self._window, title, name, partial(self._save, code.text), folder=str(folder))

    def _save(self, text: str, path: Path) -> None:
        from desktop.chat.files.code import save_code

        self._window.settings.set_value(_FOLDER, str(path.parent))
        self._controller.notice.emit(save_code(text, path))


def free_name(folder: Path, name: str) -> str:
    """`name`, with a number behind its stem where the folder has such a file already."""
    path = Path(name)
    names = (name if number == 1 else f"{path.stem}-{number}{path.suffix}" for number in count(1))
    return next(name for name in names if not _exists(folder / name))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder that must not be read
        return False
