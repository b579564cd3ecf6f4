"""The pages that reports are: one file each, in the window's colours, without anything from elsewhere.

A page is a template that extends `base.html.j2`, which has the skeleton and the style that all of them share. Every
text in it is escaped; only what passes through `as_it_is` is not.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belle import paths

if TYPE_CHECKING:
    from markupsafe import Markup

SERIES = {
    "light": ("#5B3FD6", "#C2410C", "#1E7F4F", "#0369A1", "#B3261E", "#7A5C00", "#9D2B7E", "#4B5563"),
    "dark": ("#A594FF", "#FFA36B", "#5CC98F", "#6CC3F5", "#FF8A80", "#E5C454", "#F08CD2", "#B8C0CC"),
}
"""Colours of the lines of a plot, for each theme: they differ in lightness as well as in hue."""

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_STYLE_HASH = "sha256-of-the-style"  # until the style is known

_COLOURS = ("page", "raised", "code", "ink", "ink-2", "ink-3", "line", "violet", "violet-soft", "good", "warn", "bad")


def render(template: Path, filters: Mapping[str, Callable[..., str]] | None = None, **values: Any) -> str:
    """The HTML of a page.

    Args:
        template: its file; its blocks are `head`, `title`, `style` and `body`.
        filters: of its own.
        values: what stands in it; one that is missing raises jinja2's UndefinedError.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(template.name).render(light=_variables("light"), dark=_variables("dark"), **values)


def render_sealed(template: Path, *, own_pictures: bool = False, **values: Any) -> str:
    """The HTML of a page with texts of models and of other programs; its template extends `sealed.html.j2`.

    Its content security policy allows one style, which is named by its hash, and nothing else: no script, no image, no
    frame, no connection, not even a style in what was said. With `own_pictures` it allows the pictures that the page
    itself holds. Other arguments as of `render`.
    """
    page = render(template, style_hash=_STYLE_HASH, own_pictures=own_pictures, **values)
    style = _STYLE.search(page)
    assert style is not None  # base.html.j2 has it
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    return page.replace(_STYLE_HASH, f"sha256-{digest}", 1)


def as_it_is(markup: str) -> Markup:
    """What goes into a page unescaped: drawings and data that are made here, in which every foreign text is escaped."""
    from markupsafe import Markup

    return Markup(markup)  # noqa: S704


def theme_colours(theme: str) -> dict[str, str]:
    """The window's colours in a theme, `light` or `dark`, by their names."""
    values = tomllib.loads(paths.asset("theme.toml").read_text(encoding="utf-8"))[theme]
    return {name: values[name] for name in _COLOURS}


def _variables(theme: str) -> str:
    """The window's colours, and those of plots, as CSS variables."""
    colours = theme_colours(theme)
    colours |= {f"series-{number}": value for number, value in enumerate(SERIES[theme])}
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
