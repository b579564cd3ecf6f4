"""Separates the thoughts of reasoning models from their answers, while the text is being generated.

Each family has its own marks; `MARKS` lists them, and a new family is one more row there. Some templates open the
thought themselves, at the end of the prompt: then the model writes only the closing mark, and `opened_by` detects that.
Marks count at the beginning of an answer. In the middle of one, `<think>` is ordinary text, unless the model has used
the same marks before: then it thinks again, except within code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Marks:
    """The texts before and after a thought."""

    opening: str
    closing: str


MARKS = (
    Marks("<think>", "</think>"),  # DeepSeek-R1, Qwen3, QwQ, GLM, MiniMax, SmolLM3
    Marks("<thinking>", "</thinking>"),
    Marks("<thought>", "</thought>"),
    Marks("<reasoning>", "</reasoning>"),
    Marks("<reason>", "</reason>"),
    Marks("<seed:think>", "</seed:think>"),  # Seed-OSS
    Marks("[THINK]", "[/THINK]"),  # Magistral
    Marks("<|begin_of_thought|>", "<|end_of_thought|>"),  # Sky-T1, OpenThinker
    Marks("<|channel|>analysis<|message|>", "<|end|>"),  # gpt-oss
    Marks("<|channel>thought", "<channel|>"),  # Gemma 4
    Marks("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
)
BETWEEN = (
    "<|start|>assistant",
    "<|channel|>final<|message|>",
    "<|begin_of_solution|>",
    "<|START_RESPONSE|>",
)
"""Texts that some models write between a thought and the answer, and that belong to neither."""

SWITCHES = ("enable_thinking", "thinking")
"""Variables of chat templates that switch thinking on and off."""

CONTROL_TOKENS = frozenset(
    {m.opening for m in MARKS}
    | {m.closing for m in MARKS}
    | set(BETWEEN)
    | {"<|channel|>", "<|message|>", "<|start|>", "<|channel>"}
)
"""Control tokens whose text has to be kept, so that the marks are found."""


class Part(NamedTuple):
    """A piece of the answer, or of a thought before or within it."""

    text: str
    is_thought: bool


def opened_by(prompt: str) -> Marks | None:
    """The marks of the thought that a prompt opens at its end, such as `<think>` and a new line; None for none."""
    end = prompt.rstrip()
    return next((marks for marks in MARKS if end.endswith(marks.opening)), None)


class ThinkingStream:
    """Separates thoughts from the answer in a text that arrives piece by piece.

    White space around both is removed; around a thought within the answer, on one side only. `text` and `thinking` do
    not depend on how the text is cut into pieces.

    Args:
        opened: the marks of a thought that the prompt has opened.
        begun: an answer without a thought has begun already, so nothing is a thought.
    """

    def __init__(self, opened: Marks | None = None, *, begun: bool = False) -> None:
        self._marks = opened
        self._begun = begun
        self._held = ""  # may be the beginning of a mark
        self._known = [opened] if opened is not None else []  # the marks of thoughts so far
        self._thought = opened is not None  # whether there was anything that is no part of the answer
        self._thinks = False  # whether a thought with text has begun
        self._within = False  # whether the current thought has text already
        self._parts: list[Part] = []

    @property
    def open_marks(self) -> Marks | None:
        """Of the thought that is not closed yet; None outside of one."""
        return self._marks

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(part.text for part in self._parts if not part.is_thought)

    @property
    def thinking(self) -> str:
        """The thought so far; several of them have an empty line between."""
        return "".join(part.text for part in self._parts if part.is_thought)

    def feed(self, text: str) -> list[Part]:
        """Add the next piece; returns the parts that are certain now."""
        known = len(self._parts)
        self._held += text
        while self._held and self._step():
            pass
        return self._parts[known:]

    def finish(self) -> list[Part]:
        """Return what was held back because it might have been the beginning of a mark."""
        known = len(self._parts)
        if self._marks is not None:
            self._think(self._held.rstrip())
        else:
            self._give(self._held if self._begun or self._keeps_space() else self._held.lstrip())
        self._held = ""
        return self._parts[known:]

    def _step(self) -> bool:
        """Process the text up to the next mark. False when more text is needed."""
        if self._begun:
            return self._step_in_answer()
        return self._step_in_thought(self._marks) if self._marks is not None else self._step_before_answer()

    def _step_before_answer(self) -> bool:
        text = self._held.lstrip()
        openings = {marks.opening: marks for marks in MARKS}
        signs = [*openings, *BETWEEN]
        mark = max((sign for sign in signs if text.startswith(sign)), key=len, default="")
        if not text or any(len(sign) > len(text) and sign.startswith(text) for sign in signs):
            return False
        if mark:
            self._thought = True
            self._marks, self._within = openings.get(mark), False
            self._held = text[len(mark) :]
            if self._marks is not None and self._marks not in self._known:
                self._known.append(self._marks)
        else:
            self._begun = True
            self._held = self._held if self._keeps_space() else text
        return True

    def _step_in_answer(self) -> bool:
        signs = [*(marks.opening for marks in self._known), *BETWEEN] if self._thought else []
        match = re.search("|".join(map(re.escape, signs)), self._held) if signs else None
        if match is None:
            held = max((_overlap(self._held, sign) for sign in signs), default=0)
            ready = len(self._held) - held
            self._give(self._held[:ready])
            self._held = self._held[ready:]
            return False
        self._begun = _ends_in_code(self.text + self._held[: match.start()])  # a mark in code is ordinary text
        ready = match.end() if self._begun else match.start()
        self._give(self._held[:ready])
        self._held = self._held[ready:]
        return True

    def _keeps_space(self) -> bool:
        """Whether white space that comes now belongs to the answer."""
        answer = self.text
        return not answer[-1].isspace() if answer else not self._thought

    def _step_in_thought(self, marks: Marks) -> bool:
        begun = self._held.lstrip()
        if not self._within and begun and marks.opening.startswith(begun[: len(marks.opening)]):
            # Some models write the opening mark although the prompt has opened the thought.
            if len(begun) < len(marks.opening):
                return False
            self._held = begun[len(marks.opening) :]
            return True
        before, closing, after = self._held.partition(marks.closing)
        if closing:
            self._think(before.rstrip())
            self._marks, self._held = None, after
            return True
        held = _overlap(before, marks.closing)
        ready = before[: len(before) - held].rstrip()
        self._held = before[len(ready) :]
        self._think(ready)
        return False

    def _think(self, text: str) -> None:
        if not self._within:
            text = text.lstrip()
            if text and self._thinks:
                text = "\n\n" + text
        if text:
            self._within = self._thinks = True
            self._parts.append(Part(text, is_thought=True))

    def _give(self, text: str) -> None:
        if text:
            self._parts.append(Part(text, is_thought=False))


def unopened_thought(text: str) -> tuple[str, str] | None:
    """(thought, answer) where a closing mark in a line of its own has no opening mark before it; None otherwise.

    That is the output of a model whose own template opens the thought, when it is used with another template.
    """
    for marks in MARKS:
        before, closing, answer = text.partition(f"\n{marks.closing}\n")
        if closing and marks.opening not in before and before.strip():
            return before.strip(), answer.strip()
    return None


def split_thinking(text: str, opened: Marks | None = None) -> tuple[str, str]:
    """(thought, answer) of a whole answer."""
    stream = ThinkingStream(opened)
    stream.feed(text)
    stream.finish()
    return stream.thinking, stream.text


_FENCE = re.compile(r" {0,3}(```|~~~)")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")


def _ends_in_code(text: str) -> bool:
    """Whether text that follows Markdown `text` is code: between fences, or after an open backtick in the line."""
    fence = ""
    *_, last = lines = text.split("\n")
    for line in lines:
        if match := _FENCE.match(line):
            fence = "" if fence == match[1] else fence or match[1]
    return bool(fence) or "`" in _CODE_SPAN.sub("", last)


def _overlap(text: str, mark: str) -> int:
    """How many characters at the end of `text` may be the beginning of `mark`."""
    return next((n for n in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:n])), 0)
