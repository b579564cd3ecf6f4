"""One line of the library: what a model is, whether it will run here, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import breakable, shortened
from desktop.ui.library import words
from desktop.ui.style.controls import View, label, set_style_property
from desktop.ui.style.flow import FlowLayout
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from desktop.library.entries import LibraryEntry
    from desktop.library.jobs import JobState

ACTIONS = ("get", "pause", "cancel", "use", "compare", "add", "copy", "folder", "delete", "details")
_STEPS = 1000


class ModelLine(View):
    """A model. `acted` has the id of what is to be done with it, one of `ACTIONS`."""

    acted = Signal(str)

    def __init__(self, entry: LibraryEntry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entry = entry
        self.job: JobState | None = None
        self.is_current = False
        self.title = label("strong", wrap=True)
        self.pill = label("pill")
        self._description = label("muted", wrap=True)
        self._facts = label("small", wrap=True)
        self._fit = label("quiet", wrap=True)
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.state = label("small", wrap=True)
        self.buttons: dict[str, QPushButton] = {}
        self._row = FlowLayout()
        for action in ACTIONS:
            button = QPushButton()
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, a=action: self.acted.emit(a))
            self.buttons[action] = button
            self._row.addWidget(button)
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.pill, 0, Qt.AlignmentFlag.AlignTop)
        self._rule = QFrame()
        self._rule.setObjectName("rule")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addLayout(top)
        for part in (self._description, self._facts, self._fit, self.bar, self.state):
            self._column.addWidget(part)
        self._column.addLayout(self._row)
        self._column.addWidget(self._rule)
        self.ready()

    def show_entry(self, entry: LibraryEntry, job: JobState | None, *, current: bool) -> None:
        """Show the model as it is now, with its job, and whether it is the one in use."""
        self.entry, self.job, self.is_current = entry, job, current
        self.retranslate()

    def retranslate(self) -> None:
        """The texts in the present language."""
        entry = self.entry
        title = shortened(entry.title)
        self.title.setText(breakable(title))
        fit = entry.fit
        self.pill.setVisible(fit is not None)
        if fit is not None:
            self.pill.setText(words.pill(fit))
            self.pill.setAccessibleName(f"{title}: {words.pill(fit)}")
            set_style_property(self.pill, "level", words.LEVELS[fit.verdict])
        _show(self._description, words.description(entry))
        _show(self._facts, words.facts(entry))
        _show(self._fit, words.fit_sentence(fit) if fit is not None else "")
        self._show_job()
        self._name_buttons(title)
        visible = self._possible()
        for action, button in self.buttons.items():
            button.setVisible(action in visible)

    def show_job(self, job: JobState | None) -> None:
        """Show only the progress again."""
        changes = (
            job is None or self.job is None or (job.outcome, job.stopping) != (self.job.outcome, self.job.stopping)
        )
        self.job = job
        if changes:
            self.retranslate()
        else:
            self._show_job()

    def restyle(self) -> None:
        """Set distances."""
        self._column.setSpacing(theme().space(0))
        self._row.setSpacing(theme().space(1))
        self._rule.setFixedHeight(theme().px(13))

    @property
    def is_running(self) -> bool:
        """Whether a job of this model runs."""
        return self.job is not None and self.job.outcome == "running"

    def _possible(self) -> tuple[str, ...]:
        entry = self.entry
        in_use = () if self.is_current or entry.makes_embeddings else ("use",)
        chatting = () if entry.makes_embeddings or entry.is_speech else ("compare",)
        details = () if entry.is_speech else ("details",)
        if self.is_running:
            return ("pause", "cancel") if entry.section in ("small", "belle", "speech") else ("cancel",)
        return {
            "installed": (*in_use, *chatting, *details, "folder", *(() if entry.is_starter else ("delete",))),
            "missing": (*(("get",) if entry.download and not entry.is_starter else ()), "delete"),
            "begun": ("get", "cancel"),
            "available": ("get",),
            "found": ("add", "copy", *chatting, "details", "folder"),
        }[entry.status]

    def _show_job(self) -> None:
        job, entry = self.job, self.entry
        self.bar.setVisible(self.is_running)
        text, level = "", ""
        if job is not None and job.outcome == "running":
            step = job.step
            fraction = step.done / step.total if step is not None and step.total else 0.0
            self.bar.setValue(round(_STEPS * min(1.0, fraction)))
            self.bar.setAccessibleName(words.progress(job))
            text = words.progress(job)
        elif job is not None and job.error is not None:
            text, level = words.fault(job.error), "bad"
        elif entry.status == "begun":
            text = translate("Library", "A part of it is here already. It goes on from there.")
        elif entry.status == "missing":
            text, level = translate("Library", "The file is gone: {path}").format(path=entry.path), "warn"
        elif self.is_current:
            text = translate("Library", "In use now")
        _show(self.state, text)
        set_style_property(self.state, "level", level)

    def _name_buttons(self, title: str) -> None:
        goes_on = self.entry.status == "begun" or (self.job is not None and self.job.outcome == "failed")
        names = {
            "get": translate("Library", "Go on") if goes_on else translate("Library", "Get"),
            "pause": translate("Library", "Pause"),
            "cancel": translate("Library", "Cancel"),
            "use": translate("Library", "Use"),
            "compare": translate("Library", "Compare…"),
            "add": translate("Library", "Use it where it is"),
            "copy": translate("Library", "Copy it here"),
            "folder": translate("Library", "Show in folder"),
            "delete": translate("Library", "Delete…") if self.entry.own else translate("Library", "Take off the list…"),
            "details": translate("Library", "Details…"),
        }
        for action, button in self.buttons.items():
            button.setText(names[action])
            button.setAccessibleName(f"{names[action]}: {title}")
            button.setEnabled(not (self.job is not None and self.job.stopping))


def _show(part: QLabel, text: str) -> None:
    part.setText(breakable(text))
    part.setVisible(bool(text))
