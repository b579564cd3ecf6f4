"""The skeleton of every page: its style once, its texts escaped, both themes and paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from belle.report.html import SERIES, as_it_is, render

ROOT = Path(__file__).parents[3]
TEMPLATES = sorted((ROOT / "belle").rglob("*.html.j2"))
PAGE = """\
{% extends "base.html.j2" %}
{% block title %}{{ title }}{% endblock %}
{% block body %}
<h1>{{ title|loud }}</h1>{{ drawing }}
{% endblock %}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "any.html.j2"
    path.write_text(PAGE, encoding="utf-8")
    return path


def test_texts_are_escaped_and_drawings_are_not(template: Path) -> None:
    html = render(template, {"loud": str.upper}, title="<b>{{ 7 * 7 }}", drawing=as_it_is("<svg></svg>"))
    assert "<title>&lt;b&gt;{{ 7 * 7 }}</title>" in html
    assert "<h1>&lt;B&gt;{{ 7 * 7 }}</h1><svg></svg>\n</body>" in html


def test_a_value_that_is_missing_is_a_mistake(template: Path) -> None:
    with pytest.raises(UndefinedError):
        render(template, {"loud": str.upper}, title="t")


def test_the_page_has_both_themes_and_paper(template: Path) -> None:
    html = render(template, {"loud": str.upper}, title="t", drawing="")
    assert html.count("--page: #FFFFFF;") == 2
    assert "@media (prefers-color-scheme: dark) { :root { --page: #17161C;" in html
    assert {len(colours) for colours in SERIES.values()} == {8}
    for theme in SERIES:
        assert f"--series-7: {SERIES[theme][7]};" in html


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.parent.name)
def test_the_style_that_pages_share_stands_in_one_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    own = path.name == "base.html.j2"
    assert ("<!DOCTYPE html>" in text) == own
    assert text.startswith(('{% extends "base.html.j2" %}', '{% extends "sealed.html.j2" %}')) != own
    defined = {"light", "dark", "width", "heat", "w"} | {"violet-soft"}
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", text))
    known = set(re.findall(r"--([a-z0-9-]+):", render_of_nothing()))
    assert used <= known | defined


def render_of_nothing() -> str:
    return render(ROOT / "belle/report/base.html.j2")
