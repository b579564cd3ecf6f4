"""The button of the settings that chooses the voice: its menu lists the voices when the worker has found them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QPushButton

from desktop.i18n import translate
from desktop.ui.file_dialog import choose_folder
from desktop.ui.foreign_text import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from desktop.settings import Settings


class VoiceButton(QPushButton):
    """Shows the chosen voice, and chooses another one."""

    voices_requested = Signal()
    """The voices are wanted, for `show_voices`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self.voices = QMenu(self)
        self.clicked.connect(self.voices_requested)

    def retranslate(self) -> None:
        """Set the text in the present language."""
        voice = self._settings.voice.partition(":")[2]
        self.setText(shortened(voice) if voice else translate("Voice", "Automatic"))

    def show_voices(self, voices: Sequence[tuple[str, str]]) -> None:
        """Open the menu with these voices, as (id, name)."""
        self.voices.clear()
        for voice, name in (("", translate("Voice", "Automatic: by the language of the text")), *voices):
            action = self.voices.addAction(shortened(name).replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(voice == self._settings.voice)
            action.triggered.connect(lambda _=False, voice=voice: self._choose(voice))
        if not voices:
            self.voices.addAction(translate("Voice", "No voice is installed yet")).setEnabled(False)
        self.voices.addSeparator()
        self.voices.addAction(translate("Voice", "Use the Kokoro model in a folder…"), self._choose_model)
        self.voices.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def _choose(self, voice: str) -> None:
        self._settings.set_value("voice/name", voice or None)
        self.retranslate()

    def _choose_model(self) -> None:
        title = translate("Voice", "Folder of a Kokoro model")
        choose_folder(self.window(), title, lambda path: self._settings.set_value("voice/model", str(path)))
