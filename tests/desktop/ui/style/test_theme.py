from __future__ import annotations

import re
import tomllib

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QLabel

from belle import paths
from desktop.ui.style.icons import icon, icon_size
from desktop.ui.style.theme import ZOOMS, read_tokens, style_sheet, theme, themes, tokens


def luminance(color: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF())


def contrast(one: QColor, other: QColor) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_wcag_does():
    assert contrast(QColor("#000000"), QColor("#FFFFFF")) == pytest.approx(21)
    assert contrast(QColor("#777777"), QColor("#FFFFFF")) == pytest.approx(4.48, abs=0.01)


PAIRS = [
    (name, background, ink)
    for name in ("light", "dark")
    for background, inks in tokens()["text-on"].items()
    for ink in inks
]


@pytest.mark.parametrize(("name", "background", "ink"), PAIRS)
def test_every_text_can_be_read(name, background, ink):
    colors = tokens()[name]
    assert contrast(QColor(colors[ink]), QColor(colors[background])) >= 4.5


def rules() -> list[tuple[str, dict[str, str]]]:
    """(selector, colour names by property) of each rule of the style sheet."""
    text = re.sub(r"/\*.*?\*/", "", paths.asset("window.qss").read_text(encoding="utf-8"), flags=re.DOTALL)
    found = []
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
        properties = dict(re.findall(r"([\w-]+)\s*:\s*\$(\w+)\s*;", body))
        found.append(
            (" ".join(selector.split()), {name: color.replace("_", "-") for name, color in properties.items()})
        )
    return found


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_rule_of_the_style_sheet_has_text_that_can_be_read(name):
    colors, seen = tokens()[name], 0
    for selector, properties in rules():
        pairs = [("color", "background"), ("selection-color", "selection-background-color")]
        for ink, ground in pairs:
            # WCAG 2 leaves out controls that cannot be used (success criterion 1.4.3).
            if ink in properties and ground in properties and ":disabled" not in selector:
                seen += 1
                ratio = contrast(QColor(colors[properties[ink]]), QColor(colors[properties[ground]]))
                assert ratio >= 4.5, (selector, properties, ratio)
    assert seen > 15


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize(("mark", "alpha"), [("warn", 0.3), ("violet", 0.28), ("violet", 0.4)])
@pytest.mark.parametrize("ground", ["page", "code", "violet-soft"])
def test_text_that_is_marked_or_selected_can_be_read(name, mark, alpha, ground):
    colors = tokens()[name]
    over, under = QColor(colors[mark]), QColor(colors[ground])
    mixed = QColor.fromRgbF(
        *(alpha * a + (1 - alpha) * b for a, b in zip(over.getRgbF()[:3], under.getRgbF()[:3], strict=True))
    )
    assert contrast(QColor(colors["ink"]), mixed) >= 4.5


def test_the_tokens_are_read_as_by_tomllib():
    text = paths.asset("theme.toml").read_text(encoding="utf-8")
    assert read_tokens(text) == tomllib.loads(text)


def test_a_value_that_is_not_a_literal_is_a_bug():
    with pytest.raises(ValueError):
        read_tokens("[light]\npage = open\n")


def test_both_themes_have_the_same_names():
    assert tokens()["light"].keys() == tokens()["dark"].keys()


def test_the_names_of_the_design_exist():
    names = [
        "page",
        "sidebar",
        "raised",
        "ink",
        "ink-2",
        "ink-3",
        "line",
        "violet",
        "violet-soft",
        "good",
        "warn",
        "bad",
        "code",
    ]
    for name in names:
        assert theme().color(name).isValid()
    with pytest.raises(KeyError):
        theme().color("mauve")


def test_dark_mode_changes_the_palette_and_emits_changed(qtbot):
    with qtbot.waitSignal(themes().changed):
        themes().set_mode("dark")
    assert theme().name == "dark"
    palette = QGuiApplication.palette()
    assert palette.window().color() == QColor(tokens()["dark"]["page"])
    assert palette.text().color() == QColor(tokens()["dark"]["ink"])


def test_changed_is_not_emitted_for_the_same_theme(qtbot):
    with qtbot.assertNotEmitted(themes().changed, wait=50):
        themes().set_mode("light")
        themes().set_zoom(1.0)


def test_system_mode_follows_the_system_live(qtbot, monkeypatch):
    themes().apply("system")
    assert theme().name == "light"
    monkeypatch.setattr("desktop.ui.style.theme._system_is_dark", lambda: True)
    with qtbot.waitSignal(themes().changed):
        QGuiApplication.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert theme().name == "dark"
    themes().set_mode("light")
    with qtbot.assertNotEmitted(themes().changed):
        QGuiApplication.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert theme().name == "light"


def test_zoom_enlarges_fonts_and_distances(qtbot):
    body, card = theme().font_body.pixelSize(), theme().radius_card
    themes().set_zoom(2.0)
    assert theme().font_body.pixelSize() == 2 * body
    assert theme().radius_card == 2 * card
    assert theme().space(3) == 32
    shown = QLabel("a")
    qtbot.addWidget(shown)
    shown.ensurePolished()
    assert shown.font().pixelSize() == 2 * body


def test_zoom_stops_at_its_ends():
    for _ in range(20):
        themes().step_zoom(1)
    assert theme().zoom == ZOOMS[-1]
    for _ in range(20):
        themes().step_zoom(-1)
    assert theme().zoom == ZOOMS[0]
    themes().set_zoom(1.04)
    assert theme().zoom == 1.0


def test_every_name_in_the_style_sheet_is_replaced():
    for name in ("light", "dark"):
        themes().apply(name)
        assert "$" not in style_sheet(theme())


def test_settings_are_followed(qapp, settings):
    settings.set_value("window/theme", "dark")
    settings.set_value("window/zoom", 1.25)
    themes().follow_settings(settings)
    assert (theme().name, theme().zoom) == ("dark", 1.25)
    settings.set_value("window/theme", "light")
    assert theme().name == "light"
    settings.set_value("window/zoom", "huge")
    assert theme().zoom == 1.0
    settings.set_value("window/theme", "mauve")
    assert theme().name in ("light", "dark")


ICONS = sorted(path.stem for path in paths.asset("icons").glob("*.svg"))


def ink_of(name: str, color: str) -> set[str]:
    image = icon(name, color).pixmap(icon_size(20)).toImage()
    pixels = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
    return {pixel.name() for pixel in pixels if pixel.alpha() == 255}


@pytest.mark.parametrize("name", ICONS)
def test_icons_are_drawn_in_the_given_colour(qapp, name):
    source = paths.asset(f"icons/{name}.svg").read_text()
    assert "currentColor" in source
    assert 'stroke-width="1.5"' in source
    assert 'viewBox="0 0 24 24"' in source
    image = icon(name, "violet", 24).pixmap(icon_size(24)).toImage()
    drawn = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    strongest = max(drawn, key=QColor.alpha)
    assert strongest.alpha() > 120
    # Colours of the pixmap are premultiplied with alpha and rounded.
    wanted = theme().color("violet")
    assert all(abs(a - b) <= 6 for a, b in zip(strongest.getRgb()[:3], wanted.getRgb()[:3], strict=True))


def test_the_icons_of_the_design_exist():
    wanted = """
        plus search settings pin unpin trash rename copy check refresh edit chevron-left chevron-right chevron-down
        arrow-down play stop send sidebar more folder-open model offline sun moon keyboard info warning x fold unfold
        sliders globe
    """
    assert set(wanted.split()) <= set(ICONS)


def test_an_icon_follows_the_theme(qapp):
    light = ink_of("stop", "ink")
    themes().set_mode("dark")
    assert ink_of("stop", "ink") == {theme().color("ink").name()} != light


def test_unknown_icon_is_a_bug(qapp):
    with pytest.raises(FileNotFoundError):
        icon("unicorn")
