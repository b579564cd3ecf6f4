"""tokens.html: figures against numpy, characters cut in pieces, and text that would like to be markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from belle.errors import KnownError
from belle.evaluation.sources.llama import LlamaSource, text_tokens, window_bos
from belle.evaluation.tokens.page import LEVELS, level, show, token_page
from belle.evaluation.tokens.view import Expectation, TokenView, page_protocol, token_views
from belle.evaluation.windows import Protocol, cut
from tests.belle.evaluation.text.test_perplexity_run import log_softmax
from tests.belle.evaluation.tiny_models import TEXT, all_logits, pair

EVIL = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>&amp;\"'\u2028"


class Page(HTMLParser):
    """The elements of a page, its text by element id, and the classes of its tokens."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.tokens: list[list[str]] = []
        self.texts: list[str] = []
        self.data = ""
        self._open: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open.append((tag, dict(attrs)))
        classes = (dict(attrs).get("class") or "").split()
        if "t" in classes:
            self.tokens.append(classes)
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if any(tag == "script" and attributes.get("id") == "data" for tag, attributes in self._open):
            self.data += data
        elif any("t" in (attributes.get("class") or "").split() for _, attributes in self._open):
            self.texts[-1] += data


def page_of(pieces: list[bytes], kl: list[float | None] | None = None, **options) -> Page:
    flat = Expectation(0.5, [(0, 0.5), (1, 0.25)])
    other = Expectation(0.25, [(1, 0.5), (0, 0.25)])
    views = [TokenView(i, flat, [other], [value]) for i, value in enumerate(kl or [0.5] * len(pieces))]
    names = {"reference": "ref.gguf", "candidates": ["cand.gguf"], "about": "about"} | options
    return Page(token_page(views, context=[], piece=lambda i: pieces[i], name=lambda i: f"<{i}>", **names))


def test_every_figure_equals_an_independent_computation(tmp_path: Path) -> None:
    reference, candidate = pair(tmp_path)
    protocol = page_protocol(Protocol(n_ctx=64), 3)
    sources = [LlamaSource(path, protocol, threads=1) for path in (reference, candidate)]
    try:
        vocabulary = sources[0].vocabulary
        tokens = text_tokens(vocabulary, TEXT)
        windows = cut(tokens, protocol, window_bos(vocabulary))
        seen: list[int] = []
        views = list(token_views(sources, windows, seen.append))
    finally:
        for source in sources:
            source.close()
    assert seen == [1, 2, 3]
    # The windows overlap: what is shown follows without a gap.
    assert [view.token for view in views] == tokens[32 : 32 + 3 * 32]
    for window, start in zip(windows, range(0, 96, 32), strict=True):
        p, q = (log_softmax(all_logits(path, list(window.ids)))[window.first : -1] for path in (reference, candidate))
        for row in range(32):
            view = views[start + row]
            kl = np.where(p[row] > -16, np.exp(p[row]) * (p[row] - q[row]), 0).sum()
            assert view.kl[0] == pytest.approx(kl, rel=1e-4, abs=1e-6)
            for expected, given in ((p[row], view.reference), (q[row], view.candidates[0])):
                assert given.p == pytest.approx(np.exp(expected[view.token]), rel=1e-4)
                assert [token for token, _ in given.top] == list(np.argsort(-expected, kind="stable")[:5])
                assert given.top[0][1] == pytest.approx(np.exp(expected.max()), rel=1e-4)


def test_characters_in_several_tokens_are_shown_whole() -> None:
    ni, hao = "你".encode(), "好".encode()
    shown = show(range(7), [ni[:1], ni[1:2], ni[2:] + hao[:2], hao[2:], b"\n", b"", b"\xff"].__getitem__, "<{}>".format)
    assert [token.text for token in shown] == ["", "", "你", "好", "\n", "", "\ufffd"]
    assert [token.mark for token in shown] == ["·", "·", "", "", "", "<5>", ""]
    assert [token.title for token in shown] == [
        "0xE4",
        "0xBD",
        "0xA0 0xE5 0xA5 → 你",
        "0xBD → 好",
        "↵",
        "<5>",
        "0xFF → \ufffd",
    ]
    assert "".join(page_of([ni[:2], ni[2:], hao]).texts).replace("·", "") == "你好"


def test_text_cannot_break_out_of_the_page() -> None:
    harmless = page_of([b"a", b"b"])
    page = page_of([EVIL.encode(), b"b"], reference=EVIL, candidates=[EVIL], about=EVIL)
    assert page.tags == harmless.tags
    assert page.tags.count("script") == 2
    assert page.texts == [EVIL, "b"]
    data = json.loads(page.data)
    assert data["models"] == [EVIL, EVIL]
    assert data["names"]["0"] == " ".join(f"0x{byte:02X}" for byte in EVIL.encode())
    assert not re.search("[<>&\u2028]", page.data)


def test_the_page_needs_nothing_from_elsewhere_and_says_so_to_the_browser() -> None:
    flat = Expectation(0.5, [(0, 0.5)])
    html = token_page(
        [TokenView(0, flat, [flat, flat], [0.1, None])],
        reference="r", candidates=["a", "b"], context=[1], piece=[b"x", b"before"].__getitem__, name=str, about="",
    )  # fmt: skip
    assert "default-src 'none'" in html
    assert not re.search(r"https?:|<link|@import|<img", html)
    assert '<select id="which"' in html
    assert '<span class="before">before</span>' in html
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_colours_follow_the_divergence_and_flips_are_underlined() -> None:
    page = page_of([b"a", b"b", b"c", b"d"], [0.0, LEVELS[0], 99.0, None])
    assert page.tokens == [["t", "f"], ["t", "k1", "f"], ["t", f"k{len(LEVELS)}", "f"], ["t", "f"]]
    assert [level(x) for x in (-1e-9, 0.0031, 0.5, 1.0)] == [0, 1, 5, 6]


def test_a_candidate_that_predicts_nan_has_no_figures() -> None:
    class Rows:
        n_vocab, name = 8, "rows"

        def __init__(self, value: float) -> None:
            self._value = value

        def rows(self, window, step):
            rows = np.linspace(0, 1, 8 * len(window.targets), dtype=np.float32).reshape(-1, 8)
            yield rows * np.float32(self._value)

    window = cut(list(range(8)) * 3, Protocol(n_ctx=8), None)[0]
    views = list(token_views([Rows(1), Rows(np.nan), Rows(2)], [window], lambda _: None))
    assert [view.candidates[0] for view in views] == [None] * 3
    assert all(view.kl[0] is None and view.kl[1] > 0 for view in views)


@pytest.mark.parametrize("n", [0, -1, 101])
def test_a_page_of_nothing_or_too_much_is_refused(n: int) -> None:
    with pytest.raises(KnownError, match="windows cannot be made"):
        page_protocol(Protocol(), n)
    assert page_protocol(Protocol(stride=64), 100).stride == 64
