"""The page in a real browser: what a model wrote never runs, the keys decide, and both languages are there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from belle.evaluation.items.check_problem import CLAUSES
from belle.evaluation.page import files
from tests.belle.evaluation.page.conftest import HOSTILE, A, B, Judge, PageProcess, page_process, write_run
from tests.support.chat_server import answer
from tests.support.chromium import ChromiumTab, chromium, needs_chromium

pytestmark = needs_chromium
READY = "document.documentElement?.dataset.ready"
WORDS = json.loads((Path(files.__file__).parent / "static" / "words.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromiumTab]:
    with chromium(tmp_path_factory.mktemp("profile"), language="en-US") as tab:
        yield tab


def opened(browser: ChromiumTab, page: PageProcess) -> ChromiumTab:
    """The tab with the page, as if for the first time."""
    browser.look()
    browser.open("about:blank")
    browser.call("Storage.clearDataForOrigin", origin=page.base, storageTypes="local_storage")
    browser.said.clear()
    browser.open(page.url)
    browser.until(READY)
    return browser


@pytest.fixture
def tab(browser: ChromiumTab, page: PageProcess) -> ChromiumTab:
    return opened(browser, page)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[PageProcess]:
    """A page of its own, for decisions."""
    with page_process(tmp_path, str(tmp_path), "--set", str(write_run(tmp_path))) as page:
        yield page


def item(tab: ChromiumTab) -> str:
    return str(tab.run("document.getElementById('item-id').textContent"))


def choose(tab: ChromiumTab, element: str, value: str) -> None:
    tab.run(
        f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('change')); }})"
        f"(document.getElementById({json.dumps(element)}))"
    )


def click_item(tab: ChromiumTab, wanted: str) -> None:
    tab.run(f"document.querySelector('[data-item={wanted}]').click()")
    tab.until(f"document.getElementById('item-id').textContent === '{wanted}'")


def decided(tab: ChromiumTab, n: int) -> None:
    tab.until(f"document.getElementById('progress-bar').value === {n}")


def test_nothing_that_a_model_or_an_item_says_ever_runs(tab: ChromiumTab, judge: Judge) -> None:
    judge.script = lambda body: answer(json.dumps({"reason": HOSTILE, "met": [True]}))
    click_item(tab, "bad")
    tab.run("document.getElementById('ask').click()")
    tab.until("document.querySelector('.opinion .verdict')")
    choose(tab, "what", "pair")
    tab.until("document.querySelectorAll('.answer').length === 2")
    shown = tab.run("document.querySelector('.answer .text').textContent")
    assert shown == HOSTILE.replace("\u202e", "⟦U+202E⟧").replace("\u202c", "⟦U+202C⟧").replace("\x1b", "⟦U+001B⟧")
    assert tab.run("document.title") == "Scoring – ChatBELLE"
    assert tab.run("document.querySelectorAll('main :is(script, img, svg, a, iframe, style)').length") == 0
    assert (tab.said, tab.dialogs) == ([], [])


def test_the_policy_refuses_what_a_mistake_of_ours_would_let_in(tab: ChromiumTab) -> None:
    script = "try { document.body.innerHTML = '<img src=x onerror=1>'; 'taken' } catch (e) { e.name }"
    assert tab.run(script) == "TypeError"
    assert (
        tab.run("document.body.setAttribute('style', 'display:none'), getComputedStyle(document.body).display")
        != "none"
    )
    assert tab.run("fetch('http://localhost:9/').then(() => 'sent', e => e.name)") == "TypeError"


def test_keys_score_answers_into_the_anchor_file_and_undo(browser: ChromiumTab, fresh: PageProcess) -> None:
    tab = opened(browser, fresh)
    assert item(tab) == "sum"
    tab.press("7", "Enter")
    decided(tab, 1)
    tab.until("document.getElementById('item-id').textContent === 'sky'")
    tab.press("1", "0", "Enter")
    decided(tab, 2)
    tab.until("document.getElementById('item-id').textContent === 'poem'")
    tab.press("3", "ArrowRight", "ArrowRight", "ArrowLeft", "Enter")
    decided(tab, 3)
    rows = fresh.anchors()
    assert [(row["item"], row["score"], row["by"]) for row in rows] == [
        ("sum", 0.7, "li"), ("sky", 1.0, "li"), ("poem", 0.4, "li"),
    ]  # fmt: skip
    assert {row["model"] for row in rows} <= {A, B}
    tab.press("u")
    decided(tab, 2)
    assert fresh.anchors()[-1]["score"] is None
    tab.until("document.getElementById('item-id').textContent === 'poem'")
    tab.press("k")
    tab.until("document.getElementById('item-id').textContent === 'sky'")
    assert tab.run("document.querySelector('.scale input:checked').value") == "10"


def test_keys_choose_the_better_of_two_hidden_models(browser: ChromiumTab, fresh: PageProcess) -> None:
    tab = opened(browser, fresh)
    choose(tab, "what", "pair")
    for number, key in enumerate(("1", "2", "0"), 1):
        tab.until(f"document.getElementById('item-id').textContent === '{('sum', 'sky', 'poem')[number - 1]}'")
        tab.until("document.querySelectorAll('.answer').length === 2")
        assert "model-" not in tab.run("document.querySelector('main').innerText").replace("model-a says", "").replace(
            "model-b says", ""
        )
        tab.press(key)
        decided(tab, number)
    shown = [fresh.post("case", {"item": name, "first": A, "second": B}).json() for name in ("sum", "sky", "poem")]
    assert [case["decision"]["choice"] for case in shown] == ["left", "right", "tie"]
    for row, case, side in zip(fresh.anchors(), shown, (0, 1), strict=False):
        said = case["answers"][side]["text"]
        assert said.startswith(row[row["winner"]])


def test_with_only_undecided_items_listed_the_next_one_comes_and_the_progress_counts_all(
    browser: ChromiumTab, fresh: PageProcess
) -> None:
    tab = opened(browser, fresh)
    tab.run("document.getElementById('only-open').click()")
    click_item(tab, "poem")
    tab.press("4", "Enter")
    tab.until("document.getElementById('item-id').textContent === 'walk'")
    assert tab.run("document.getElementById('progress-text').textContent") == "1 of 5 decided"
    assert tab.run("[...document.querySelectorAll('#list button')].map(e => e.dataset.item)") == [
        "sum", "sky", "walk", "bad",
    ]  # fmt: skip


def test_keys_that_come_faster_than_the_next_case_decide_nothing(browser: ChromiumTab, fresh: PageProcess) -> None:
    tab = opened(browser, fresh)
    choose(tab, "what", "pair")
    tab.until("document.querySelectorAll('.answer').length === 2")
    press = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))"
    tab.run(f"for (const key of '1212') {press}")
    tab.until("document.getElementById('item-id').textContent === 'sky'")
    assert [row["item"] for row in fresh.anchors()] == ["sum"]
    assert tab.run("document.getElementById('error').hidden")


def test_a_key_in_a_text_is_a_letter(tab: ChromiumTab, page: PageProcess) -> None:
    tab.press("/")
    tab.press("7", "j", "u")
    tab.until("document.getElementById('search').value === '7ju'")
    tab.press("Escape", "?")
    assert tab.run("document.getElementById('help-dialog').open")
    tab.press("9", "Escape")
    assert item(tab) == "sum"
    assert tab.run("document.querySelector('.scale input:checked')") is None
    assert page.anchors() == []


def test_the_judge_is_asked_and_both_orders_are_shown(tab: ChromiumTab, judge: Judge) -> None:
    judge.script = lambda body: answer('{"reason": "the first", "better": "1"}')
    choose(tab, "what", "pair")
    tab.until("document.querySelectorAll('.answer').length === 2")
    tab.press("g")
    tab.until("document.querySelectorAll('.opinion').length === 3")
    said = tab.run("[...document.querySelectorAll('.opinion .verdict')].map(e => e.textContent)")
    assert said == ["Left is better", "Right is better", "As good"]
    assert "The orders differ" in tab.run("document.querySelector('.opinion.sum').innerText")


def test_a_case_is_pasted_and_judged(tab: ChromiumTab, judge: Judge) -> None:
    judge.script = lambda body: answer('{"reason": "fine", "score": 0.25}')
    tab.press("p")
    tab.run("document.querySelector('[name=to][value=other]').click()")
    for name, text in (("question", "Why <b>?"), ("reference", "So."), ("answer-0", "Because </textarea>.")):
        tab.run(f"document.getElementById('paste-{name}').value = {json.dumps(text)}")
    tab.run("document.querySelector('#paste-form [value=show]').click()")
    tab.until("document.getElementById('item-id').textContent === 'pasted'")
    assert tab.run("document.querySelector('.answer .text').textContent") == "Because </textarea>."
    tab.press("g")
    tab.until("document.querySelector('.opinion .verdict')?.textContent === 'Score 0.25'")
    tab.run("document.getElementById('unpaste').click()")
    tab.until("document.getElementById('item-id').textContent === 'sum'")


def test_everything_can_be_reached_with_the_tab_key_and_has_a_name(tab: ChromiumTab) -> None:
    unnamed = """[...document.querySelectorAll("button, select, input, textarea")].filter(e => e.checkVisibility() &&
        !(e.innerText.trim() && e.tagName === "BUTTON") && !e.ariaLabel && !e.labels?.[0]?.innerText.trim())
        .map(e => e.outerHTML)"""
    assert tab.run(unnamed) == []
    reached = set()
    for _ in range(45):
        tab.press("Tab")
        reached.add(tab.run("document.activeElement.id || document.activeElement.dataset.item"))
    wanted = {
        "language",
        "theme",
        "help",
        "what",
        "first",
        "blind",
        "search",
        "class",
        "only-open",
        "sum",
        "next",
        "save",
    }
    assert wanted <= reached


@pytest.mark.parametrize(("language", "words"), [("en", ["Question", "Save"]), ("zh", ["问题", "保存", "数学"])])
def test_both_languages_are_there_and_can_be_changed(tab: ChromiumTab, language: str, words: list[str]) -> None:
    choose(tab, "language", language)
    tab.until(f"document.body.innerText.includes('{words[0]}')")
    said = tab.run("document.body.innerText")
    assert all(word in said for word in words)
    assert str(tab.run("document.documentElement.lang")).startswith(language)


def test_what_breaks_a_rule_is_said_in_the_language_of_the_page(tab: ChromiumTab) -> None:
    choose(tab, "language", "zh")
    choose(tab, "what", "pair")
    click_item(tab, "sum")
    tab.until("document.getElementById('answers').innerText.includes('得出 1，应为 16')")
    assert "is right" not in str(tab.run("document.getElementById('answers').innerText"))


def test_the_page_has_words_for_all_that_rules_say() -> None:
    assert {key: WORDS["en"][f"problem_{key}"] for key in CLAUSES} == dict(CLAUSES)


def test_the_languages_have_the_same_words() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    for key, text in WORDS["en"].items():
        values = [sorted(re.findall(r"\{\w+\}", words)) for words in (text, WORDS["zh"][key])]
        assert text.strip() and WORDS["zh"][key].strip() and values[0] == values[1], key


def test_every_word_of_the_page_is_one_that_it_has() -> None:
    static = Path(files.__file__).with_name("static")
    page = (static / "page.html").read_text("utf-8")
    used = set(re.findall(r'data-word(?:-label|-placeholder)?="(\w+)"', page))
    for script in static.glob("*.js"):
        used |= set(re.findall(r'word\("(\w+)"', script.read_text("utf-8")))
    assert used <= WORDS["en"].keys()


@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_windows_of_all_sizes_in_both_themes(tab: ChromiumTab, width: int, scheme: str) -> None:
    tab.look(width=width, height=800, scheme=scheme)
    assert tab.run("document.documentElement.scrollWidth") <= width
    page, ink = (tab.run(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    expected = {"light": ("rgb(255, 255, 255)", "rgb(29, 27, 38)"), "dark": ("rgb(23, 22, 28)", "rgb(236, 234, 244)")}
    assert (page, ink) == expected[scheme]


def test_the_address_on_the_browsers_command_line_opens_the_page_once(tab: ChromiumTab, tmp_path: Path) -> None:
    recorder = tmp_path / "browser"
    recorder.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/address\n')
    recorder.chmod(0o755)
    options = [str(tmp_path), "--set", str(write_run(tmp_path))]
    with page_process(tmp_path, *options, window=True, BROWSER=f"{recorder} %s", DISPLAY=":9") as page:
        wait_for(tmp_path / "address")
        address = (tmp_path / "address").read_text().strip()
        assert page.token not in address
        tab.open(address)
        tab.until(READY)
        tab.run("sessionStorage.clear()")
        tab.open("about:blank")
        tab.open(address)
        tab.until("document.getElementById('error')?.textContent.includes('without its token')")


def wait_for(path: Path) -> None:
    end = time.monotonic() + 20
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_reload_keeps_the_place_and_a_page_without_its_token_says_so(tab: ChromiumTab, page: PageProcess) -> None:
    click_item(tab, "walk")
    assert "#" not in tab.run("location.href")
    tab.open(f"{page.base}/")
    tab.until(f"{READY} && document.getElementById('item-id').textContent === 'walk'")
    tab.run("sessionStorage.clear()")
    tab.open(f"{page.base}/?")
    tab.until("document.getElementById('error')?.textContent.includes('without its token')")
