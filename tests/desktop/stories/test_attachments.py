"""A file goes along with a question: as a chip before it is sent, as a line after, and as text for the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from desktop.chat.files import attaching
from desktop.chat.files.pdf import write_pdf
from desktop.i18n import set_language
from desktop.ui.transcript.message.attached import AttachedFiles
from desktop.ui.window.attachments import AttachmentChip
from tests.support.person import Person


def chips(person: Person) -> list[AttachmentChip]:
    return [chip for chip in person.window.findChildren(AttachmentChip) if chip.isVisible()]


def test_a_dropped_file_goes_along_and_is_there_after_a_restart(
    sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    path = tmp_path / "notes.md"
    path.write_text("The password of the garden is PLUM.\n")
    person = sits_down()
    person.wait_ready()
    person.drop(path)
    person.qtbot.waitUntil(lambda: "tokens" in "".join(chip.text() for chip in chips(person)), timeout=20_000)
    assert chips(person)[0].text().startswith("notes.md · 1 kB · ")
    person.ask("What is the password of the garden?")
    person.wait(lambda: person.controller.conversation is not None)
    assert chips(person) == []
    question = person.path[0]
    assert question.text == "What is the password of the garden?"
    assert [(file.name, file.text) for file in question.attachments] == [("notes.md", path.read_text().strip())]
    (line,) = person.widget(question).findChildren(AttachedFiles)
    assert "notes.md (1 kB)" in line.whole_text()
    person.wait_words()
    person.stop()
    used = person.answer.stats.get("prompt_tokens")
    person.leave()
    again = sits_down()
    again.open_chat("What is the password")
    assert again.path[0].attachments == question.attachments
    assert again.shown[0] == ("user", question.text)
    assert used is None or used > 25


def test_a_chip_can_be_taken_away_and_belongs_to_its_chat(sits_down: Callable[..., Person], tmp_path: Path) -> None:
    person = sits_down()
    path = tmp_path / "a.txt"
    path.write_text("text")
    person.drop(path)
    person.qtbot.waitUntil(lambda: len(chips(person)) == 1, timeout=20_000)
    chips(person)[0].remove_button.click()
    assert chips(person) == []
    assert person.window.window_actions.attachments.files() == ()


def test_a_pdf_goes_along_and_what_is_cut_of_it_is_said(
    sits_down: Callable[..., Person], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attaching, "MAX_CHARACTERS", 10)
    write_pdf("<p>It falls on page one.</p>", tmp_path / "rain.pdf")
    person = sits_down()
    person.drop(tmp_path / "rain.pdf")
    person.qtbot.waitUntil(lambda: len(chips(person)) == 1, timeout=20_000)
    (file,) = person.window.window_actions.attachments.files()
    assert (file.name, file.text.split()) == ("rain.pdf", ["It", "falls", "o"])
    assert f"the last {file.n_cut} characters are left out" in chips(person)[0].text()


def test_what_cannot_go_along_is_said(sits_down: Callable[..., Person], tmp_path: Path) -> None:
    person = sits_down()
    path = tmp_path / "a.pdf"
    path.write_text("no")
    with person.qtbot.waitSignal(person.controller.notice, timeout=20_000):
        person.drop(path)
    assert person.kinds() == ["attach_not_what_it_says"]
    banner = person.window.banners.banner(f"attachment-{path}")
    assert banner is not None
    assert "“a.pdf” is a file of another kind" in banner.spoken()


def test_a_file_belongs_to_the_chat_in_which_it_was_chosen(sits_down: Callable[..., Person], tmp_path: Path) -> None:
    person = sits_down()
    person.wait_ready()
    person.ask("What is rain?")
    person.wait_words()
    person.stop()
    (tmp_path / "a.txt").write_text("text")
    attachments = person.window.window_actions.attachments
    with person.qtbot.waitSignal(person.controller.attaching.added, timeout=20_000):
        attachments.attach([str(tmp_path / "a.txt")])
        person.new_chat()
    assert attachments.files() == ()
    person.open_chat("What is rain")
    person.qtbot.waitUntil(lambda: [file.name for file in attachments.files()] == ["a.txt"], timeout=20_000)


def test_of_too_many_files_the_first_go_along_and_it_is_said(sits_down: Callable[..., Person], tmp_path: Path) -> None:
    person = sits_down()
    paths = [tmp_path / f"{number}.txt" for number in range(7)]
    for path in paths:
        path.write_text("text")
    attachments = person.window.window_actions.attachments
    attachments.attach([str(path) for path in paths])
    person.qtbot.waitUntil(lambda: len(attachments.files()) == 5, timeout=20_000)
    assert [file.name for file in attachments.files()] == [path.name for path in paths[:5]]
    assert person.kinds() == ["attach_too_many"]
    banner = person.window.banners.banner("attachment")
    assert banner is not None
    assert "Left out: 2" in banner.spoken()


def test_files_that_are_still_being_read_count_as_attached(sits_down: Callable[..., Person], tmp_path: Path) -> None:
    person = sits_down()
    paths = [tmp_path / f"{number}.txt" for number in range(6)]
    for path in paths:
        path.write_text("text")
    attachments = person.window.window_actions.attachments
    for path in paths:
        attachments.attach([str(path)])
    person.qtbot.waitUntil(lambda: person.kinds() == ["attach_too_many"], timeout=20_000)
    assert len(attachments.files()) == 5


def names(person: Person) -> list[str]:
    return [file.name for file in person.window.window_actions.attachments.files()]


def text_files(folder: Path, number: int) -> list[Path]:
    paths = [folder / f"{place}.txt" for place in range(number)]
    for path in paths:
        path.write_text(f"text {path.name}")
    return paths


def test_files_that_were_not_sent_are_there_after_a_restart_with_what_they_cost(
    sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    person = sits_down()
    person.wait_ready()
    person.ask("What is rain?")
    person.wait_words()
    person.stop()
    person.drop(*text_files(tmp_path, 2))
    person.qtbot.waitUntil(lambda: names(person) == ["0.txt", "1.txt"], timeout=20_000)
    person.new_chat()
    (tmp_path / "new.txt").write_text("of the new chat")
    person.drop(tmp_path / "new.txt")
    person.qtbot.waitUntil(lambda: names(person) == ["new.txt"], timeout=20_000)
    for path in tmp_path.glob("*.txt"):
        path.unlink()  # their text is in the store
    person.leave()
    again = sits_down()
    again.qtbot.waitUntil(lambda: names(again) == ["new.txt"])
    again.wait_ready()
    again.qtbot.waitUntil(lambda: "tokens" in chips(again)[0].text(), timeout=20_000)
    again.open_chat("What is rain")
    assert names(again) == ["0.txt", "1.txt"]
    chips(again)[0].remove_button.click()
    again.ask("And this?")
    again.wait(lambda: again.path[-2].text == "And this?" or again.path[-1].text == "And this?")
    asked = next(message for message in again.path if message.text == "And this?")
    assert [(file.name, file.text) for file in asked.attachments] == [("1.txt", "text 1.txt")]
    again.stop()
    again.leave()
    last = sits_down()
    last.open_chat("What is rain")
    assert names(last) == []
    last.new_chat()
    assert names(last) == ["new.txt"]


def test_several_files_are_dropped_at_once(sits_down: Callable[..., Person], tmp_path: Path) -> None:
    person = sits_down()
    assert person.drop(*text_files(tmp_path, 3))
    person.qtbot.waitUntil(lambda: names(person) == ["0.txt", "1.txt", "2.txt"], timeout=20_000)
    assert person.kinds() == []


def test_of_many_dropped_files_the_first_are_taken_and_the_rest_is_said(
    sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    person = sits_down()
    (tmp_path / "a folder").mkdir()
    others = [tmp_path / "model.gguf", tmp_path / "a folder"]
    assert person.drop(others[0], *text_files(tmp_path, 7), others[1])
    person.qtbot.waitUntil(lambda: len(names(person)) == 5, timeout=20_000)
    assert names(person) == [f"{place}.txt" for place in range(5)]
    assert sorted(person.kinds()) == ["attach_too_many", "dropped_one_by_one"]
    said = [banner.spoken() for key in ("attachment", "dropped") if (banner := person.window.banners.banner(key))]
    assert "Left out: 2" in said[0] and "Left out: 2" in said[1]


def test_one_bad_file_among_several_does_not_keep_the_others_away(
    sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    person = sits_down()
    (tmp_path / "bad.pdf").write_text("no")
    with person.qtbot.waitSignal(person.controller.notice, timeout=20_000):
        person.drop(tmp_path / "bad.pdf", *text_files(tmp_path, 2))
    person.qtbot.waitUntil(lambda: names(person) == ["0.txt", "1.txt"], timeout=20_000)
    assert person.kinds() == ["attach_not_what_it_says"]


def test_every_file_of_several_that_cannot_go_along_is_named(sits_down: Callable[..., Person], tmp_path: Path) -> None:
    person = sits_down()
    (tmp_path / "bad.pdf").write_text("no")
    (tmp_path / "empty.txt").write_text("")
    person.drop(tmp_path / "bad.pdf", tmp_path / "empty.txt", tmp_path / "gone.txt")
    person.qtbot.waitUntil(lambda: len(person.kinds()) == 3, timeout=20_000)
    shown = person.window.banners
    banners = list(map(shown.banner, shown.keys()))
    said = " ".join(banner.spoken() for banner in banners if banner is not None)
    for name in ("bad.pdf", "empty.txt", "gone.txt"):
        assert f"“{name}”" in said
    set_language("zh_CN")
    person.qtbot.waitUntil(lambda: all("出了点问题" not in b.spoken() for b in banners if b is not None))


def test_a_question_is_not_sent_without_a_file_that_is_still_being_read(
    sits_down: Callable[..., Person], tmp_path: Path
) -> None:
    person = sits_down()
    person.wait_ready()
    attachments = person.window.window_actions.attachments
    attachments.attach([str(path) for path in text_files(tmp_path, 1)])
    person.ask("What is in the file?")
    assert person.kinds() == ["attach_reading"]
    assert person.window.composer.text() == "What is in the file?"
    person.qtbot.waitUntil(lambda: names(person) == ["0.txt"], timeout=20_000)
    person.qtbot.waitUntil(lambda: not person.window.banners.keys())
    person.ask("")
    assert [file.name for file in person.path[0].attachments] == ["0.txt"]
    (tmp_path / "empty.txt").write_text("")
    attachments.attach([str(tmp_path / "empty.txt")])
    person.qtbot.waitUntil(lambda: person.kinds()[-1] == "attach_empty_document", timeout=20_000)
    person.stop()
    person.ask("A file that could not be read does not hold the next one up?")
    assert len([m for m in person.path if m.role == "user"]) == 2
    person.stop()
