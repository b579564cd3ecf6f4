"""Questions of MME are read from both layouts of its authors, and answers from the files of their tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.errors import KnownError
from belle.evaluation.mme.answers import MmeAnswer, read_answers, write_answers
from belle.evaluation.mme.questions import COGNITION, PERCEPTION, TASKS, MmeQuestion, own_folder, read_pictures

QUESTIONS = "Is it red? Please answer yes or no.\tYes\nIs it blue? Please answer yes or no.\tNo\n"


def put(folder: Path, text: str = QUESTIONS, *, apart: bool = False, picture: str = "0001.jpg") -> None:
    texts = folder / "questions_answers_YN" if apart else folder
    images = folder / "images" if apart else folder
    for needed in (texts, images):
        needed.mkdir(parents=True, exist_ok=True)
    (texts / "0001.txt").write_text(text, encoding="utf-8", newline="")
    (images / picture).write_bytes(b"")


def test_there_are_fourteen_sub_tasks() -> None:
    assert (len(PERCEPTION), len(COGNITION), len(set(TASKS))) == (10, 4, 14)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("picture", ["0001.jpg", "0001.png", "0001.JPG"])
def test_both_published_layouts_are_read(apart: bool, picture: str, tmp_path: Path) -> None:
    put(tmp_path / "landmark", apart=apart, picture=picture)
    (read,) = read_pictures(tmp_path)
    assert (read.task, read.path.name) == ("landmark", picture)
    assert read.questions == (
        MmeQuestion("Is it red? Please answer yes or no.", "yes"),
        MmeQuestion("Is it blue? Please answer yes or no.", "no"),
    )


@pytest.mark.parametrize(
    "text", [f"\ufeff{QUESTIONS}", QUESTIONS.replace("\n", "\r\n"), QUESTIONS.rstrip("\n"), QUESTIONS + "\n"]
)
def test_line_ends_and_a_byte_order_mark_change_nothing(text: str, tmp_path: Path) -> None:
    put(tmp_path / "count", text)
    assert [question.answer for question in read_pictures(tmp_path)[0].questions] == ["yes", "no"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Is it red?\tYes\n", "has 1 questions"),
        ("Is it red?\tYes\nIs it blue?\tperhaps\n", "neither Yes nor No"),
        ("Is it red? Yes\nIs it blue? No\n", "line 1 is not a question, a tab"),
    ],
)
def test_a_damaged_file_of_questions_is_named(text: str, words: str, tmp_path: Path) -> None:
    put(tmp_path / "count", text)
    with pytest.raises(KnownError, match=words):
        read_pictures(tmp_path)


def test_a_folder_without_questions_and_a_missing_picture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="has no questions of MME"):
        read_pictures(tmp_path)
    put(tmp_path / "OCR")
    (tmp_path / "OCR" / "0001.jpg").unlink()
    with pytest.raises(KnownError, match=r"OCR/0001\.txt asks about a picture"):
        read_pictures(tmp_path)


@pytest.mark.parametrize("said", ["Yes", "no\nbecause\tof it", " yes", "\n\nNo", "不是", ""])
def test_answers_come_back_as_they_are_parsed(said: str, tmp_path: Path) -> None:
    pair = (MmeAnswer("1.jpg", "a?", "yes", said), MmeAnswer("1.jpg", "b?", "no", "No."))
    write_answers(tmp_path / "answers", {"OCR": [pair]})
    (read,) = read_answers(tmp_path / "answers")["OCR"]
    assert read[0].answer == said.replace("\n", " ").replace("\t", " ")
    assert (read[0].right, read[1]) == ("yes", pair[1])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("1.jpg\ta?\tYes\tYes\n", "two lines for each picture"),
        ("1.jpg\ta?\tYes\tYes\n2.jpg\tb?\tNo\tNo\n", "two lines for each picture near '1.jpg'"),
        ("1.jpg\ta?\tYes\n", "line 1 has 3 fields"),
        ("1.jpg\ta?\tmaybe\tYes\n", "neither Yes nor No"),
        ("", "two lines for each picture"),
    ],
)
def test_a_damaged_file_of_answers_is_named(lines: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "count.txt").write_text(lines, encoding="utf-8")
    with pytest.raises(KnownError, match=words):
        read_answers(tmp_path)


def test_a_folder_without_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnownError, match="has no answers to MME"):
        read_answers(tmp_path)


def test_the_own_set_has_sixty_pictures_with_a_yes_and_a_no_each() -> None:
    pictures = read_pictures(own_folder())
    assert len(pictures) == 60
    for picture in pictures:
        assert {question.answer for question in picture.questions} == {"yes", "no"}
        assert all(question.text.endswith("Please answer yes or no.") for question in picture.questions)
