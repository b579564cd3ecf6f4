"""Small controls, painted by the real style in both themes."""

from __future__ import annotations

from typing import Literal

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QCheckBox, QStyle, QStyleOptionButton
from pytestqt.qtbot import QtBot

from desktop.settings import Settings
from desktop.ui.style.controls import CheckBox
from desktop.ui.style.theme import theme, themes


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_checked_box_has_a_tick_and_an_unchecked_one_has_none(qtbot: QtBot, mode: Literal["light", "dark"]) -> None:
    themes().apply(mode, 1.0)
    box = CheckBox("Remember")
    qtbot.addWidget(box)
    box.show()
    assert not tick_pixels(box)
    box.setChecked(True)
    assert tick_pixels(box)
    themes().apply("dark" if mode == "light" else "light", 1.0)
    QApplication.processEvents()
    assert tick_pixels(box), "the tick has the colour of the new theme"


def tick_pixels(box: CheckBox) -> int:
    """Pixels in the middle of the box that are nearer to the colour of text on violet than to violet."""
    option = QStyleOptionButton()
    box.initStyleOption(option)
    inner = box.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, box).adjusted(3, 3, -3, -3)
    image = box.grab().toImage()
    pixels = [
        image.pixelColor(x, y) for x in range(inner.left(), inner.right()) for y in range(inner.top(), inner.bottom())
    ]
    violet, tick = theme().color("violet"), theme().color("on-violet")
    if violet not in pixels:  # not checked
        return 0
    return sum(distance(pixel, tick) < distance(pixel, violet) for pixel in pixels)


def distance(one: QColor, other: QColor) -> int:
    return abs(one.red() - other.red()) + abs(one.green() - other.green()) + abs(one.blue() - other.blue())


def test_every_box_to_check_in_the_window_has_the_tick(qtbot: QtBot) -> None:
    from tests.support.sizes import dialogs

    boxes: list[QCheckBox] = []
    for dialog in dialogs(Settings()):
        qtbot.addWidget(dialog)
        boxes += dialog.findChildren(QCheckBox)
    assert boxes
    assert all(isinstance(box, CheckBox) for box in boxes)
