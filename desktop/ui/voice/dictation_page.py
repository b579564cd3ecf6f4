"""The page of the settings about dictation: the microphone, the model that writes down, the language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QPushButton

from desktop.i18n import translate
from desktop.settings import Settings
from desktop.ui.dialogs.setting_page import SettingPage
from desktop.ui.foreign_text import shortened
from desktop.ui.style.controls import Choice, Segments

_LANGUAGES = ("window", "zh", "en", "auto")


class DictationPage(SettingPage):
    """The settings of dictation. The microphones are looked for when the page is shown for the first time."""

    microphones_requested = Signal()
    models_requested = Signal()

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._has_asked = False
        self.microphone_choice = Choice(20)
        self.microphone_choice.addItem("", "")
        self._add_chosen()
        self.microphone_choice.currentIndexChanged.connect(lambda _: self._choose_microphone())
        self.model_button = QPushButton()
        self.language_choice = Segments(_LANGUAGES)
        self.language_choice.set_value(settings.speech_language or "window")
        self.language_choice.chosen.connect(
            lambda code: settings.set_value("speech/language", None if code == "window" else code)
        )
        super().__init__(
            ("microphone", self.microphone_choice),
            ("model", self.model_button),
            ("language", self.language_choice),
            wide=("language",),
        )
        self.model_button.clicked.connect(self.models_requested)  # a signal exists only after `super().__init__`

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for the microphones."""
        super().showEvent(event)
        if not self._has_asked:
            self._has_asked = True
            self.microphones_requested.emit()

    def show_microphones(self, microphones: Sequence[tuple[str, str]]) -> None:
        """Offer these, as (id, name)."""
        choice = self.microphone_choice
        with QSignalBlocker(choice):
            while choice.count() > 1:
                choice.removeItem(1)
            for identity, name in microphones:
                choice.addItem(shortened(name), identity)
            self._add_chosen()

    def _add_chosen(self) -> None:
        """Select the chosen microphone, also where it is not connected now."""
        chosen, choice = self._settings.microphone, self.microphone_choice
        if choice.findData(chosen) < 0:
            choice.addItem(shortened(chosen), chosen)
        choice.setCurrentIndex(choice.findData(chosen))

    def _choose_microphone(self) -> None:
        self._settings.set_value("speech/microphone", self.microphone_choice.currentData() or None)

    def retranslate(self) -> None:
        """Set the texts in the present language."""
        self.set_texts(
            {
                "microphone": (
                    translate("Dictation", "Microphone"),
                    translate("Dictation", "It is recorded only while you dictate; the sound is not kept."),
                ),
                "model": (
                    translate("Dictation", "Model"),
                    translate("Dictation", "Writes down what is said, on this computer."),
                ),
                "language": (
                    translate("Dictation", "Language"),
                    translate("Dictation", "Of two languages in one recording, “Any” may lose one."),
                ),
            }
        )
        self.microphone_choice.setItemText(0, translate("Dictation", "Like the system"))
        self.microphone_choice.view().setAccessibleName(self.microphone_choice.accessibleName())
        model = PurePath(self._settings.speech_model).name
        self.model_button.setText(shortened(model) if model else translate("Dictation", "The best one here…"))
        self.language_choice.set_texts(
            translate("Dictation", "Language"),
            (translate("Dictation", "Of the window"), "中文", "English", translate("Dictation", "Any")),
        )
