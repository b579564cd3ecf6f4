"""The fields and words of what can be set for all models and for each: loading, and choosing the next token."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox

from desktop.i18n import translate
from desktop.model_settings import SAMPLING_RANGES

CONTEXTS = (2048, 4096, 8192, 16384, 32768)
"""Context lengths to choose from, in tokens."""

NumberField = QDoubleSpinBox | QSpinBox

SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")
"""The fields of `Sampling` that are numbers to choose, in the order in which they are shown."""

_STEPS = {"temperature": 0.05, "top_p": 0.05, "min_p": 0.01, "repeat_penalty": 0.01}


def number_field(low: int, high: int) -> QSpinBox:
    """A field for a whole number."""
    field = QSpinBox()
    field.setRange(low, high)
    field.setAlignment(Qt.AlignmentFlag.AlignRight)
    return field


def sampling_field(name: str, changed: Callable[[float], object]) -> NumberField:
    """A field for a number of `Sampling`. `changed` is called with each new value."""
    low, high = SAMPLING_RANGES[name]
    field: NumberField
    if name in _STEPS:
        field = QDoubleSpinBox()
        field.setDecimals(2)
        field.setRange(low, high)
        field.setSingleStep(_STEPS[name])
    else:
        field = QSpinBox()
        field.setRange(int(low), int(high))
    field.setAlignment(Qt.AlignmentFlag.AlignRight)
    field.valueChanged.connect(changed)
    return field


def sampling_texts() -> dict[str, tuple[str, str]]:
    """Title and explanation of each field of `SAMPLING`."""
    return {
        "temperature": (
            translate("Settings", "Temperature"),
            translate("Settings", "Low: sober and repeatable. High: lively and less reliable."),
        ),
        "top_p": (
            translate("Settings", "Top-p"),
            translate("Settings", "Only the likeliest words that together make up this share."),
        ),
        "top_k": (
            translate("Settings", "Top-k"),
            translate("Settings", "Only this many of the likeliest words; 0 means all."),
        ),
        "min_p": (
            translate("Settings", "Min-p"),
            translate("Settings", "Leaves out words this much less likely than the best one."),
        ),
        "repeat_penalty": (
            translate("Settings", "Repeat penalty"),
            translate("Settings", "Above 1, words that were just used become less likely."),
        ),
    }


def load_texts() -> dict[str, tuple[str, str]]:
    """Title and explanation of what a model is loaded with."""
    return {
        "n_ctx": (
            translate("Settings", "Context length"),
            translate("Settings", "How many tokens the model holds at once. More takes more memory."),
        ),
        "threads": (
            translate("Settings", "Threads"),
            translate("Settings", "Automatic follows what else this computer is doing."),
        ),
    }
