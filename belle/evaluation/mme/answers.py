"""Reads and writes answers to MME in the files of its authors' evaluation tool.

A folder has `<sub-task>.txt` for each sub-task. A line is the picture's name, the question, the right answer and the
model's answer, separated by tabs; two lines after each other are about the same picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from belle.durable import write_text
from belle.errors import KnownError
from belle.evaluation.mme.questions import TASKS, YesNo, lines_of, right_answer
from belle.texts import short_repr

# Each becomes one space, so that the first four characters of an answer, which are parsed, stay where they are.
_ONE_LINE = str.maketrans(dict.fromkeys("\t\n\r", " "))


@dataclass(frozen=True, slots=True)
class MmeAnswer:
    """The answer of a model to a question.

    Attributes:
        picture: its file's name.
        question: about the picture.
        right: the right answer.
        answer: what the model wrote.
    """

    picture: str
    question: str
    right: YesNo
    answer: str


AnswerPair = tuple[MmeAnswer, MmeAnswer]
"""The answers to both questions about a picture."""


def read_answers(folder: Path) -> dict[str, list[AnswerPair]]:
    """The answers in a folder by sub-task, in the order of `TASKS`.

    Raises KnownError: `file_missing` without any; `data_wrong` with the file and line.
    """
    files = {task: folder / f"{task}.txt" for task in TASKS}
    answers = {task: _pairs(file) for task, file in files.items() if file.is_file()}
    if not answers:
        message = f"{folder} has no answers to MME."
        advice = "Give a folder with count.txt, OCR.txt …, as MME's own evaluation tool reads them."
        raise KnownError("file_missing", message, advice, path=str(folder))
    return answers


def write_answers(folder: Path, answers: Mapping[str, Iterable[AnswerPair]]) -> None:
    """Write the files, which MME's own tool reads, too. Raises KnownError."""
    folder.mkdir(parents=True, exist_ok=True)
    for task, pairs in answers.items():
        lines = ("\t".join(_fields(answer)) + "\n" for pair in pairs for answer in pair)
        write_text(folder / f"{task}.txt", "".join(lines))


def _fields(answer: MmeAnswer) -> list[str]:
    fields = (answer.picture, answer.question, answer.right.capitalize(), answer.answer)
    return [field.translate(_ONE_LINE) for field in fields]


def _pairs(file: Path) -> list[AnswerPair]:
    answers = [_answer(where, fields) for where, fields in lines_of(file)]
    pairs = list(zip(answers[::2], answers[1::2], strict=False))
    strangers = next((pair for pair in pairs if pair[0].picture != pair[1].picture), None)
    if strangers or len(answers) % 2 or not answers:
        where = f" near {short_repr(strangers[0].picture)}" if strangers else ""
        message = f"{file} does not have two lines for each picture{where}."
        raise KnownError("data_wrong", message, "Keep both lines of a picture, one after the other.", path=str(file))
    return pairs


def _answer(where: str, fields: Sequence[str]) -> MmeAnswer:
    if len(fields) != 4:
        message = f"{where} has {len(fields)} fields in place of 4."
        raise KnownError("data_wrong", message, "Separate picture, question, right answer and answer by tabs.")
    picture, question, right, answer = fields
    return MmeAnswer(picture, question, right_answer(right, where), answer)
