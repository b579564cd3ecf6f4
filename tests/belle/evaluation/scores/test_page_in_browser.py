"""The report in a real browser: its own script sorts, and nothing that a model said runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from belle.evaluation.items.item import EvaluationItem, EvaluationItems
from belle.evaluation.scores.report.contents import ReportOptions, score_report
from belle.evaluation.scores.report.page import page
from tests.belle.evaluation.scores.made import HOSTILE, hostile_page, items_of, scores_of, verdict
from tests.support.chromium import ChromiumTab, chromium, needs_chromium

pytestmark = needs_chromium
MEANS = {"low": 0.05, "none": None, "high": 1.0, "middle": 0.5}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromiumTab]:
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def opened(browser: ChromiumTab, path: Path, html: str) -> ChromiumTab:
    path.write_text(html, encoding="utf-8")
    browser.look()
    browser.said.clear()
    browser.open(path.as_uri())
    browser.until(f"location.href === {json.dumps(path.as_uri())} && document.querySelector('th[tabindex]')")
    return browser


@pytest.fixture
def table(browser: ChromiumTab, tmp_path: Path) -> ChromiumTab:
    models = {name: scores_of(name, verdict("a", score)) for name, score in MEANS.items()}
    report = score_report(items_of("a"), models, [], ReportOptions())
    return opened(browser, tmp_path / "report.html", page(report, {}, {}))


def order(tab: ChromiumTab) -> list[str]:
    """The first column of the first table."""
    return list(tab.run("[...document.querySelector('table').tBodies[0].rows].map(row => row.cells[0].textContent)"))


def test_a_click_sorts_by_number_and_what_has_none_is_last(table: ChromiumTab) -> None:
    table.run("document.querySelectorAll('th')[1].click()")
    assert order(table) == ["high", "middle", "low", "none"]
    table.run("document.querySelectorAll('th')[1].click()")
    assert order(table) == ["none", "low", "middle", "high"]
    assert table.run("document.querySelectorAll('th')[1].ariaSort") == "ascending"


def test_keys_sort_by_text(table: ChromiumTab) -> None:
    table.run("document.querySelectorAll('th')[0].focus()")
    table.press("Enter", "Enter")
    assert order(table) == sorted(MEANS)


def test_both_themes_have_their_own_colours_and_a_narrow_window_is_not_wider_than_it_is(table: ChromiumTab) -> None:
    colours = set()
    for scheme in ("light", "dark"):
        table.look(width=400, scheme=scheme)
        colours.add(table.run("getComputedStyle(document.body).backgroundColor"))
        assert table.run("document.documentElement.scrollWidth <= innerWidth")
    assert len(colours) == 2


def test_hostile_texts_are_shown_and_nothing_of_them_runs(browser: ChromiumTab, tmp_path: Path) -> None:
    for number, text in enumerate(HOSTILE):
        tab = opened(browser, tmp_path / f"{number}.html", hostile_page(text))
        tab.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        tab.run("document.querySelectorAll('th').forEach(one => { one.click(); })")
        tab.run("document.querySelectorAll('td').forEach(one => { one.dispatchEvent(new Event('mouseover')); })")
        assert not tab.dialogs
        assert not tab.said, tab.said
        assert tab.run("document.scripts.length") == 1
        assert tab.run("getComputedStyle(document.body).display") == "block"


def test_the_names_of_models_stay_while_a_wide_table_scrolls(browser: ChromiumTab, tmp_path: Path) -> None:
    items = EvaluationItems("set", "d", tuple(EvaluationItem(c, f"class {c}", ("?",), "ref") for c in "abcdefghijklmn"))
    models = {
        f"model-{n}": scores_of(f"model-{n}", *(verdict(item.id, n / 4) for item in items.items)) for n in range(4)
    }
    tab = opened(browser, tmp_path / "wide.html", page(score_report(items, models, [], ReportOptions()), {}, {}))
    cells = "[...document.querySelector('table').rows].map(row => row.cells[0].getBoundingClientRect().left)"
    for width in (1280, 400):
        tab.look(width=width)
        tab.run("document.querySelector('.scroll').scrollLeft = 0")
        before = tab.run(cells)
        assert (
            tab.run("document.querySelector('.scroll').scrollLeft = 300, document.querySelector('.scroll').scrollLeft")
            == 300
        )
        assert tab.run(cells) == before
        names = "document.querySelector('table').tBodies[0].rows[0].cells[0].getBoundingClientRect().width / innerWidth"
        assert tab.run(names) < 0.5
