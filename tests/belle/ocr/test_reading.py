"""The text in a picture is read in a process of its own, in reading order, or it is said why not."""

from __future__ import annotations

import pytest

from belle.errors import KnownError
from belle.ocr import reading
from belle.ocr.layout import TextLine, text_of
from belle.ocr.reading import OcrStopped, is_installed, read_text
from tests.support.pictures import png, png_bomb, written

needs_ocr = pytest.mark.skipif(not is_installed(), reason="reading text in pictures needs the extra ocr")


def line(text: str, left: float, top: float, score: float = 0.9) -> TextLine:
    return TextLine(text, score, left, top, left + 10 * len(text), top + 20)


def test_lines_are_read_from_top_to_bottom_and_left_to_right() -> None:
    lines = [line("c", 0, 100), line("b", 200, 4), line("a", 0, 0), line("d", 90, 111)]
    assert text_of(lines) == "a b\nc\nd"


def test_what_is_not_certain_is_left_out() -> None:
    assert text_of([line("a", 0, 0), line("?", 0, 50, 0.2), line("  ", 0, 90)]) == "a"
    assert text_of([]) == ""


@needs_ocr
def test_a_text_is_read(qapp: object) -> None:
    assert read_text(written("PLATFORM 42")) == "PLATFORM 42"


@needs_ocr
def test_a_picture_without_text_has_none() -> None:
    assert read_text(png(64, 64)) == ""


@needs_ocr
@pytest.mark.parametrize(
    ("content", "kind"),
    [(png_bomb(), "picture_too_large"), (png(90, 90)[:-30], "bad_picture"), (b"hello", "bad_picture")],
)
def test_what_is_no_good_picture_is_said(content: bytes, kind: str) -> None:
    with pytest.raises(KnownError) as caught:
        read_text(content)
    assert caught.value.kind == kind


@needs_ocr
def test_reading_stops_when_it_is_told_to() -> None:
    with pytest.raises(OcrStopped):
        read_text(png(), stopped=lambda: True)


@needs_ocr
def test_reading_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(KnownError) as caught:
        read_text(png(), longest_s=0.1)
    assert caught.value.kind == "ocr_hangs"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PACKAGES", ("a_package_that_nobody_has",))
    with pytest.raises(KnownError, match="a_package_that_nobody_has") as caught:
        read_text(png())
    assert "pip install" in caught.value.advice
