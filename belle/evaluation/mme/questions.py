"""Reads the questions of MME, from a folder as its authors publish it.

A folder for each sub-task. In it, either each picture has a text file of its name beside it, or the pictures are in
`images` and the text files in `questions_answers_YN`. A line of a text file is a question, a tab, and Yes or No; a
picture has two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from belle import paths
from belle.errors import KnownError
from belle.texts import read_text, short_repr

YesNo = Literal["yes", "no"]

PERCEPTION = (
    "existence",
    "count",
    "position",
    "color",
    "posters",
    "celebrity",
    "scene",
    "landmark",
    "artwork",
    "OCR",
)
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
TASKS = (*PERCEPTION, *COGNITION)
"""The names of the sub-tasks, in the order in which results are shown."""

OWN = "own"
"""The name of the set that comes with ChatBELLE: 60 drawn pictures."""

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_ADVICE = "Give the folder that has a folder for each sub-task, such as count and OCR."


@dataclass(frozen=True, slots=True)
class MmeQuestion:
    """A question about a picture, and its right answer."""

    text: str
    answer: YesNo


@dataclass(frozen=True, slots=True)
class MmePicture:
    """A picture of a sub-task with its two questions."""

    task: str
    path: Path
    questions: tuple[MmeQuestion, MmeQuestion]


def read_pictures(folder: Path) -> list[MmePicture]:
    """The pictures of all sub-tasks in a folder, in the order of `TASKS` and of their names.

    Raises KnownError: `file_missing` without any, or where a picture of questions is missing; `data_wrong` with the
    file and line; and those of reading the files.
    """
    pictures = [picture for task in TASKS for picture in _pictures_of(task, folder / task)]
    if not pictures:
        raise KnownError("file_missing", f"{folder} has no questions of MME.", _ADVICE, path=str(folder))
    return pictures


def own_folder() -> Path:
    """The folder of the set `OWN`."""
    return paths.asset("evaluation/pictures")


def right_answer(text: str, where: str) -> YesNo:
    """The right answer as it is written in a file. Raises KnownError("data_wrong") unless it is yes or no."""
    match text.strip().lower():
        case "yes":
            return "yes"
        case "no":
            return "no"
    message = f"{where}: the right answer {short_repr(text)} is neither Yes nor No."
    raise KnownError("data_wrong", message, "Correct the line, or get the files of MME again.")


def lines_of(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Where each line of a file is, in words, and its fields, which tabs separate. Empty lines are passed over."""
    text = read_text(path).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"{path.parent.name}/{path.name}, line {number}", line.split("\t")


def _pictures_of(task: str, folder: Path) -> Iterator[MmePicture]:
    apart = folder / "questions_answers_YN"
    texts, images = (apart, folder / "images") if apart.is_dir() else (folder, folder)
    for file in sorted(texts.glob("*.txt")):
        picture = next((path for suffix in _SUFFIXES for path in _with_suffix(images, file.stem, suffix)), None)
        if picture is None:
            message = f"{task}/{file.name} asks about a picture that is not in {images}."
            raise KnownError("file_missing", message, "Get the pictures of MME from its authors.", path=str(images))
        yield MmePicture(task, picture, _questions_of(file))


def _with_suffix(folder: Path, stem: str, suffix: str) -> list[Path]:
    return [path for name in (stem + suffix, stem + suffix.upper()) if (path := folder / name).is_file()]


def _questions_of(file: Path) -> tuple[MmeQuestion, MmeQuestion]:
    questions = [_question(where, fields) for where, fields in lines_of(file)]
    if len(questions) != 2:
        message = f"{file} has {len(questions)} questions; a picture of MME has two."
        raise KnownError("data_wrong", message, "Correct the file, or get the files of MME again.", path=str(file))
    return questions[0], questions[1]


def _question(where: str, fields: list[str]) -> MmeQuestion:
    if len(fields) != 2:
        message = f"{where} is not a question, a tab, and Yes or No."
        raise KnownError("data_wrong", message, "Correct the line, or get the files of MME again.")
    return MmeQuestion(fields[0].strip(), right_answer(fields[1], where))
