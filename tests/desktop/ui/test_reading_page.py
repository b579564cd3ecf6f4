"""How conversations are read is chosen in the settings, seen at once, and kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from desktop.i18n import set_language
from desktop.settings import Settings
from desktop.ui.dialogs.settings import SettingsDialog
from desktop.ui.style.reading import NAMES, SIZES, Reading, reading_of
from desktop.ui.style.theme import text_theme, theme, themes

Opened = Callable[[QDialog], QDialog]


@pytest.fixture
def page(opened: Opened, settings: Settings):
    themes().follow_settings(settings)
    return opened(SettingsDialog(settings, page="reading")).reading


def test_the_size_of_the_text_changes_at_once_and_is_kept(page, settings: Settings) -> None:
    before = text_theme().font_body.pixelSize()
    page.larger.click()
    assert text_theme().font_body.pixelSize() > before
    assert page._size_label.text() == "115 %"
    assert theme().font_body.pixelSize() == before  # the window stays as it is
    assert reading_of(Settings()).size == 1.15
    for _ in SIZES:
        page.larger.click()
    assert reading_of(settings).size == SIZES[-1]
    for _ in SIZES:
        QTest.keyClick(page.smaller, Qt.Key.Key_Space)
    assert reading_of(settings).size == SIZES[0]


def test_fonts_change_at_once_and_code_has_one_of_fixed_pitch(page) -> None:
    code_fonts = [page.code_font.itemData(n) for n in range(1, page.code_font.count())]
    assert code_fonts and all(map(QFontDatabase.isFixedPitch, code_fonts))
    page.code_font.setCurrentIndex(1)
    page.text_font.setCurrentIndex(page.text_font.findData("DejaVu Serif"))
    assert text_theme().font_code.families()[0] == code_fonts[0]
    assert text_theme().font_body.families()[0] == "DejaVu Serif"
    assert len(text_theme().font_body.families()) > 1  # for characters that it does not have
    assert theme().font_body.families()[0] != "DejaVu Serif"
    assert reading_of(Settings())[1:3] == ("DejaVu Serif", code_fonts[0])


def test_the_width_changes_at_once_and_all_goes_back(page, settings: Settings) -> None:
    page.width_choice.button("wide").click()
    page.larger.click()
    page.text_font.setCurrentIndex(1)
    assert themes().reading.width == "wide"
    page.reset_button.click()
    assert themes().reading == Reading() == reading_of(Settings())
    assert page.width_choice.value() == "comfortable"
    assert page.text_font.family() == ""
    assert page._size_label.text() == "100 %"
    assert all(settings.value(name) is None for name in NAMES.values())


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_control_has_a_name(page, language: str) -> None:
    set_language(language)
    for control in (page.smaller, page.larger, page.text_font, page.code_font, page.text_font.view()):
        assert control.accessibleName(), control
    assert page.text_font.accessibleName() != page.code_font.accessibleName()


@pytest.mark.parametrize(
    ("name", "value", "field", "means"),
    [
        *((NAMES["size"], wrong, "size", 1.0) for wrong in ("huge", "nan", "inf", "", [])),
        *((NAMES["size"], number, "size", near) for number, near in ((0.1, 0.8), ("99", 2.0), (1.2, 1.15))),
        *((NAMES["width"], wrong, "width", "comfortable") for wrong in ("", "Wide", 7, ["narrow"])),
    ],
)
def test_a_setting_that_is_not_possible_counts_as_the_nearest_or_as_not_set(
    settings: Settings, name: str, value: object, field: str, means: object
) -> None:
    settings.set_value(name, value)
    assert getattr(reading_of(Settings()), field) == means


def test_a_font_that_is_not_installed_any_more_is_the_one_of_the_system(opened: Opened, settings: Settings) -> None:
    usual = text_theme().font_body.families()
    settings.set_value(NAMES["text_font"], "A Font That Was Removed")
    themes().follow_settings(settings)
    assert text_theme().font_body.families() == usual
    assert opened(SettingsDialog(settings, page="reading")).reading.text_font.family() == ""
