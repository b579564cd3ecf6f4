"""The documents of a conversation: which folder, how far it has been read, and what in it cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.documents import words
from desktop.ui.foreign_text import breakable

if TYPE_CHECKING:
    from belle.errors import KnownError
    from desktop.documents.progress import EmbeddingProgress, IndexProgress

_MOST_LISTED = 50


class FolderDialog(Dialog):
    """Shows a folder.

    Args:
        state: how far the folder has been read.
        embedding: in which ways it can be searched.
        unreadable: gives the paths of the documents that cannot be read, each with the reason.
        source: says where the folder comes from, if it is not the conversation's own.
        has_project_folder: offers the project's folder in its place.
    """

    choose_requested = Signal()
    update_requested = Signal()
    stop_requested = Signal()
    removed = Signal()
    project_folder_requested = Signal()

    def __init__(
        self,
        state: IndexProgress,
        embedding: EmbeddingProgress,
        unreadable: Callable[[], Sequence[tuple[str, KnownError]]],
        parent: QWidget | None = None,
        *,
        source: str = "",
        has_project_folder: bool = False,
    ) -> None:
        super().__init__(parent, width=520)
        self._unreadable = unreadable
        self._state, self._embedding = state, embedding
        self._source = source
        self._explanation = self.paragraph()
        self.folder = self.paragraph("code")
        self.source = self.paragraph("small")
        self.state = self.paragraph()
        self.way = self.paragraph("small")
        self.project_button = QPushButton()
        self.project_button.setProperty("kind", "link")
        self.project_button.clicked.connect(self.project_folder_requested)
        self.project_button.setVisible(has_project_folder)
        self.body.addWidget(self.project_button, alignment=Qt.AlignmentFlag.AlignLeft)
        self.problems_heading = self.paragraph("section")
        self.problems = self.paragraph("small")
        self.remove_button = self.add_button()
        self.remove_button.clicked.connect(self._remove)
        self.update_button = self.add_button()
        self.update_button.clicked.connect(self._update_or_stop)
        self.choose_button = self.add_button()
        self.choose_button.clicked.connect(self.choose_requested)
        self.add_close_button()
        self.ready()

    def show_state(self, state: IndexProgress) -> None:
        """Show how far the folder has been read."""
        had_ended, self._state = self._ended, state
        self._show_state()
        if self._ended != had_ended:
            self.retranslate()
            self.fit()

    def show_embedding(self, embedding: EmbeddingProgress) -> None:
        """Show in which ways the folder can be searched."""
        had_model, self._embedding = bool(self._embedding.model), embedding
        self._show_state()
        if bool(embedding.model) != had_model:
            self.fit()

    @property
    def _ended(self) -> bool:
        return self._state.finished or self._state.stopped

    def _show_state(self) -> None:
        has_folder = bool(self._state.folder)
        self.state.setText(breakable(words.progress(self._state)) if has_folder else "")
        self.way.setText(breakable(words.way_of_searching(self._embedding)))
        self.way.setVisible(has_folder)

    def _update_or_stop(self) -> None:
        (self.update_requested if self._ended else self.stop_requested).emit()

    def _remove(self) -> None:
        self.removed.emit()
        self.accept()

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Documents", "Documents"))
        self._explanation.setText(
            translate(
                "Documents",
                "The model answers from the documents in this folder (text, Markdown, source code, PDF, Word) and names"
                " file and page. They are read on this computer, and stay on it.",
            )
        )
        has_folder = bool(self._state.folder)
        self.folder.setText(breakable(self._state.folder or translate("Documents", "No folder is chosen.")))
        self.source.setText(breakable(self._source))
        self.source.setVisible(bool(self._source))
        self.project_button.setText(translate("Documents", "Use the project's folder"))
        self._show_state()
        problems = self._unreadable() if has_folder and self._ended else ()
        self.problems_heading.setText(translate("Documents", "Cannot be read"))
        lines = [f"{path}: {words.problem(error)}" for path, error in problems[:_MOST_LISTED]]
        if len(problems) > _MOST_LISTED:
            lines.append(translate("Documents", "… and {count} more").format(count=len(problems) - _MOST_LISTED))
        self.problems.setText(breakable("\n".join(lines)))
        for part in (self.problems_heading, self.problems):
            part.setVisible(bool(lines))
        self.remove_button.setText(translate("Documents", "Remove"))
        self.update_button.setText(
            translate("Documents", "Read again") if self._ended else translate("Documents", "Stop reading")
        )
        self.choose_button.setText(translate("Documents", "Choose a folder…"))
        for button in (self.remove_button, self.update_button):
            button.setVisible(has_folder)
