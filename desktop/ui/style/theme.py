"""The look at run time: the tokens of `assets/theme.toml` as colours, fonts and sizes, light or dark, zoomed.

Widgets ask `theme()` when they paint and repaint when `themes().changed` is emitted; what style sheets can do is
done once, for the whole application, by `assets/window.qss` with the tokens filled in.
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

if TYPE_CHECKING:
    from desktop.settings import Settings

Mode = Literal["system", "light", "dark"]

ZOOMS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
"""The steps of the zoom."""

_GENERIC_FAMILIES = {"Sans Serif", "Sans", "sans-serif", "DejaVu Sans", "Monospace", "monospace", "Bitstream Vera Sans"}


class Theme(NamedTuple):
    """One look: a colour scheme at a zoom. Sizes are device-independent pixels."""

    name: Literal["light", "dark"]
    zoom: float

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
        """A size of the `[shape]` table: radius, radius-card, sidebar, header, column."""
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
        """What is read and written."""
        return self._font("body")

    @property
    def font_small(self) -> QFont:
        """Labels, statistics, section names."""
        return self._font("small")

    @property
    def font_code(self) -> QFont:
        """Monospace."""
        return self._font("code")

    def font_size(self, role: str) -> int:
        """Pixel size of `body`, `small`, `title` or `code`."""
        return self.px(tokens()["type"][role])

    def _font(self, role: str) -> QFont:
        # QFont takes whole pixels only, and a fraction in points depends on the screen: round after zooming.
        font = QFont()
        font.setFamilies(list(_families("code" if role == "code" else "body")))
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
    wanted = tokens()["fonts"]
    families = [system]
    if system in _GENERIC_FAMILIES:
        # A bare desktop: fontconfig's default is readable, but hardly what one wants to look at all day.
        families = _first_installed(wanted[role]) or [system]
    families += _first_installed(wanted["chinese"])
    return tuple(families)


def _first_installed(families: list[str]) -> list[str]:
    # `hasFamily` would make a list of every family there is, each time.
    return next(([family] for family in families if QFontDatabase.styles(family)), [])


class ThemeManager(QObject):
    """Holds the current `Theme`, follows the system's light or dark, dresses the application."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._mode: Mode = "system"
        self._zoom = 1.0
        self._dressed = False
        self._theme = self._make()
        if QGuiApplication.instance() is not None:
            QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)

    @property
    def current(self) -> Theme:
        """The look now."""
        return self._theme

    @property
    def mode(self) -> Mode:
        """What the user chose: follow the system, or always light or dark."""
        return self._mode

    def set_mode(self, mode: Mode) -> None:
        """Choose; takes effect at once."""
        if mode == self._mode:
            return
        self._mode = mode
        hints = QGuiApplication.styleHints()
        # Title bars and native dialogs follow too.
        if mode == "system":
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(Qt.ColorScheme.Dark if mode == "dark" else Qt.ColorScheme.Light)
        self._refresh()

    def set_zoom(self, zoom: float) -> None:
        """Choose the nearest of `ZOOMS`; takes effect at once."""
        self._zoom = min(ZOOMS, key=lambda z: abs(z - zoom))
        self._refresh()

    def step_zoom(self, steps: int) -> None:
        """Larger (positive) or smaller by steps of `ZOOMS`, as far as they go."""
        place = ZOOMS.index(self._zoom) + steps
        self.set_zoom(ZOOMS[max(0, min(len(ZOOMS) - 1, place))])

    def apply(self, application: QApplication, settings: Settings) -> None:
        """Dress the application as the settings say and follow them: `window/theme` and `window/zoom`."""
        del application  # it has to be there first, that is all

        def chosen() -> Mode:
            mode = str(settings.value("window/theme", "system"))
            return cast(Mode, mode) if mode in ("system", "light", "dark") else "system"

        def zoom() -> float:
            try:
                return float(settings.value("window/zoom", 1.0))
            except (TypeError, ValueError):
                return 1.0

        def follow(name: str) -> None:
            if name == "window/theme":
                self.set_mode(chosen())
            elif name == "window/zoom":
                self.set_zoom(zoom())

        self.dress(chosen(), zoom())
        settings.changed.connect(follow)

    def dress(self, mode: Mode = "system", zoom: float = 1.0) -> None:
        """Give the application its palette, font and style sheet. Once, before the first window."""
        self._mode, self._zoom = mode, min(ZOOMS, key=lambda z: abs(z - zoom))
        if mode != "system":
            dark = mode == "dark"
            QGuiApplication.styleHints().setColorScheme(Qt.ColorScheme.Dark if dark else Qt.ColorScheme.Light)
        self._theme = self._make()
        self._dressed = True
        self._apply()

    def _follow_system(self) -> None:
        if self._mode == "system":
            self._refresh()

    def _refresh(self) -> None:
        new_theme = self._make()
        if new_theme == self._theme:
            return
        self._theme = new_theme
        if self._dressed:
            self._apply()
        self.changed.emit()

    def _make(self) -> Theme:
        name: Literal["light", "dark"] = "light"
        is_there = QGuiApplication.instance() is not None
        if is_there and (self._mode == "dark" or (self._mode == "system" and _system_is_dark())):
            name = "dark"
        return Theme(name, self._zoom)

    def _apply(self) -> None:
        app = _app()
        app.setFont(self._theme.font_body)
        app.setPalette(_palette(self._theme))
        app.setStyleSheet(style_sheet(self._theme))


def _app() -> QApplication:
    return cast(QApplication, QApplication.instance())


def _system_is_dark() -> bool:
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def _palette(look: Theme) -> QPalette:
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
        palette.setColor(target, look.color(name))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, look.color("ink-3"))
    return palette


def style_sheet(look: Theme) -> str:
    """`assets/window.qss` with `$names` replaced: colours by token, `$p4` by 4 zoomed pixels, `$font_small`…"""
    template = Template(paths.asset("window.qss").read_text(encoding="utf-8"))
    values: dict[str, str] = {
        name.replace("-", "_"): look.color(name).name(QColor.NameFormat.HexRgb) for name in tokens()[look.name]
    }
    values |= {f"font_{role}": f"{look.font_size(role)}px" for role in tokens()["type"]}
    values |= {f"p{n}": f"{look.px(n)}px" for n in (1, 2, 3, 4, 6, 8, 10, 12, 16, 18, 20, 24, 28, 32, 36, 40, 48)}
    values["assets"] = paths.asset("icons").as_posix()
    values["name"] = look.name
    return template.substitute(values)


@cache
def themes() -> ThemeManager:
    """The one manager of the application; make a QApplication first."""
    return ThemeManager()


def theme() -> Theme:
    """The look now."""
    return themes().current


# The names of the design and what they stand for, read from `assets/theme.toml`.
#
# The file keeps to the part of TOML that Python reads as it stands: tables, and on one line each a key and a string,
# number or array. Nothing can be painted before the tokens are known, and to import the standard library's reader of
# the whole of TOML takes a third as long as to build the window.


@cache
def tokens() -> Mapping[str, Mapping[str, Any]]:
    """`assets/theme.toml`: table → key → value."""
    return read_tokens(paths.asset("theme.toml").read_text(encoding="utf-8"))


def read_tokens(text: str) -> dict[str, dict[str, Any]]:
    """Tables of `text` by name. Raises SyntaxError or ValueError for a value that is not a literal."""
    tables: dict[str, dict[str, Any]] = {}
    table: dict[str, Any] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            table = tables.setdefault(line[1 : line.index("]")], {})
        elif line and not line.startswith("#"):
            key, value = line.split("=", 1)
            table[key.strip()] = ast.literal_eval(value.strip())  # a comment after it is a comment in Python, too
    return tables
