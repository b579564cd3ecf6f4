"""The settings dialog: looks of the window, sampling, loading of the model.

Every change takes effect at once, except those for loading: `load_settings_changed` is emitted when the dialog closes,
so that the model is loaded again only once.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Literal, get_args

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QWidget

from belle.engine.process.commands import Sampling
from desktop.i18n import translate
from desktop.settings import Settings
from desktop.ui import numbers
from desktop.ui.dialogs.base import Dialog
from desktop.ui.dialogs.reading_page import ReadingPage
from desktop.ui.dialogs.setting_page import SettingPage, in_a_row
from desktop.ui.model_fields import (
    CONTEXTS,
    SAMPLING,
    NumberField,
    load_texts,
    number_field,
    sampling_field,
    sampling_texts,
)
from desktop.ui.style.controls import Segments, label
from desktop.ui.style.theme import theme, themes
from desktop.ui.voice.dictation_page import DictationPage

Page = Literal["general", "reading", "answers", "model", "voice"]
STATE_GB = (0, 1, 4, 16)
"""Disk space for saved conversations to choose from, in gigabytes; 0 saves none."""

_SWITCH = ("off", "on")


class SettingsDialog(Dialog):
    """Five pages. `base` has the recommended sampling values, shown where the person has set none."""

    load_settings_changed = Signal()
    templates_requested = Signal()
    delete_saved_requested = Signal()

    def __init__(
        self,
        settings: Settings,
        parent: QWidget | None = None,
        *,
        page: Page = "general",
        base: Sampling | None = None,
    ) -> None:
        super().__init__(parent, width=560)
        self._settings = settings
        self._base = base or Sampling()
        self._loaded_with = self._load_settings()
        self._saved_bytes = 0
        self.tabs = Segments(get_args(Page))
        self.pages = QStackedWidget()
        row = QHBoxLayout()
        row.addWidget(self.tabs)
        row.addStretch(1)
        self.body.addLayout(row)
        self.body.addWidget(self.pages)
        self._setting_pages = (self._general(), self._answers(), self._model())
        self.reading = ReadingPage(settings)
        self.voice = DictationPage(settings)
        for part in (self._setting_pages[0], self.reading, *self._setting_pages[1:], self.voice):
            self.pages.addWidget(part)
        self.tabs.chosen.connect(self._show_page)
        self.add_close_button()
        self.finished.connect(self._emit_load_settings)
        self.ready()
        self.tabs.set_value(page)
        self._show_page(page)

    # Pages

    def _general(self) -> SettingPage:
        value = self._settings.value
        self.theme_choice = Segments(("system", "light", "dark"))
        self.theme_choice.set_value(str(value("window/theme", "system")))
        self.theme_choice.chosen.connect(lambda v: self._settings.set_value("window/theme", v))
        self.language_choice = Segments(("system", "zh_CN", "en"))
        self.language_choice.set_value(str(value("window/language", "system")))
        self.language_choice.chosen.connect(lambda v: self._settings.set_value("window/language", v))
        self.send_choice = Segments(("enter", "ctrl_enter"))
        self.send_choice.set_value(str(value("window/send_key", "enter")))
        self.send_choice.chosen.connect(lambda v: self._settings.set_value("window/send_key", v))
        self.notify_choice, self.tray_choice = Segments(_SWITCH), Segments(_SWITCH)
        self.notify_choice.set_value(_SWITCH[self._settings.notifications])
        self.notify_choice.chosen.connect(lambda v: self._settings.set_value("window/notifications", v == "on"))
        self.tray_choice.set_value(_SWITCH[self._settings.tray])
        self.tray_choice.chosen.connect(lambda v: self._settings.set_value("window/tray", v == "on"))
        self.smaller, self.larger, self._zoom_label = QPushButton("A−"), QPushButton("A＋"), label()
        self.smaller.clicked.connect(lambda: self._step_zoom(-1))
        self.larger.clicked.connect(lambda: self._step_zoom(1))
        zoom = in_a_row(self.smaller, self._zoom_label, self.larger)
        return SettingPage(
            ("theme", self.theme_choice),
            ("language", self.language_choice),
            ("zoom", zoom),
            ("send_key", self.send_choice),
            ("notifications", self.notify_choice),
            ("tray", self.tray_choice),
        )

    def _answers(self) -> SettingPage:
        self.fields: dict[str, NumberField] = {}
        now = self._settings.sampling(self._base)
        for name in SAMPLING:
            field = self.fields[name] = sampling_field(name, partial(self._settings.set_value, f"sampling/{name}"))
            with QSignalBlocker(field):
                field.setValue(getattr(now, name))
        self.reset_button = QPushButton()
        self.reset_button.setProperty("kind", "link")
        self.reset_button.clicked.connect(self._reset_sampling)
        return SettingPage(*self.fields.items(), ("", self.reset_button))

    def _model(self) -> SettingPage:
        contexts = sorted({*CONTEXTS, self._settings.n_ctx})
        self.context_choice = Segments([str(n) for n in contexts])
        self.context_choice.set_value(str(self._settings.n_ctx))
        self.context_choice.chosen.connect(lambda v: self._settings.set_value("model/n_ctx", int(v)))
        self.threads_choice = Segments(("auto", "fixed"))
        self.threads_field = number_field(1, max(1, os.cpu_count() or 1))
        self.threads_field.setValue(self._settings.threads or max(1, (os.cpu_count() or 2) // 2))
        self.threads_choice.set_value("fixed" if self._settings.threads else "auto")
        self.threads_field.setEnabled(bool(self._settings.threads))
        self.threads_choice.chosen.connect(lambda _: self._threads_changed())
        self.threads_field.valueChanged.connect(lambda _: self._threads_changed())
        self.state_choice = Segments([str(n) for n in STATE_GB])
        self.state_choice.set_value(str(self._settings.state_budget // 10**9))
        self.state_choice.chosen.connect(lambda v: self._settings.set_value("model/state_gb", int(v)))
        self.delete_saved_button = QPushButton()
        self.delete_saved_button.setProperty("kind", "link")
        self.delete_saved_button.clicked.connect(self.delete_saved_requested)
        self.template_button = QPushButton()
        self.template_button.clicked.connect(self._choose_template)
        return SettingPage(
            ("n_ctx", self.context_choice),
            ("threads", in_a_row(self.threads_choice, self.threads_field)),
            ("saved", self.state_choice),
            ("", self.delete_saved_button),
            ("template", self.template_button),
            wide=("n_ctx",),
        )

    # Changes

    def set_can_choose_template(self, can: bool) -> None:
        """Enable the button for the prompt template; only while a model is loaded."""
        self.template_button.setEnabled(can)

    def show_saved_bytes(self, n_bytes: int) -> None:
        """Set the size of all saved states on the disk, in bytes."""
        self._saved_bytes = n_bytes
        self.delete_saved_button.setEnabled(n_bytes > 0)
        self._show_saved()

    def _show_saved(self) -> None:
        size = numbers.size(self._saved_bytes)
        self.delete_saved_button.setText(translate("Settings", "Delete what is saved now ({size})").format(size=size))

    def _choose_template(self) -> None:
        self.accept()
        self.templates_requested.emit()

    def _show_page(self, page: str) -> None:
        self.pages.setCurrentIndex(get_args(Page).index(page))

    def _step_zoom(self, steps: int) -> None:
        themes().step_zoom(steps)
        self._settings.set_value("window/zoom", theme().zoom)
        self._show_zoom()

    def _show_zoom(self) -> None:
        self._zoom_label.setText(f"{round(theme().zoom * 100)} %")

    def _reset_sampling(self) -> None:
        for name, field in self.fields.items():
            field.setValue(getattr(self._base, name))
            self._settings.set_value(f"sampling/{name}", None)  # after `setValue`, which has stored the value

    def _threads_changed(self) -> None:
        fixed = self.threads_choice.value() == "fixed"
        self.threads_field.setEnabled(fixed)
        self._settings.set_value("model/threads", self.threads_field.value() if fixed else None)

    def _emit_load_settings(self) -> None:
        if self._loaded_with != self._load_settings():
            self.load_settings_changed.emit()

    def _load_settings(self) -> tuple[int, int | None, int]:
        return self._settings.n_ctx, self._settings.threads, self._settings.state_budget

    # Texts

    def retranslate(self) -> None:
        """The texts in the present language."""
        super().retranslate()
        self.set_heading(translate("Settings", "Settings"))
        self.tabs.set_texts(
            translate("Settings", "Page"),
            (
                translate("Settings", "General"),
                translate("Settings", "Reading"),
                translate("Settings", "Answers"),
                translate("Settings", "Model"),
                translate("Settings", "Voice"),
            ),
        )
        for part in self._setting_pages:
            part.set_texts(self._texts())
        self.reading.retranslate()
        self.voice.retranslate()
        self.theme_choice.set_texts(
            translate("Settings", "Colours"),
            (
                translate("Settings", "Like the system"),
                translate("Settings", "Light"),
                translate("Settings", "Dark"),
            ),
        )
        self.language_choice.set_texts(
            translate("Settings", "Language"), (translate("Settings", "Like the system"), "中文", "English")
        )
        self.send_choice.set_texts(translate("Settings", "Sending"), ("Enter", "Ctrl+Enter"))
        switch = (translate("Settings", "Off"), translate("Settings", "On"))
        self.notify_choice.set_texts(translate("Settings", "Notifications"), switch)
        self.tray_choice.set_texts(translate("Settings", "Stay in the tray"), switch)
        self.smaller.setAccessibleName(translate("Settings", "Smaller"))
        self.larger.setAccessibleName(translate("Settings", "Larger"))
        self.reset_button.setText(translate("Settings", "Back to the model's own values"))
        contexts = sorted({*CONTEXTS, self._loaded_with[0]})
        self.context_choice.set_texts(translate("Settings", "Context length"), [numbers.count(n) for n in contexts])
        self.threads_choice.set_texts(
            translate("Settings", "Threads"), (translate("Settings", "Automatic"), translate("Settings", "Fixed"))
        )
        self.state_choice.set_texts(
            translate("Settings", "Resume at once"),
            [translate("Settings", "Off"), *(numbers.size(n * 1e9) for n in STATE_GB[1:])],
        )
        self._show_saved()
        self.template_button.setText(translate("Settings", "Choose…"))
        self.threads_field.setAccessibleName(translate("Settings", "Number of threads"))
        self._show_zoom()

    def _texts(self) -> dict[str, tuple[str, str]]:
        return {
            "theme": (translate("Settings", "Colours"), ""),
            "language": (translate("Settings", "Language"), ""),
            "zoom": (translate("Settings", "Zoom"), translate("Settings", "Of everything in the window.")),
            "send_key": (
                translate("Settings", "Send with"),
                translate("Settings", "Shift+Enter always begins a new line."),
            ),
            "notifications": (
                translate("Settings", "Notifications"),
                translate("Settings", "When a download, an import or a folder is done while you do something else."),
            ),
            "tray": (
                translate("Settings", "Stay in the tray"),
                translate("Settings", "Closing the window leaves ChatBELLE running, where the desktop has a tray."),
            ),
            **sampling_texts(),
            **load_texts(),
            "saved": (
                translate("Settings", "Resume at once"),
                translate(
                    "Settings",
                    "What the model has read of a conversation is saved on this computer, so that it need not be"
                    " read again.",
                ),
            ),
            "template": (
                translate("Settings", "Prompt template"),
                translate("Settings", "The form in which this model is talked to."),
            ),
        }

    def restyle(self) -> None:
        """Set the widths of the number fields."""
        super().restyle()
        for field in (*self.fields.values(), self.threads_field):
            field.setFixedWidth(theme().px(76))
