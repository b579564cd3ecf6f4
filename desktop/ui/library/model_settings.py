"""The settings of one model: what it is loaded with, which is judged at once, and how its next token is chosen."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from belle.engine.process.commands import Sampling
from desktop.i18n import translate
from desktop.model_settings import ALL_LAYERS, SAMPLING_RANGES
from desktop.ui import numbers
from desktop.ui.dialogs.setting_page import SettingPage, in_a_row
from desktop.ui.library import words
from desktop.ui.model_fields import CONTEXTS, SAMPLING, load_texts, number_field, sampling_field, sampling_texts
from desktop.ui.notices.fallbacks import fallback_texts
from desktop.ui.style.controls import Segments, View, label, set_style_property
from desktop.ui.style.theme import theme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from belle.engine.process.events import Fallback
    from desktop.library.entries import LibraryEntry
    from desktop.library.library import Library
    from desktop.model_settings import LoadSettings
    from desktop.settings import Settings

_KV_TYPES = ("f16", "q8_0", "q4_0")
_FLASH = ("auto", "on", "off")
_LONGEST = 1 << 17  # tokens; with more no laptop of today answers in a time that one waits


class ModelSettingsForm(View):
    """Every change is stored at once, and holds for the next load, or the next question.

    It has two pages, `load` and `answers`.

    Args:
        entry: of a model whose file is here.
        library: has the settings of each model, and knows what is free on this machine.
        settings: those for all models.
        loaded_with: what the model is loaded with now; None when it is not.
    """

    reload_requested = Signal()
    resized = Signal()

    def __init__(
        self, entry: LibraryEntry, library: Library, settings: Settings, *, loaded_with: LoadSettings | None
    ) -> None:
        super().__init__()
        assert entry.header is not None  # its file is here
        self._header, self._library, self._settings = entry.header, library, settings
        self._recommended, self._loaded_with = entry.sampling or Sampling(), loaded_with
        self._stores = True
        self._make_controls()
        self._pill, self._fit = label("pill"), label("quiet", wrap=True)
        self._advice = label("small", wrap=True)
        self._advice.setProperty("level", "warn")
        self._load = SettingPage(
            ("n_ctx", self.context_choice),
            ("threads", in_a_row(self.threads_choice, self.threads_field)),
            ("n_gpu_layers", in_a_row(self.layers_choice, self.layers_field)),
            ("kv_type", self.kv_choice),
            ("flash_attention", self.flash_choice),
            wide=("n_ctx",),
        )
        self._sampling = SettingPage(*self.fields.items(), ("seed", in_a_row(self.seed_choice, self.seed_field)))
        self.reset_button, self.reload_button = QPushButton(), QPushButton()
        self.reset_button.setProperty("kind", "link")
        self.reset_button.clicked.connect(self._reset)
        self.reload_button.clicked.connect(self.reload_requested)
        self._reload_text = label("small", wrap=True)
        self._lay_out()
        library.changed.connect(self._show_verdict)
        self.ready()

    @property
    def _path(self) -> Path:
        return self._header.path

    def _make_controls(self) -> None:
        now = self._library.load_settings(self._path)
        self._contexts = _contexts(self._header.n_ctx_train, now.n_ctx)
        self.context_choice = Segments([str(n) for n in self._contexts])
        self.context_choice.chosen.connect(lambda value: self._set("n_ctx", int(value)))
        self.threads_choice = Segments(("auto", "fixed"))
        self.threads_field = number_field(1, max(1, os.cpu_count() or 1))
        self.layers_choice = Segments(("all", "some"))
        self.layers_field = number_field(0, self._header.n_layers + 1)
        self.kv_choice, self.flash_choice = Segments(_KV_TYPES), Segments(_FLASH)
        self.kv_choice.chosen.connect(partial(self._set, "kv_type"))
        self.flash_choice.chosen.connect(partial(self._set, "flash_attention"))
        self.fields = {name: sampling_field(name, partial(self._set, name)) for name in SAMPLING}
        self.seed_choice = Segments(("random", "fixed"))
        self.seed_field = number_field(0, int(SAMPLING_RANGES["seed"][1]))
        for choice, field, store in (
            (self.threads_choice, self.threads_field, self._store_threads),
            (self.layers_choice, self.layers_field, self._store_layers),
            (self.seed_choice, self.seed_field, self._store_seed),
        ):
            choice.chosen.connect(lambda _, store=store: store())
            field.valueChanged.connect(lambda _, store=store: store())

    def _lay_out(self) -> None:
        verdict = QHBoxLayout()
        verdict.addWidget(self._pill, 0, Qt.AlignmentFlag.AlignTop)
        verdict.addWidget(self._fit, 1)
        self._reload_row = QWidget()
        again = QHBoxLayout(self._reload_row)
        again.setContentsMargins(0, 0, 0, 0)
        again.addWidget(self._reload_text, 1)
        again.addWidget(self.reload_button)
        load_page = QWidget()
        self._load_column = QVBoxLayout(load_page)
        self._load_column.setContentsMargins(0, 0, 0, 0)
        self._load_column.addLayout(verdict)
        self._load_column.addWidget(self._advice)
        self._load_column.addWidget(self._load)
        self._pages = QStackedWidget()
        self._pages.addWidget(load_page)
        self._pages.addWidget(self._sampling)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self._pages, 1)
        self._column.addWidget(self._reload_row)
        self._column.addWidget(self.reset_button, 0, Qt.AlignmentFlag.AlignLeft)
        for button in (self.reset_button, self.reload_button):
            button.setAutoDefault(False)

    def show_page(self, page: str) -> None:
        """Show `load` or `answers`."""
        self._pages.setCurrentIndex(("load", "answers").index(page))

    # Changes

    def _set(self, name: str, value: float | str | None) -> None:
        if self._stores:
            self._library.model_settings.set(self._path, name, value)
            self._show_verdict()

    def _store_threads(self) -> None:
        fixed = self.threads_choice.value() == "fixed"
        self.threads_field.setEnabled(fixed)
        self._set("threads", self.threads_field.value() if fixed else 0)

    def _store_layers(self) -> None:
        some = self.layers_choice.value() == "some"
        self.layers_field.setEnabled(some)
        self._set("n_gpu_layers", self.layers_field.value() if some else ALL_LAYERS)

    def _store_seed(self) -> None:
        fixed = self.seed_choice.value() == "fixed"
        self.seed_field.setEnabled(fixed)
        self._set("seed", self.seed_field.value() if fixed else None)

    def _reset(self) -> None:
        self._library.model_settings.reset(self._path)
        self._show_values()

    # What is shown

    @contextmanager
    def _without_storing(self) -> Iterator[None]:
        self._stores = False
        try:
            yield
        finally:
            self._stores = True

    def _show_values(self) -> None:
        """Show what holds for this model now."""
        wanted = self._library.load_settings(self._path)
        own = self._library.model_settings.of(self._path)
        sampling = own.sampling(self._settings.sampling(self._recommended))
        with self._without_storing():
            self.context_choice.set_value(str(_shown_context(self._contexts, wanted.n_ctx)))
            self.threads_choice.set_value("fixed" if wanted.threads else "auto")
            self.threads_field.setValue(wanted.threads or max(1, (os.cpu_count() or 2) // 2))
            self.threads_field.setEnabled(bool(wanted.threads))
            all_of_them = wanted.n_gpu_layers == ALL_LAYERS
            self.layers_choice.set_value("all" if all_of_them else "some")
            self.layers_field.setValue(self._header.n_layers + 1 if all_of_them else wanted.n_gpu_layers)
            self.layers_field.setEnabled(not all_of_them)
            self.kv_choice.set_value(wanted.kv_type)
            self.flash_choice.set_value(wanted.flash_attention)
            for name, field in self.fields.items():
                field.setValue(getattr(sampling, name))
            self.seed_choice.set_value("random" if sampling.seed is None else "fixed")
            self.seed_field.setValue(sampling.seed or 0)
            self.seed_field.setEnabled(sampling.seed is not None)
        self._show_verdict()

    def _show_verdict(self) -> None:
        """Show whether the model runs with these settings, and whether it has to be loaded again for them."""
        fit = self._library.fit(self._header)
        self._pill.setText(words.pill(fit))
        set_style_property(self._pill, "level", words.LEVELS[fit.verdict])
        self._fit.setText(words.fit_sentence(fit))
        self._load.set_line_visible("n_gpu_layers", self._library.has_gpu)
        advice = "\n".join(_advice_on(one) for one in fit.fallbacks)
        again = self._loaded_with is not None and self._loaded_with != self._library.load_settings(self._path)
        before = self._advice.isHidden(), self._reload_row.isHidden()
        self._advice.setText(advice)
        self._advice.setVisible(bool(advice))
        self._reload_row.setVisible(again)
        self.reset_button.setEnabled(self._library.model_settings.has_own(self._path))
        if before != (self._advice.isHidden(), self._reload_row.isHidden()):
            self.resized.emit()

    def retranslate(self) -> None:
        """The texts in the present language."""
        texts = {**load_texts(), **sampling_texts(), **_texts()}
        self._load.set_texts(texts)
        self._sampling.set_texts(texts)
        automatic, fixed = translate("Settings", "Automatic"), translate("Settings", "Fixed")
        self.context_choice.set_texts(texts["n_ctx"][0], [numbers.count(n) for n in self._contexts])
        self.threads_choice.set_texts(texts["threads"][0], (automatic, fixed))
        self.threads_field.setAccessibleName(translate("Settings", "Number of threads"))
        self.layers_choice.set_texts(
            texts["n_gpu_layers"][0], (translate("Settings", "All"), translate("Settings", "Some"))
        )
        self.layers_field.setAccessibleName(translate("Settings", "Number of layers"))
        bits = [translate("Settings", "{bits} bits").format(bits=n) for n in (16, 8, 4)]
        self.kv_choice.set_texts(texts["kv_type"][0], bits)
        on, off = translate("Settings", "On"), translate("Settings", "Off")
        self.flash_choice.set_texts(texts["flash_attention"][0], (automatic, on, off))
        self.seed_choice.set_texts(texts["seed"][0], (translate("Settings", "Random"), fixed))
        self.seed_field.setAccessibleName(texts["seed"][0])
        self.reset_button.setText(translate("Settings", "Back to defaults"))
        self._reload_text.setText(translate("Settings", "Applies when the model is loaded again."))
        self.reload_button.setText(translate("Settings", "Load it again now"))
        self._show_values()

    def restyle(self) -> None:
        """Set distances, and the widths of the number fields."""
        look = theme()
        self._column.setSpacing(look.space(3))
        self._load_column.setSpacing(look.space(2))
        for field in (*self.fields.values(), self.threads_field, self.layers_field):
            field.setFixedWidth(look.px(76))
        self.seed_field.setFixedWidth(look.px(120))


def _contexts(trained: int, present: int) -> list[int]:
    """Lengths to choose from: the usual ones up to what the model was trained with, that one, and the present one."""
    longest = min(trained or CONTEXTS[-1], _LONGEST)
    return sorted({*(n for n in CONTEXTS if n <= longest), longest, min(present, longest)})


def _shown_context(contexts: list[int], wanted: int) -> int:
    """The choice for a wanted length, which may be longer than the model can have."""
    return max((n for n in contexts if n <= wanted), default=contexts[0])


def _advice_on(fallback: Fallback) -> str:
    title, text = fallback_texts()[fallback.reason]
    return translate("Settings", "{title}: {text}").format(title=title, text=text)


def _texts() -> dict[str, tuple[str, str]]:
    return {
        "n_gpu_layers": (
            translate("Settings", "Layers on the graphics processor"),
            translate("Settings", "All of them is fastest, where its memory is large enough."),
        ),
        "kv_type": (
            translate("Settings", "Keys and values"),
            translate(
                "Settings",
                "Fewer bits take less memory for the context: 8 about half, 4 about a quarter. Answers come more"
                " slowly, and 4 bits make a small model worse.",
            ),
        ),
        "flash_attention": (
            translate("Settings", "Flash attention"),
            translate(
                "Settings", "Takes less memory for a long context. Automatic uses it where it helps or is needed."
            ),
        ),
        "seed": (
            translate("Settings", "Seed"),
            translate("Settings", "A fixed one gives the same answer to the same question."),
        ),
    }
