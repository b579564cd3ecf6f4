"""The settings of a project: name, system prompt, model, folder of documents."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from desktop.i18n import translate
from desktop.ui.dialogs.base import Dialog
from desktop.ui.foreign_text import caption, set_tooltip
from desktop.ui.instructions.persona_button import PersonaButton, Personas, SamplingRow, replace_text
from desktop.ui.style.controls import CheckBox, ElidedLabel, label
from desktop.ui.style.theme import theme
from desktop.ui.wrapping import LongWords

if TYPE_CHECKING:
    from desktop.chat.state import ModelChoice
    from desktop.store.records import Persona, ProjectSettings, SamplingChoice

MAX_NAME = 200
"""Characters."""


class ProjectDialog(Dialog):
    """`chosen` carries the fields; the dialog stays open until its receiver has stored them and calls `accept`.

    Args:
        settings: as they are; None for a new project.
        models: to choose from.
        taken: the names of the other projects.
        personas: to choose from; one fills the system prompt.
    """

    chosen = Signal(str, str, str, str, object, object)  # the fields of ProjectSettings, in their order
    folder_requested = Signal()

    def __init__(
        self,
        settings: ProjectSettings | None,
        models: Sequence[ModelChoice],
        taken: Collection[str],
        personas: Personas,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, width=540)
        self._is_new = settings is None
        self._taken = {name.casefold() for name in taken}
        self._models = [choice for choice in models if choice.status == "installed"]
        self._model = settings.model if settings else ""
        self._folder = settings.folder if settings else ""
        self._sampling: SamplingChoice = dict(settings.sampling) if settings else {}
        self._explanation = self.paragraph()
        self._name_title = self.paragraph("section")
        self.name_field = QLineEdit(settings.name if settings else "")
        self.name_field.setMaxLength(MAX_NAME)
        self.name_field.textChanged.connect(lambda _: self._check_name())
        self.body.addWidget(self.name_field)
        self.name_problem = self.paragraph("small")
        self._prompt_title = label("section")
        self.persona_button = PersonaButton(personas)
        self.persona_button.chosen.connect(self._take)
        prompt_row = QHBoxLayout()
        prompt_row.addWidget(self._prompt_title, 1)
        prompt_row.addWidget(self.persona_button)
        self.body.addLayout(prompt_row)
        self.prompt_field = QPlainTextEdit()
        LongWords(self.prompt_field)
        self.prompt_field.setPlainText(settings.system_prompt if settings else "")
        self.prompt_field.setProperty("role", "field")
        self.prompt_field.setTabChangesFocus(True)
        self.body.addWidget(self.prompt_field)
        self.sampling_row = SamplingRow()
        self.sampling_row.removed.connect(lambda: self._set_sampling({}))
        self.body.addWidget(self.sampling_row)
        self._model_title = self.paragraph("section")
        self.model_choice = QComboBox()
        self.model_choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.body.addWidget(self.model_choice)
        self._add_folder()
        self.without_facts = CheckBox()
        self.without_facts.setChecked(settings is not None and settings.uses_facts is False)
        self.body.addWidget(self.without_facts)
        self.add_cancel_button()
        self.save_button = self.add_button(primary=True)
        self.save_button.clicked.connect(self._save)
        self._fill_models()
        self.name_field.setFocus()
        self.ready()

    def _add_folder(self) -> None:
        self._folder_title = self.paragraph("section")
        self.folder_label = ElidedLabel()
        self.folder_button, self.no_folder_button = QPushButton(), QPushButton()
        self.folder_button.clicked.connect(self.folder_requested)
        self.no_folder_button.clicked.connect(lambda: self.set_folder(""))
        row = QHBoxLayout()
        row.addWidget(self.folder_label, 1)
        row.addWidget(self.no_folder_button)
        row.addWidget(self.folder_button)
        self.body.addLayout(row)

    def set_folder(self, folder: str) -> None:
        """Show the folder that was chosen; empty for none."""
        self._folder = folder
        self._show_folder()
        self.fit()

    def _take(self, persona: Persona) -> None:
        replace_text(self.prompt_field, persona.system_prompt)
        self._set_sampling(persona.sampling)

    def _set_sampling(self, sampling: SamplingChoice) -> None:
        self._sampling = sampling
        self.sampling_row.show_sampling(sampling)
        self.fit()

    def _fill_models(self) -> None:
        self.model_choice.addItem("", "")
        for choice in self._models:
            self.model_choice.addItem(caption(choice.title).replace("&&", "&"), choice.ref)
        place = self.model_choice.findData(self._model)
        if place < 0:  # it does not exist any more: kept until another is chosen
            self.model_choice.addItem("", self._model)
            place = self.model_choice.count() - 1
        self.model_choice.setCurrentIndex(place)

    def _check_name(self) -> None:
        name = " ".join(self.name_field.text().split())
        is_taken = name.casefold() in self._taken
        self.save_button.setEnabled(bool(name) and not is_taken)
        self.name_problem.setVisible(is_taken)

    def _save(self) -> None:
        self.chosen.emit(
            " ".join(self.name_field.text().split()),
            self.prompt_field.toPlainText().strip(),
            str(self.model_choice.currentData()),
            self._folder,
            self._sampling,
            False if self.without_facts.isChecked() else None,
        )

    def _show_folder(self) -> None:
        self.folder_label.set_text(self._folder or translate("Documents", "No folder is chosen."))
        self.no_folder_button.setVisible(bool(self._folder))

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(
            translate("Projects", "New project") if self._is_new else translate("Projects", "Project settings")
        )
        self._explanation.setText(
            translate(
                "Projects",
                "A project holds conversations together. What is set here holds for each of them that has nothing of"
                " its own, from its next question on.",
            )
        )
        self._name_title.setText(translate("Projects", "Name"))
        self.name_field.setAccessibleName(self._name_title.text())
        self.name_problem.setText(translate("Projects", "Another project has this name."))
        self._prompt_title.setText(translate("SystemPrompt", "System prompt"))
        self.prompt_field.setAccessibleName(self._prompt_title.text())
        self.prompt_field.setPlaceholderText(
            translate("SystemPrompt", "For example: Answer briefly and in simple words.")
        )
        self.persona_button.retranslate()
        self.without_facts.setText(translate("Projects", "Do not use here what is remembered about me"))
        self.sampling_row.show_sampling(self._sampling)
        self._retranslate_model()
        self._folder_title.setText(translate("Documents", "Documents"))
        self.folder_button.setText(translate("Documents", "Choose a folder…"))
        self.no_folder_button.setText(translate("Documents", "Remove"))
        self.save_button.setText(translate("Dialog", "Save"))
        self._show_folder()
        self._check_name()

    def _retranslate_model(self) -> None:
        self._model_title.setText(translate("Projects", "Model"))
        for part in (self.model_choice, self.model_choice.view()):
            part.setAccessibleName(self._model_title.text())
        self.model_choice.setItemText(0, translate("Projects", "As chosen in the window"))
        if self.model_choice.count() > len(self._models) + 1:
            gone = translate("Projects", "{name} (does not exist any more)").format(name=self._model)
            self.model_choice.setItemText(self.model_choice.count() - 1, gone)
        set_tooltip(
            self.model_choice,
            translate("Projects", "Another model is loaded when a question is asked, not when a chat is opened."),
        )

    def restyle(self) -> None:
        """Set the height of the field."""
        self.prompt_field.setFixedHeight(theme().px(108))
        super().restyle()
