"""The files of the page: HTML, style, script, words in two languages, icon. They are the same for everybody."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from belle import paths
from belle.report.html import render

_STATIC = Path(__file__).with_name("static")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".json": "application/json"}
_SCRIPTS = (
    "page.js",
    "annotate.js",
    "case.js",
    "frame.js",
    "judge.js",
    "list.js",
    "paste.js",
    "server.js",
    "show.js",
    "words.js",
)

OPEN_FILES = ("/", "/page.css", "/icon.svg", "/words.json", *(f"/{name}" for name in _SCRIPTS))
"""Paths that need no token: a browser asks for them before the script can show one."""


@cache
def page_file(path: str) -> tuple[bytes, str]:
    """The content of one of `OPEN_FILES`, and its media type."""
    if path == "/icon.svg":
        return (paths.asset("icon") / "chatbelle.svg").read_bytes(), "image/svg+xml"
    if path == "/page.css":
        return render(_STATIC / "page.css.j2").encode(), "text/css"
    name = "page.html" if path == "/" else path.removeprefix("/")
    return (_STATIC / name).read_bytes(), _TYPES[Path(name).suffix]
