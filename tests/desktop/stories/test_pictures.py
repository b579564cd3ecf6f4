"""A picture goes along with a question: as a card before it is sent, small under the question, and as text for a model
that cannot see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QImage

from belle.ocr.reading import is_installed
from desktop.ui.pictures.card import PictureCard
from desktop.ui.pictures.composer_pictures import ComposerPictures
from desktop.ui.pictures.message_row import PictureRow
from desktop.ui.pictures.viewer import PictureDialog
from tests.support.person import Person
from tests.support.pictures import png, png_bomb, written

needs_ocr = pytest.mark.skipif(not is_installed(), reason="reading text in pictures needs the extra ocr")
READ_MS = 120_000


def cards(person: Person) -> list[PictureCard]:
    return [card for card in person.window.findChildren(PictureCard) if card.isVisible()]


def wait_cards(person: Person, number: int = 1) -> None:
    reader = person.window.findChild(ComposerPictures)

    def are_read() -> bool:
        return len(cards(person)) == number and not reader._conversation_of

    person.qtbot.waitUntil(are_read, timeout=READ_MS)


def wait_read(person: Person) -> None:
    person.qtbot.waitUntil(lambda: not any(card.is_reading for card in cards(person)), timeout=READ_MS)


@pytest.fixture
def without_ocr(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is not installed."""
    monkeypatch.setattr("belle.ocr.reading.PACKAGES", ("a_package_that_nobody_has",))


@needs_ocr
def test_a_model_that_cannot_see_gets_the_text_in_a_picture_after_the_person_has_seen_it(
    sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    person = sits_down()
    person.wait_ready()
    (tmp_path / "sign.png").write_bytes(written("PLATFORM 42"))
    person.drop(tmp_path / "sign.png")
    wait_cards(person)
    assert cards(person)[0].words().startswith("sign.png · 600 × 160 ")
    person.ask("Which platform?")  # too early
    assert person.kinds() == ["picture_reading"]
    assert person.window.composer.text() == "Which platform?"
    wait_read(person)
    (card,) = cards(person)
    assert card.editor.toPlainText() == "PLATFORM 42"
    assert "correct what was misread" in card.words()
    person.qtbot.waitUntil(lambda: "tokens" in cards(person)[0].words(), timeout=READ_MS)
    card.editor.setPlainText("PLATFORM 43")
    person.ask("")
    person.wait(lambda: person.controller.conversation is not None)
    assert cards(person) == []
    (picture,) = person.path[0].pictures
    assert (picture.name, picture.width, picture.height, picture.text) == ("sign.png", 600, 160, "PLATFORM 43")
    person.wait_words()
    person.stop()
    assert person.answer.stats.get("prompt_tokens", 99) > 25
    question = person.path[0]
    (row,) = person.widget(question).findChildren(PictureRow)
    row.buttons[0].click()
    (dialog,) = person.window.findChildren(PictureDialog)
    assert dialog.text.toPlainText() == "PLATFORM 43"
    dialog.close()
    person.leave()
    again = sits_down()
    again.open_chat("Which platform")
    assert again.path[0].pictures == question.pictures
    assert len(again.widget(again.path[0]).findChildren(PictureRow)) == 1


def test_without_what_reads_text_the_card_says_how_to_get_it(
    without_ocr: None, sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    (tmp_path / "dot.png").write_bytes(png(40, 30))
    person = sits_down()
    person.drop(tmp_path / "dot.png")
    wait_cards(person)
    if person.controller.model.status != "ready":
        person.ask("What")
        assert person.kinds() == ["picture_waits"]
        person.window.composer.clear_text()
    person.wait_ready()
    assert "pip install a_package_that_nobody_has" in cards(person)[0].words()
    person.ask("What is this?")
    person.wait(lambda: person.controller.conversation is not None)
    assert [picture.name for picture in person.path[0].pictures] == ["dot.png"]
    person.wait_words()
    person.stop()


def test_pictures_wait_in_their_chat_and_after_a_restart(
    without_ocr: None, sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png(40, 30))
    person = sits_down()
    person.drop(tmp_path / "a.png")
    wait_cards(person)
    person.leave()
    again = sits_down()
    wait_cards(again)
    assert cards(again)[0].words().startswith("a.png · 40 × 30")
    cards(again)[0].remove_button.click()
    assert cards(again) == []
    assert again.controller.save()
    assert again.store.picture_digests() == set()


def test_a_copied_picture_is_pasted_above_the_text(without_ocr: None, sits_down: Callable[..., Person]) -> None:
    person = sits_down()
    data = QMimeData()
    image = QImage(50, 20, QImage.Format.Format_ARGB32)
    image.fill(0)
    data.setImageData(image)
    editor = person.window.composer.editor
    assert editor.canInsertFromMimeData(data)
    editor.insertFromMimeData(data)
    wait_cards(person)
    assert editor.toPlainText() == ""
    assert cards(person)[0].words().startswith("pasted picture · 50 × 20")


def test_a_large_picture_is_scaled_down_and_both_sizes_are_shown(
    without_ocr: None, sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    (tmp_path / "photo.png").write_bytes(png(4096, 64))
    person = sits_down()
    person.drop(tmp_path / "photo.png")
    wait_cards(person)
    assert "4096 × 64, scaled to 2048 × 32" in cards(person)[0].words()


def test_what_is_no_good_picture_is_said_in_words(
    without_ocr: None, sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    person = sits_down()
    person.type("my question")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://x.test/a.png"/></svg>'
    for name, content, kind in (
        ("bomb.png", png_bomb(), "picture_oversized"),
        ("cut.png", png(300, 300)[:-40], "picture_damaged"),
        ("cut.jpg", b"\xff\xd8\xff\xe0" + bytes(40), "picture_damaged"),
        ("empty.png", b"", "picture_empty"),
        ("drawing.svg", svg, "picture_drawing"),
        ("text.webp", b"hello", "not_a_picture"),
    ):
        (tmp_path / name).write_bytes(content)
        with person.qtbot.waitSignal(person.controller.notice, timeout=READ_MS):
            person.drop(tmp_path / name)
        assert person.kinds()[-1] == kind
        banner = person.window.banners.banner(f"picture-{name}")
        assert banner is not None
        assert f"“{name}”" in banner.spoken()
    assert person.window.composer.text() == "my question"
    assert cards(person) == []


def test_of_too_many_pictures_the_first_go_along(
    without_ocr: None, sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    person = sits_down()
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(png(10 + number, 10))
    person.drop(*paths)
    wait_cards(person, 4)
    assert [picture.name for picture in person.window.window_actions.pictures.pictures()] == [p.name for p in paths[:4]]
    assert person.kinds() == ["pictures_too_many"]
