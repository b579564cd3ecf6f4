"""Tells the answer from the steps in a reply that arrives in pieces."""

from __future__ import annotations

from belle.dialogue.events import AnswerText, StepText


class ReplyStream:
    """Splits one reply. What may still become a mark is held back until it is known.

    Args:
        opening: after this text, at the beginning of a line, the answer begins; "" where it is there from the start.
        closing: ends it; "" where the end of the reply does. A single `]` ends it only as the last character.
        shows_answer: whether there is an answer at all, or only steps.
    """

    def __init__(self, opening: str, closing: str, *, shows_answer: bool = True) -> None:
        self._opening, self._closing = opening, closing
        self._shows_answer = shows_answer
        self._text = ""  # not passed on yet
        self._at_line_start = True
        self._is_answer = shows_answer and not opening
        self._has_answer = False
        self._is_over = False

    def add(self, piece: str) -> list[StepText | AnswerText]:
        """What is known of the reply with one more piece."""
        self._text += piece
        events: list[StepText | AnswerText] = []
        if not self._is_answer and not self._is_over:
            events += self._step()
        if self._is_answer:
            events += self._answer()
        return events

    def end(self) -> list[StepText | AnswerText]:
        """The rest of it: the reply is complete."""
        text, self._text = self._text, ""
        if self._is_answer:
            return self._shown(text.removesuffix("]") if self._closing else text)
        if self._is_over or not text.strip():
            return []
        return [StepText(text)]

    def _step(self) -> list[StepText | AnswerText]:
        if not self._shows_answer:
            text, self._text = self._text, ""
            return [StepText(text)] if text else []
        mark = self._opening
        before = "" if self._at_line_start else "\n"
        at = 0 if self._at_line_start and self._text.startswith(mark) else self._text.find("\n" + mark)
        if at >= 0:
            shown = self._text[:at]
            self._text = self._text[at:].removeprefix("\n")[len(mark) :]
            self._is_answer = True
        else:
            held = max(_held(self._text, "\n" + mark), len(self._text) * (not before and mark.startswith(self._text)))
            shown = self._text[: len(self._text) - held]
            self._text = self._text[len(shown) :]
        if shown:
            self._at_line_start = False
        return [StepText(shown)] if shown else []

    def _answer(self) -> list[StepText | AnswerText]:
        closing = self._closing
        if len(closing) > 1 and (at := self._text.find(closing)) >= 0:
            self._is_answer, self._is_over = False, True
            return self._shown(self._text[:at])
        held = _held(self._text, closing) if closing else 0
        shown, self._text = self._text[: len(self._text) - held], self._text[len(self._text) - held :]
        return self._shown(shown)

    def _shown(self, text: str) -> list[StepText | AnswerText]:
        if not self._has_answer and self._closing:
            text = text.lstrip()
        self._has_answer |= bool(text)
        return [AnswerText(text)] if text else []


def _held(text: str, mark: str) -> int:
    """How many characters at the end of `text` are the beginning of `mark`, at most all of it."""
    return next((length for length in range(min(len(mark), len(text)), 0, -1) if text.endswith(mark[:length])), 0)
