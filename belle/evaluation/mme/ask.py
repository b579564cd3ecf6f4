"""Asks a model the questions of MME, and keeps every answer, so that an interrupted run goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from belle.evaluation.mme.answers import AnswerPair, MmeAnswer, write_answers
from belle.evaluation.mme.questions import MmePicture, MmeQuestion
from belle.json_lines import ResumableLines

MOST_TOKENS = 16
"""Of an answer. Four characters are read of it."""


class PictureAnswerer(Protocol):
    """A model that sees.

    Attributes:
        name: of the model, for tables and files.
        identity: what its answers depend on, besides picture and question.
    """

    name: str
    identity: Mapping[str, Any]

    def answer(self, picture: Path, question: str) -> str:
        """The likeliest answer, of at most `MOST_TOKENS` tokens. Raises KnownError."""


def ask_all(
    pictures: Sequence[MmePicture],
    answerer: PictureAnswerer,
    folder: Path,
    on_progress: Callable[[int, int], object] = lambda *_: None,
) -> dict[str, list[AnswerPair]]:
    """Ask every question of each picture, by itself; the answers by sub-task.

    Args:
        folder: where the answers are written, in the form of MME's own tool, too.
        on_progress: called with the number of answers and that of all questions.

    Raises KnownError, also of the answerer.
    """
    known: dict[tuple[str, str], str] = {}

    def take(row: dict[str, Any]) -> None:
        known[row["picture"], row["question"]] = str(row["answer"])

    lines = ResumableLines(folder / "answers.jsonl", {"mme": dict(answerer.identity)}, take, resume=True)
    try:
        for picture in pictures:
            for question in picture.questions:
                key = (_key(picture), question.text)
                if key not in known:
                    known[key] = answerer.answer(picture.path, question.text)
                    lines.append({"picture": key[0], "question": key[1], "answer": known[key]})
                on_progress(len(known), 2 * len(pictures))
    finally:
        lines.close()
    answers: dict[str, list[AnswerPair]] = {}
    for picture in pictures:
        first, second = (_answer(picture, question, known) for question in picture.questions)
        answers.setdefault(picture.task, []).append((first, second))
    write_answers(folder, answers)
    return answers


def _answer(picture: MmePicture, question: MmeQuestion, known: Mapping[tuple[str, str], str]) -> MmeAnswer:
    return MmeAnswer(picture.path.name, question.text, question.answer, known[_key(picture), question.text])


def _key(picture: MmePicture) -> str:
    return f"{picture.task}/{picture.path.name}"
