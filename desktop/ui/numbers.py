"""Formats numbers for the window in its language: sizes, counts, bits of a quantization type."""

from __future__ import annotations

import re

from PySide6.QtCore import QLocale

from desktop.i18n import translate


def count(number: int) -> str:
    """`4,096`"""
    return QLocale().toString(number)


def counted(number: int, one: str, many: str) -> str:
    """`one` for 1, else `many` with the number for its `{n}`: a text that counts has a singular in English."""
    return one if number == 1 else many.replace("{n}", count(number))


def size(n_bytes: float) -> str:
    """`98 MB`, `5.2 GB`: decimal units, as file managers show them."""
    if n_bytes >= 1e9:
        return f"{decimal(n_bytes / 1e9)} GB"
    if n_bytes >= 1e6:
        return f"{count(round(n_bytes / 1e6))} MB"
    return f"{count(max(1, round(n_bytes / 1e3)))} kB"


def decimal(number: float, digits: int = 1) -> str:
    """`5.2`; `5` when all decimals are zero."""
    text = QLocale().toString(number, "f", digits)
    point = QLocale().decimalPoint()
    return text.removesuffix(point + "0" * digits)


def bits(quantization: str) -> str:
    """`4-bit` for `Q4_K_M`; empty for a type without a number of bits in its name."""
    match = re.search(r"(?:I?Q|F|BF|TQ)(\d+)", quantization.upper())
    return translate("Figures", "{bits}-bit").format(bits=match.group(1)) if match else ""


def parameters(n_params: int) -> str:
    """`7B`, `135M`."""
    return f"{decimal(n_params / 1e9)}B" if n_params >= 1e9 else f"{round(n_params / 1e6)}M"
