"""Exports to be read: Markdown that stays what was said, and a page that can do nothing but be read."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop.exchange.html_page import html_page
from desktop.exchange.markdown_text import markdown
from desktop.exchange.message_html import message_html
from desktop.exchange.outgoing import export, file_name
from desktop.exchange.words import ExportWords
from desktop.store import ConversationTree, ProjectSettings, TreeMessage

WORDS = ExportWords()
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def talk(answer: str = "Water.", *, thinking: str = "", title: str = "Rain") -> ConversationTree:
    messages = (
        TreeMessage(None, "user", "What is rain?", created_at=1e9, active_child=2),
        TreeMessage(0, "assistant", "not shown"),
        TreeMessage(0, "assistant", answer, "length", 1e9, "/models/Qwen3.gguf", {}, thinking, 3.2),
    )
    return ConversationTree(messages, title, system_prompt="Be brief.", model="starter", created_at=1e9, active_leaf=2)


# Markdown


def test_a_page_has_the_projects_system_prompt_where_there_is_no_own_one() -> None:
    project = ProjectSettings("Thesis", "Be strict.")
    for own, expected in (("", "Be strict."), (" \n", "Be strict."), ("Be brief.", "Be brief.")):
        tree = replace(talk(), system_prompt=own, project=project)
        assert f"> **System prompt**\n>\n> {expected}\n" in markdown(tree, WORDS)
        assert expected in html_page([tree], WORDS)


def test_markdown_has_what_is_shown() -> None:
    text = markdown(talk(thinking="Hm.\n\n</details> <b>"), WORDS)
    assert text.startswith("# Rain\n\n*starter · 2001-09-09")
    assert "> **System prompt**\n>\n> Be brief." in text
    assert "## You — 2001-09-09" in text
    assert "## Qwen3 — 2001-09-09" in text
    assert "<details>\n<summary>Thoughts (3 s)</summary>\n\n> Hm.\n>\n> &lt;/details> <b>\n\n</details>" in text
    assert text.endswith("Water.\n\n*(cut off)*\n")
    assert "not shown" not in text


def test_a_code_block_that_was_cut_off_does_not_swallow_what_follows() -> None:
    text = markdown(talk("Code:\n\n````python\nprint(1)\n```\n"), WORDS)
    assert "print(1)\n```\n````\n\n*(cut off)*" in text


def test_a_title_is_text() -> None:
    assert markdown(talk(title="<b> *x*\n# y"), WORDS).splitlines()[0] == r"# \<b\> \*x\* \# y"


# HTML

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://example.com/x.png)",
    "![x](x.png){onload=alert(1)}",
    "[x](javascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](https://example.com 'title\" onclick=\"alert(1)')",
    "[x]: javascript:alert(1)\n\n[x]",
    '<https://example.com/"onclick=alert(1)>',
    '```"><script>alert(1)</script>\n</code></pre><script>alert(1)</script>\n```',
    "```html\n<script>alert(1)</script>\n```",
    "| a |\n|--:|\n| <iframe src=//example.com> |",
    "$$</div><script>alert(1)</script>$$",
    "</section></article><meta http-equiv=refresh content='0;url=https://example.com'>",
    "<style>@import 'https://example.com'</style>",
    "\\(<svg/onload=alert(1)>\\)",
    "\0<\0script>alert(1)</script>",
]


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


HARMLESS = re.compile(
    "html|head|meta|title|style|body|nav|ul|ol|li|h[1-6]|p|a|article|section|div|span|details|summary|figure|pre|code"
    "|blockquote|table|thead|tbody|tr|th|td|em|strong|s|hr|br"
)


def assert_harmless(page: str) -> None:
    for tag, attributes in Elements(page).found:
        assert HARMLESS.fullmatch(tag), tag
        for name, value in attributes.items():
            assert name in ("class", "id", "href", "rel", "lang", "charset", "name", "content", "http-equiv", "start")
            if name == "href":
                assert re.match("https?:|mailto:|#", value or "", re.IGNORECASE), value
            if name == "http-equiv":
                assert value == "Content-Security-Policy"


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_model_writes_becomes_more_than_text(text: str) -> None:
    tree = talk(text, thinking=text, title=text)
    page = html_page([tree, tree], ExportWords())
    assert_harmless(page)
    assert page.count("<meta http-equiv") == 1


@given(
    st.lists(st.sampled_from([*HOSTILE, "<", ">", '"', "'", "&", "`", "a", "\n", "](", "](java", "script:", " on=1"]))
)
@settings(max_examples=60)
def test_no_mixture_of_them_does_either(parts: list[str]) -> None:
    assert_harmless(message_html("".join(parts)))


def test_a_page_has_what_was_said_with_its_structure() -> None:
    answer = (
        "# Head\n\n- one\n  - two\n\n```python\nx = '<1>'  # why\n```\n\n"
        "| a | b |\n|---|--:|\n| 1 | 2 |\n\n\\(a_1 < b_2\\)"
    )
    page = html_page([talk(answer, thinking="Hm.")], ExportWords())
    assert "<summary>Thoughts (3 s)</summary><p>Hm.</p>" in page
    assert '<span class="c-ink-3"># why</span>' in page
    assert "&#x27;&lt;1&gt;&#x27;" in page
    assert '<td class="right">2</td>' in page
    assert '<span class="formula">\\(a_1 &lt; b_2\\)</span>' in page
    assert "<li>one\n<ul>\n<li>two</li>" in page
    assert "prefers-color-scheme: dark" in page
    assert "not shown" not in page
    assert "<nav>" not in page


def test_several_chats_begin_with_a_list_of_them() -> None:
    page = html_page([talk(title="One"), talk(title="Two")], ExportWords(language="zh-CN", chats="对话"))
    assert '<html lang="zh-CN">' in page
    assert '<a href="#chat-2">Two</a>' in page


@pytest.mark.skipif(CHROMIUM is None, reason="without Chromium")
def test_a_browser_runs_and_loads_nothing_and_styles_the_page(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    probe = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"
    page = html_page([talk("\n\n".join([*HOSTILE, probe]))], ExportWords())
    # What the page itself would never hold: the policy alone must stop it.
    path.write_text(page.replace("</body>", probe + "</body>"), encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "<title>Rain</title>" in result.stdout
    assert "Refused to apply inline style" not in result.stderr


# Files


def test_every_ending_has_its_format(tmp_path: Path) -> None:
    trees = [talk(title="Rain?"), talk(title="rain?"), talk(title="../x")]
    export(trees, tmp_path / "a.md", WORDS)
    assert (tmp_path / "a.md").read_text().count("# Rain") == 1
    export(trees, tmp_path / "a.html", WORDS)
    assert (tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")
    export(iter(trees), tmp_path / "a.zip", WORDS)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["Rain.md", "rain (2).md", "x.md"]


@given(st.text(max_size=200))
def test_any_title_is_a_name_for_a_file(title: str) -> None:
    name = file_name(title)
    assert name
    assert name == name.strip(" .")
    assert not set(name) & set('/\\:*?"<>|\0\n')
    assert len(name.encode()) < 250


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("before")

    def trees():  # type: ignore[no-untyped-def]
        yield talk()
        raise KeyError("in the middle")

    with pytest.raises(KeyError):
        export(trees(), path, WORDS)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
