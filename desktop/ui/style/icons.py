"""Our own icons: 24-grid strokes of 1.5 px in `assets/icons/*.svg`, drawn in a colour of the theme.

The files say `currentColor`; a token's colour is put in its place, and the result is drawn once per size and screen
density. Ask again after `themes().changed`: an icon keeps the colours of the theme it was made for.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPixmap

from belle import paths
from desktop.ui.style.theme import theme


def icon(name: str, color_name: str = "ink-2", size: int = 20) -> QIcon:
    """The icon `name` in the theme's colour `color_name`, sharp at `size` pixels of the design (see `icon_size`).

    Raises KeyError for an unknown colour, FileNotFoundError for an unknown icon.
    """
    look = theme()
    return _icon(name, look.color(color_name).name(), look.px(size), max(1.0, _density()))


def icon_size(size: int = 20) -> QSize:
    """A zoomed square for `setIconSize`."""
    side = theme().px(size)
    return QSize(side, side)


def _density() -> float:
    app = QGuiApplication.instance()
    return app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0


@lru_cache(maxsize=256)
def _icon(name: str, color: str, size: int, density: float) -> QIcon:
    from PySide6.QtSvg import QSvgRenderer  # only where an icon is drawn

    renderer = QSvgRenderer(QByteArray(_source(name).replace(b"currentColor", color.encode())))
    pixels = round(size * density)
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    pixmap.setDevicePixelRatio(density)
    return QIcon(pixmap)


@lru_cache(maxsize=64)
def _source(name: str) -> bytes:
    return paths.asset(f"icons/{name}.svg").read_bytes()
