"""A comparison as a file: whatever the models wrote is text there, in Markdown and in HTML."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from belle.errors import KnownError
from desktop.compare.differences import differences
from desktop.compare.page import ComparedAnswer, ComparisonPage, html, markdown, write_page

LEFT = "It is <b>red</b> | *now* & 春雨 😀.\nYes."
RIGHT = "It is <script>alert(1)</script> | *now* & 秋雨 😀.\nYes."
PAGE = ComparisonPage(
    language="zh-CN",
    title="A & B",
    question="Which <colour>?\nSay.",
    summary="3 places differ.",
    left=ComparedAnswer("M · Q4_0", "9 tokens", LEFT),
    right=ComparedAnswer("M · F16", "8 tokens", RIGHT),
    differences=tuple(differences(LEFT, RIGHT)),
    differences_title="Differences",
    nothing="nothing",
)


def test_the_page_marks_what_differs_and_runs_nothing() -> None:
    page = html(PAGE)
    assert page.startswith('<!DOCTYPE html>\n<html lang="zh-CN">')
    assert "<script>" not in page
    assert "&lt;script&gt;" in page or "<mark>script" in page
    assert "<mark>春</mark>雨" in page
    assert "<mark>秋</mark>雨" in page
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page


def test_markdown_has_both_answers_as_they_are_and_a_table_of_what_differs() -> None:
    text = markdown(PAGE)
    assert LEFT in text
    assert RIGHT in text
    assert "> Which <colour>?\n> Say." in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[0] == "| M · Q4\\_0 | M · F16 |"
    assert "| 春 | 秋 |" in rows
    assert "Differences" not in markdown(replace(PAGE, differences=()))


def test_it_is_written_by_its_ending_and_a_folder_that_refuses_is_said(tmp_path: Path) -> None:
    write_page(PAGE, tmp_path / "a.HTML")
    write_page(PAGE, tmp_path / "a.md")
    assert (tmp_path / "a.HTML").read_text(encoding="utf-8").startswith("<!DOCTYPE")
    assert (tmp_path / "a.md").read_text(encoding="utf-8").startswith("# A & B")
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(KnownError):
        write_page(PAGE, tmp_path / "folder.md")
