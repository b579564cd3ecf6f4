"""The icons of `assets/icons/*.svg` (strokes of 1.5 px on a grid of 24), rendered in a colour of the theme.

The files say `currentColor`, which is replaced by the colour of a token. An icon is rendered once for each size and
pixel density. It keeps the colour of the theme that it was made for: ask for it again after `themes().changed`.
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
    """Physical pixels per device-independent pixel, the largest of all screens."""
    app = QGuiApplication.instance()
    return app.devicePixelRatio() if isinstance(app, QGuiApplication) else 1.0


@lru_cache(maxsize=256)
def _icon(name: str, color: str, size: int, density: float) -> QIcon:
    from PySide6.QtSvg import QSvgRenderer  # not needed by those who import this for `icon_size` only

    renderer = QSvgRenderer(QByteArray(_source(name).replace(b"currentColor", color.encode())))
    pixels = round(size * density)
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(0, 0, pixels, pixels))
    painter.end()
    pixmap.setDevicePixelRatio(density)  # after painting: from here on its size is in device-independent pixels
    return QIcon(pixmap)


@lru_cache(maxsize=64)
def _source(name: str) -> bytes:
    return paths.asset(f"icons/{name}.svg").read_bytes()
