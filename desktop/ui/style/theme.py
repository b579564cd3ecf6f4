"""The theme at run time: the tokens of `assets/theme.toml` as colours, fonts and sizes, light or dark, zoomed.

Widgets ask `theme()` when they paint and repaint when `themes().changed` is emitted. What a style sheet can do is done
once for the whole application, by `assets/window.qss` with the tokens filled in.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import cache
from string import Template
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from belle import paths
from desktop.ui.style.reading import NAMES, Reading, reading_of

if TYPE_CHECKING:
    from desktop.settings import Settings

Mode = Literal["system", "light", "dark"]

ZOOMS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
"""The steps of the zoom."""

_GENERIC_FAMILIES = {"Sans Serif", "Sans", "sans-serif", "DejaVu Sans", "Monospace", "monospace", "Bitstream Vera Sans"}


_UNBOUNDED = 1 << 20
"""Pixels; more than any screen has."""


class Theme(NamedTuple):
    """A colour scheme at a zoom. Sizes are device-independent pixels. An empty font means the one of the system."""

    name: Literal["light", "dark"]
    zoom: float
    text_font: str = ""
    code_font: str = ""

    def color(self, name: str) -> QColor:
        """The colour of a token. Raises KeyError for a name that `theme.toml` does not know."""
        return QColor(tokens()[self.name][name])

    def px(self, size: float) -> int:
        """`size` pixels of the design at this zoom."""
        return int(size * self.zoom + 0.5)

    def space(self, step: int) -> int:
        """Step 0…5 of the spacing scale 4-8-12-16-24-32."""
        return self.px(tokens()["shape"]["spacing"][step])

    def shape(self, name: str) -> int:
        """A size of the `[shape]` table: radius, radius-card, sidebar, header."""
        return self.px(tokens()["shape"][name])

    @property
    def radius(self) -> int:
        """Corner radius of controls."""
        return self.shape("radius")

    @property
    def radius_card(self) -> int:
        """Corner radius of cards."""
        return self.shape("radius-card")

    @property
    def font_body(self) -> QFont:
        """The font of messages and fields."""
        return self._font("body")

    @property
    def font_small(self) -> QFont:
        """The font of labels, statistics, section names."""
        return self._font("small")

    @property
    def font_code(self) -> QFont:
        """The monospace font of code."""
        return self._font("code")

    def font_size(self, role: str) -> int:
        """Pixel size of `body`, `small`, `title` or `code`."""
        return self.px(tokens()["type"][role])

    def _font(self, role: str) -> QFont:
        # Pixels, because the size of a point depends on the screen; rounded last, because QFont takes no fractions.
        font = QFont()
        own = self.code_font if role == "code" else self.text_font
        font.setFamilies([*_first_installed([own]), *_families("code" if role == "code" else "body")])
        font.setPixelSize(self.font_size(role))
        if role == "code":
            font.setStyleHint(QFont.StyleHint.Monospace)
            font.setFixedPitch(True)
        return font


@cache
def _families(role: Literal["body", "code"]) -> tuple[str, ...]:
    fixed = role == "code"
    kind = QFontDatabase.SystemFont.FixedFont if fixed else QFontDatabase.SystemFont.GeneralFont
    system = QFontDatabase.systemFont(kind).family()
    if sys.platform == "darwin":
        return (system,)
    fonts = tokens()["fonts"]
    families = [system]
    if system in _GENERIC_FAMILIES:
        # The desktop has chosen no font, so Qt reports fontconfig's default. Ours are better to read.
        families = _first_installed(fonts[role]) or [system]
    families += _first_installed(fonts["chinese"])
    return tuple(families)


def _first_installed(families: list[str]) -> list[str]:
    # Not `QFontDatabase.hasFamily`: it lists every installed family at each call.
    return next(([family] for family in families if family and QFontDatabase.styles(family)), [])


class ThemeManager(QObject):
    """Holds the current `Theme`, follows the system's light or dark mode, and applies the theme to the application.

    The text of conversations has a theme of its own, made from the current one and `reading`.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._mode: Mode = "system"
        self._zoom = 1.0
        self._reading = Reading()
        self._applied = False
        self._theme = self._make()
        if QGuiApplication.instance() is not None:
            QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)

    @property
    def current(self) -> Theme:
        """The theme in use."""
        return self._theme

    @property
    def reading(self) -> Reading:
        """How conversations are to be read."""
        return self._reading

    @property
    def of_text(self) -> Theme:
        """The theme of the text of conversations: that of the window, larger or smaller, with fonts of its own."""
        window, reading = self._theme, self._reading
        return Theme(window.name, window.zoom * reading.size, reading.text_font, reading.code_font)

    @property
    def column(self) -> int:
        """The largest width of a conversation in pixels. It grows with the text, so that lines keep their length."""
        width = self._reading.width
        return _UNBOUNDED if width == "full" else self.of_text.px(tokens()["columns"][width])

    @property
    def mode(self) -> Mode:
        """What the user has chosen: follow the system, or always light or dark."""
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        """Set the mode; it takes effect at once."""
        if mode == self._mode:
            return
        self._mode = mode
        # Qt passes the scheme on to title bars and native dialogs.
        if mode == "system":
            QGuiApplication.styleHints().unsetColorScheme()
        else:
            _set_color_scheme(mode)
        self._refresh()

    def set_zoom(self, zoom: float) -> None:
        """Set the zoom to the nearest of `ZOOMS`; it takes effect at once."""
        self._zoom = _nearest_zoom(zoom)
        self._refresh()

    def step_zoom(self, steps: int) -> None:
        """Zoom in (positive) or out by so many steps of `ZOOMS`, at most to their end."""
        index = ZOOMS.index(self._zoom) + steps
        self.set_zoom(ZOOMS[max(0, min(len(ZOOMS) - 1, index))])

    def set_reading(self, reading: Reading) -> None:
        """Set how conversations are to be read; it takes effect at once."""
        if reading != self._reading:
            self._reading = reading
            self.changed.emit()

    def follow_settings(self, settings: Settings) -> None:
        """Apply theme, zoom and the settings of `Reading`, now and whenever they change."""

        def mode_of_settings() -> Mode:
            mode = str(settings.value("window/theme", "system"))
            return cast(Mode, mode) if mode in ("system", "light", "dark") else "system"

        def zoom_of_settings() -> float:
            try:
                return float(settings.value("window/zoom", 1.0))
            except (TypeError, ValueError):
                return 1.0

        def follow(name: str) -> None:
            if name == "window/theme":
                self.set_mode(mode_of_settings())
            elif name == "window/zoom":
                self.set_zoom(zoom_of_settings())
            elif name in NAMES.values():
                self.set_reading(reading_of(settings))

        self.apply(mode_of_settings(), zoom_of_settings(), reading_of(settings))
        settings.changed.connect(follow)

    def apply(self, mode: Mode = "system", zoom: float = 1.0, reading: Reading | None = None) -> None:
        """Give the application its palette, font and style sheet. Call once, before the first window is shown."""
        self._mode, self._zoom, self._reading = mode, _nearest_zoom(zoom), reading or Reading()
        if mode != "system":
            _set_color_scheme(mode)
        self._theme = self._make()
        self._applied = True
        self._apply_to_application()

    def _follow_system(self) -> None:
        if self._mode == "system":
            self._refresh()

    def _refresh(self) -> None:
        new_theme = self._make()
        if new_theme == self._theme:
            return
        self._theme = new_theme
        if self._applied:
            self._apply_to_application()
        self.changed.emit()

    def _make(self) -> Theme:
        name: Literal["light", "dark"] = "light"
        has_application = QGuiApplication.instance() is not None
        if has_application and (self._mode == "dark" or (self._mode == "system" and _system_is_dark())):
            name = "dark"
        return Theme(name, self._zoom)

    def _apply_to_application(self) -> None:
        app = cast(QApplication, QApplication.instance())
        app.setFont(self._theme.font_body)
        app.setPalette(_palette(self._theme))
        app.setStyleSheet(style_sheet(self._theme))


def _nearest_zoom(zoom: float) -> float:
    return min(ZOOMS, key=lambda step: abs(step - zoom))


def _set_color_scheme(mode: Literal["light", "dark"]) -> None:
    scheme = Qt.ColorScheme.Dark if mode == "dark" else Qt.ColorScheme.Light
    QGuiApplication.styleHints().setColorScheme(scheme)


def _system_is_dark() -> bool:
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def _palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette()
    for target, name in (
        (role.Window, "page"),
        (role.WindowText, "ink"),
        (role.Base, "page"),
        (role.AlternateBase, "sidebar"),
        (role.Text, "ink"),
        (role.PlaceholderText, "ink-3"),
        (role.Button, "raised"),
        (role.ButtonText, "ink"),
        (role.BrightText, "bad"),
        (role.ToolTipBase, "raised"),
        (role.ToolTipText, "ink"),
        (role.Highlight, "violet"),
        (role.HighlightedText, "on-violet"),
        (role.Link, "violet"),
        (role.LinkVisited, "violet"),
        (role.Light, "raised"),
        (role.Midlight, "hover"),
        (role.Mid, "line"),
        (role.Dark, "line"),
        (role.Shadow, "line"),
        (role.Accent, "violet"),
    ):
        palette.setColor(target, theme.color(name))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, theme.color("ink-3"))
    return palette


def style_sheet(theme: Theme) -> str:
    """`assets/window.qss` with its `$names` replaced: `$ink_2` by a colour, `$p4` by 4 zoomed pixels, `$font_small`…"""
    template = Template(paths.asset("window.qss").read_text(encoding="utf-8"))
    values: dict[str, str] = {
        name.replace("-", "_"): theme.color(name).name(QColor.NameFormat.HexRgb) for name in tokens()[theme.name]
    }
    values |= {f"font_{role}": f"{theme.font_size(role)}px" for role in tokens()["type"]}
    values |= {f"p{n}": f"{theme.px(n)}px" for n in (1, 2, 3, 4, 6, 8, 10, 12, 16, 18, 20, 24, 28, 32, 36, 40, 48)}
    values["assets"] = paths.asset("icons").as_posix()
    values["name"] = theme.name
    return template.substitute(values)


@cache
def themes() -> ThemeManager:
    """The manager of the application's theme; a QApplication must exist before the first call."""
    return ThemeManager()


def theme() -> Theme:
    """The theme in use."""
    return themes().current


def text_theme() -> Theme:
    """The theme of the text of conversations."""
    return themes().of_text


@cache
def tokens() -> Mapping[str, Mapping[str, Any]]:
    """The design tokens of `assets/theme.toml`: table → key → value."""
    return read_tokens(paths.asset("theme.toml").read_text(encoding="utf-8"))


def read_tokens(text: str) -> dict[str, dict[str, Any]]:
    """Tables of `text` by name. Raises SyntaxError or ValueError for a value that is not a literal."""
    # Not `tomllib`: nothing can be painted before the tokens are known, and importing it takes a third as long as
    # building the window. The file keeps to the part of TOML that is Python, too: tables, and lines of a key and a
    # string, number or array.
    tables: dict[str, dict[str, Any]] = {}
    table: dict[str, Any] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            table = tables.setdefault(line[1 : line.index("]")], {})
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            table[key.strip()] = ast.literal_eval(value.strip())  # a comment behind it is one in Python, too
    return tables
