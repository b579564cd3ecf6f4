"""Whatever Markdown or HTML a message holds, showing or exporting it asks for nothing: no image, style or page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QTextDocument, QTextFormat

from desktop.exchange.message_html import message_html
from desktop.ui.transcript.message.text import MessageText

ADDRESSES = (
    "https://tracker.example/p.png", "http://127.0.0.1:9/x", "//tracker.example/p.png", "file:///etc/passwd",
    "data:text/html,<img src=https://tracker.example/p.png>", "ftp://tracker.example/x", "\\\\tracker.example\\share",
)  # fmt: skip
FORMS = (
    "![seen]({0})", "![seen]({0} 'title')", "[![seen]({0})]({0})", "![seen][1]\n\n[1]: {0}", "<{0}>", "[link]({0})",
    "{0}", "<img src='{0}'>", "<IMG SRC={0} onerror=alert(1)>", "<img srcset='{0} 2x'>", "<base href='{0}'>",
    "<link rel=stylesheet href='{0}'>", "<style>@import '{0}'; p {{ background: url({0}) }}</style>",
    "<iframe src='{0}'></iframe>", "<script src='{0}'></script>", "<p style='background: url({0})'>x</p>",
    "<table background='{0}'><tr><td>x</td></tr></table>", "<object data='{0}'></object>",
    "<video poster='{0}' src='{0}'></video>", "<meta http-equiv=refresh content='0; url={0}'>",
    "| a | b |\n|---|---|\n| ![x]({0}) | <img src='{0}'> |", "```html\n<img src='{0}'>\n```",
    "$\\includegraphics{{{0}}}$", "$$\\href{{{0}}}{{x}}$$", "- ![x]({0})\n  > <img src='{0}'>", "# ![x]({0})",
    "`<img src='{0}'>`", "~~![x]({0})~~", "<a href='{0}' ping='{0}'>x</a>", "<svg><image href='{0}'/></svg>",
    "<a><b>![x]({0})", "&lt;img src='{0}'&gt;",
)  # fmt: skip
PIECES = st.builds(lambda form, address: form.format(address), st.sampled_from(FORMS), st.sampled_from(ADDRESSES))
MESSAGES = st.lists(PIECES | st.text(max_size=20), min_size=1, max_size=6).map("\n\n".join) | st.lists(
    PIECES, max_size=4
).map(" ".join)
FETCHING = {
    "src", "srcset", "poster", "data", "background", "ping", "style", "formaction", "action", "manifest", "xlink:href",
}  # fmt: skip


class Browser(QObject):
    """Stands for the desktop's browser."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.addresses.append(url.toString())


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """What Qt asks a message for while it is laid out and painted."""
    names: list[str] = []
    monkeypatch.setattr(MessageText, "loadResource", lambda _self, _kind, name: names.append(str(name)))
    return names


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=MESSAGES)
def test_a_message_that_is_shown_asks_for_nothing(view, message, asked, qapp, text: str) -> None:
    browser = Browser()
    for scheme in ("http", "https", "ftp", "file"):
        QDesktopServices.setUrlHandler(scheme, browser, "open")
    try:
        view.set_path([message(text)])
        view.resize(500, 400)
        view.grab()
        qapp.processEvents()
    finally:
        for scheme in ("http", "https", "ftp", "file"):
            QDesktopServices.unsetUrlHandler(scheme)
    assert asked == []
    assert browser.addresses == []
    for shown in view.findChildren(MessageText):
        assert images(shown.document()) == []


def test_an_image_in_a_message_would_be_asked_for(view, message, asked) -> None:
    view.set_path([message("text")])
    (shown,) = view.findChildren(MessageText)
    shown.document().setHtml("<img src='https://tracker.example/p.png'>")
    view.grab()
    assert asked
    assert images(shown.document()) == ["https://tracker.example/p.png"]


def images(document: QTextDocument) -> list[str]:
    """The names of images in a document that are not drawings of its own."""
    names = []
    for style in document.allFormats():
        if style.isImageFormat():
            names.append(style.toImageFormat().name())
        assert not style.hasProperty(QTextFormat.Property.BackgroundImageUrl)
    return [name for name in names if ":" in name or "//" in name]


class Fetches(HTMLParser):
    """Finds what a browser would ask for on opening a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attributes}
        if names & FETCHING or (tag != "a" and "href" in names):
            self.found.append(self.get_starttag_text() or tag)
        if tag in ("link", "script", "iframe", "img", "object", "embed", "base", "meta", "style", "video", "audio"):
            self.found.append(tag)


@settings(max_examples=300)
@given(text=MESSAGES)
def test_a_page_that_is_exported_asks_for_nothing(text: str) -> None:
    fetches = Fetches()
    fetches.feed(message_html(text))
    fetches.close()
    assert fetches.found == []


def test_a_page_that_would_ask_is_found() -> None:
    fetches = Fetches()
    fetches.feed('<p><img src="https://a"><a href="https://a">x</a><a ping="https://a">x</a></p>')
    assert len(fetches.found) == 3
