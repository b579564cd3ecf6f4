"""The line above the composer while somebody dictates, or a file is written down."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from desktop.i18n import translate
from desktop.ui.foreign_text import shortened
from desktop.ui.style.controls import ElidedLabel, IconButton, View, label
from desktop.ui.style.theme import theme
from desktop.ui.voice.level_meter import LevelMeter
from desktop.voice.dictation import DictationState

_WIDE = 480
"""From this width on there is room for the meter in its whole length, in pixels at 100 %."""


class DictationBar(View):
    """Level, elapsed time, language, and what ends it.

    Args:
        language: that is dictated in.
    """

    accessible_role = "Grouping"
    finish_requested = Signal()
    cancel_requested = Signal()
    language_switched = Signal(str)
    """`zh` or `en`."""

    def __init__(self, language: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = DictationState()
        self._language = language
        self.text = ElidedLabel(self)
        self.text.setProperty("role", "muted")
        self.meter = LevelMeter(self)
        self.time = label("quiet", self)
        self.language_button = QPushButton(self)
        self.language_button.setProperty("kind", "link")
        self.finish_button = IconButton("check", "violet", parent=self)
        self.cancel_button = IconButton("x", "ink-3", parent=self)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.meter)
        self._row.addWidget(self.time)
        self._row.addWidget(self.text, 1)
        for control in (self.language_button, self.finish_button, self.cancel_button):
            self._row.addWidget(control)
        self.language_button.clicked.connect(self._switch)
        self.finish_button.clicked.connect(self.finish_requested)
        self.cancel_button.clicked.connect(self.cancel_requested)
        self.ready()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave room for the words in a narrow window."""
        super().resizeEvent(event)
        self.meter.setMaximumWidth(
            self.meter.sizeHint().width() if self.width() >= theme().px(_WIDE) else theme().px(40)
        )

    def show_state(self, state: DictationState) -> None:
        """Show what is going on."""
        if state.phase == "recording" and self._state.phase != "recording":
            self.meter.clear()
            self.show_level(0.0, 0.0)
        self._state = state
        self.retranslate()

    def show_level(self, seconds: float, rms: float) -> None:
        """Show how loud it is, and how long it has taken so far."""
        self.meter.add(rms)
        self.time.setText(f"{int(seconds) // 60}:{int(seconds) % 60:02}")

    def set_language(self, language: str) -> None:
        """Set the language that is dictated in."""
        self._language = language
        self.retranslate()

    def retranslate(self) -> None:
        """The texts in the present language."""
        recording = self._state.phase == "recording"
        for part in (self.meter, self.time, self.finish_button):
            part.setVisible(recording)
        self.language_button.setVisible(not self._state.file)
        self.text.set_text(self._words())
        self.meter.setAccessibleName(translate("Dictation", "Level of the microphone"))
        self.time.setAccessibleName(translate("Dictation", "Recorded so far"))
        names = {"zh": "中文", "en": "English", "auto": translate("Dictation", "Any language")}
        self.language_button.setText(names.get(self._language, self._language))
        self.language_button.setAccessibleName(
            translate("Dictation", "Language of dictation: {name}").format(name=self.language_button.text())
        )
        self.finish_button.name(translate("Dictation", "Write down what was said"))
        self.cancel_button.name(translate("Dictation", "Cancel"), "Esc")
        self.setAccessibleName(self.text.whole_text())

    def restyle(self) -> None:
        """Distances."""
        look = theme()
        self._row.setContentsMargins(look.space(3), 0, look.px(10), 0)
        self._row.setSpacing(look.space(2))

    def _words(self) -> str:
        state = self._state
        if state.phase == "recording":
            return translate("Dictation", "Listening · Esc cancels")
        if not state.file:
            return translate("Dictation", "Writing it down…")
        name = shortened(state.file)
        if state.fraction is None:
            return translate("Dictation", "Writing down {name}…").format(name=name)
        percent = round(100 * state.fraction)
        return translate("Dictation", "Writing down {name}… {percent} %").format(name=name, percent=percent)

    def _switch(self) -> None:
        self.set_language("en" if self._language == "zh" else "zh")
        self.language_switched.emit(self._language)
