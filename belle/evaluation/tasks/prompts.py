"""From an item to the tokens that a model reads: the same questions for all, in a prompt template or as plain text.

Three ways to ask, as the field's evaluations do:
- by letter (MMLU, C-Eval): the choices are listed with their letters; which letter does the model expect after
  “Answer:”?
- by text (ARC, HellaSwag): the choices are not shown; which text does it expect there?
- generated: the choices are listed, and the model writes its answer freely.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from belle.engine.llama.model import Vocabulary
from belle.evaluation.tasks.items import Item
from belle.prompts import Message, PromptTemplate, Segment, get_template
from belle.prompts.token_line import encode_segments


@dataclass(frozen=True, slots=True)
class _Words:
    """The words around a question, and the `space` between “Answer:” and the answer."""

    question: str
    answer: str
    space: str
    ask_letter: str
    ask_text: str


_WORDS = {
    "zh": _Words("问题：", "答案：", "", "请只写出正确选项的字母。", "请只写出答案，不要解释。"),
    "en": _Words(
        "Question: ",
        "Answer:",
        " ",
        "Write only the letter of the right choice.",
        "Write only the answer, without an explanation.",
    ),
}


@dataclass(frozen=True, slots=True)
class Continuations:
    """Token ids: a common `context`, and the `tails` that may follow it, each of at least one token."""

    context: list[int]
    tails: list[list[int]]


@dataclass(frozen=True, slots=True)
class Prompts:
    """All prompts of one item for one model. `letter` is None without choices."""

    letter: Continuations | None
    text: Continuations
    generation: list[int]

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence, without what is generated."""
        asked = [self.text, *([self.letter] if self.letter else [])]
        return max(len(self.generation), *(len(one.context) + max(map(len, one.tails)) for one in asked))


class TaskPrompts:
    """Makes the prompts for one model.

    Args:
        vocabulary: of the model.
        template: its prompt template; None to ask in plain text, which the model completes.
    """

    def __init__(self, vocabulary: Vocabulary, template: PromptTemplate | None) -> None:
        self._vocabulary = vocabulary
        self._template = template

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end a generated answer. A plain text would go on with the next question."""
        return self._template.stop if self._template else ("\n",)

    def of(self, item: Item, examples: Sequence[Item] = ()) -> Prompts:
        """The prompts of `item`, after solved `examples`. Raises KnownError("template_error")."""
        by_letter = self._asking(item, examples, with_choices=True) if item.choices else None
        by_text = self._asking(item, examples, with_choices=False)
        space = _WORDS[item.language].space
        texts = list(item.choices) or [item.answer]
        letter = self._continuations(by_letter, [space + letter for letter in item.letters]) if by_letter else None
        text = self._continuations(by_text, [space + text for text in texts])
        asked = by_letter or by_text
        generation = asked("") if self._template is None else self._free(item, examples)
        return Prompts(letter, text, generation)

    def _continuations(self, encode: Callable[[str], list[int]], endings: Sequence[str]) -> Continuations:
        """What all have in common becomes the context.

        A tokenizer may merge the end of the prompt with the beginning of an answer; that token is then in the tails.
        """
        rows = [encode(ending) for ending in endings]
        context = encode("")
        shared = next((i for i, column in enumerate(zip(context, *rows, strict=False)) if len({*column}) > 1), None)
        n = min(map(len, [context, *rows])) if shared is None else shared
        return Continuations(context[:n], [row[n:] for row in rows])

    def _asking(self, item: Item, examples: Sequence[Item], *, with_choices: bool) -> Callable[[str], list[int]]:
        """Returns a function that encodes the question, “Answer:”, and the ending that it is given."""
        words = _WORDS[item.language]
        if self._template is None:
            blocks = [_plain_block(one, with_choices) + _solution(one, with_choices) for one in examples]
            text = "\n\n".join([*blocks, _plain_block(item, with_choices) + words.answer])
            return lambda ending: self._encode(get_template("plain"), [Segment(text + ending)])
        template = self._template
        segments = template.segments(_chat(item, examples, with_choices))
        begun = template.answer_prefix + words.answer
        return lambda ending: self._encode(template, [*segments, Segment(begun + ending, trained=True)])

    def _free(self, item: Item, examples: Sequence[Item]) -> list[int]:
        assert self._template is not None
        segments = self._template.segments(_chat(item, examples, bool(item.choices)))
        return self._encode(self._template, segments)

    def _encode(self, template: PromptTemplate, segments: Sequence[Segment]) -> list[int]:
        return encode_segments(self._vocabulary, template, segments).tokens


def _listed(item: Item) -> str:
    return "".join(f"\n{letter}. {choice}" for letter, choice in zip(item.letters, item.choices, strict=True))


def _plain_block(item: Item, with_choices: bool) -> str:
    return f"{_WORDS[item.language].question}{item.question}{_listed(item) if with_choices else ''}\n"


def _solution(item: Item, with_choices: bool) -> str:
    words = _WORDS[item.language]
    return words.answer + words.space + (item.answer if with_choices else item.answer_text)


def _chat(item: Item, examples: Sequence[Item], with_choices: bool) -> list[Message]:
    messages = []
    for one in (*examples, item):
        words = _WORDS[one.language]
        if not one.choices:
            asked = f"\n\n{words.ask_text}"
        else:
            asked = f"{_listed(one)}\n\n{words.ask_letter}" if with_choices else ""
        messages.append(Message("user", one.question + asked))
        messages.append(Message("assistant", _solution(one, with_choices)))
    return messages[:-1]
