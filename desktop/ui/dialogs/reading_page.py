"""The page of the settings that says how conversations are read: size, fonts, width. Each change is seen at once."""

from __future__ import annotations

from typing import get_args

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QPushButton

from desktop.i18n import translate
from desktop.settings import Settings
from desktop.ui.dialogs.setting_page import SettingPage, in_a_row
from desktop.ui.style.controls import Choice, Segments, label
from desktop.ui.style.reading import NAMES, Reading, Width, reading_of
from desktop.ui.voice.voice_button import VoiceButton

SPEEDS = ("0.8", "1.0", "1.2", "1.5")
"""How fast is read aloud, to choose from."""


class ReadingPage(SettingPage):
    """The settings of `Reading`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        reading = reading_of(settings)
        self.smaller, self.larger, self._size_label = QPushButton("A−"), QPushButton("A＋"), label()
        self.smaller.clicked.connect(lambda: self._step_size(-1))
        self.larger.clicked.connect(lambda: self._step_size(1))
        self.text_font = FontChoice(reading.text_font)
        self.code_font = FontChoice(reading.code_font, fixed_pitch=True)
        self.text_font.currentIndexChanged.connect(lambda _: self._set("text_font", self.text_font.family()))
        self.code_font.currentIndexChanged.connect(lambda _: self._set("code_font", self.code_font.family()))
        self.width_choice = Segments(get_args(Width))
        self.width_choice.set_value(reading.width)
        self.width_choice.chosen.connect(lambda width: self._set("width", width))
        self.voice_button = VoiceButton(settings)
        self.speed_choice = Segments(SPEEDS)
        self.speed_choice.set_value(f"{settings.voice_speed:.1f}")
        self.speed_choice.chosen.connect(lambda speed: settings.set_value("voice/speed", float(speed)))
        self.reset_button = QPushButton()
        self.reset_button.setProperty("kind", "link")
        self.reset_button.clicked.connect(self._reset)
        super().__init__(
            ("size", in_a_row(self.smaller, self._size_label, self.larger)),
            ("text_font", self.text_font),
            ("code_font", self.code_font),
            ("width", self.width_choice),
            ("voice", self.voice_button),
            ("speed", self.speed_choice),
            ("", self.reset_button),
            wide=("width",),
        )

    def retranslate(self) -> None:
        """Set the texts in the present language."""
        self.set_texts(
            {
                "size": (
                    translate("Reading", "Text size"),
                    translate("Reading", "Of the conversation; the zoom of the window comes on top."),
                ),
                "text_font": (translate("Reading", "Font"), ""),
                "code_font": (translate("Reading", "Font of code"), ""),
                "width": (
                    translate("Reading", "Column"),
                    translate("Reading", "Short lines read best; a wide column shows more of tables and code."),
                ),
                "voice": (
                    translate("Reading", "Voice"),
                    translate("Reading", "Reads answers aloud, on this computer."),
                ),
                "speed": (translate("Reading", "Speed of the voice"), ""),
            }
        )
        self.smaller.setAccessibleName(translate("Reading", "Smaller text"))
        self.larger.setAccessibleName(translate("Reading", "Larger text"))
        for choice in (self.text_font, self.code_font):
            choice.setItemText(0, translate("Reading", "Like the system"))
            choice.view().setAccessibleName(choice.accessibleName())
        self.width_choice.set_texts(
            translate("Reading", "Column"),
            (
                translate("Reading", "Narrow"),
                translate("Reading", "Comfortable"),
                translate("Reading", "Wide"),
                translate("Reading", "Full"),
            ),
        )
        self.voice_button.retranslate()
        self.speed_choice.set_texts(
            translate("Reading", "Speed of the voice"), [f"{float(speed):g}×" for speed in SPEEDS]
        )
        self.reset_button.setText(translate("Reading", "Back to how it was at first"))
        self._show_size()

    def _step_size(self, steps: int) -> None:
        self._set("size", reading_of(self._settings).stepped(steps).size)
        self._show_size()

    def _show_size(self) -> None:
        self._size_label.setText(f"{round(reading_of(self._settings).size * 100)} %")

    def _reset(self) -> None:
        for choice in (self.text_font, self.code_font):
            choice.setCurrentIndex(0)
        self.width_choice.set_value(Reading().width)
        for field in NAMES:
            self._set(field, None)
        self._show_size()

    def _set(self, field: str, value: object) -> None:
        self._settings.set_value(NAMES[field], value or None)


class FontChoice(Choice):
    """The font of the system, and the families that are installed; of these, the fixed-pitch ones alone if asked.

    A chosen family that is not installed any more counts as the one of the system.
    """

    def __init__(self, chosen: str, *, fixed_pitch: bool = False) -> None:
        super().__init__()
        self.addItem("", "")
        for family in QFontDatabase.families():
            if not QFontDatabase.isPrivateFamily(family) and (not fixed_pitch or QFontDatabase.isFixedPitch(family)):
                self.addItem(family, family)
        self.setCurrentIndex(max(0, self.findData(chosen)))

    def family(self) -> str:
        """The chosen family; empty for the one of the system."""
        return str(self.currentData())
