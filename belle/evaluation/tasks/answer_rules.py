"""Finds the answer in a generated text. The rules are few, so that a reader of a report can apply them by hand.

First, full-width letters and digits become ordinary ones (Unicode NFKC), and `*`, backquotes and control characters
are removed.

A choice, the first rule that applies:
1. The text is one of the choices' texts.
2. It begins with a letter of a choice and a mark after it, or its text: `B`, `(B)`, `B.`, `B、…`, `B 45`. A text that
   goes on with the line of another letter repeats the list and does not answer by this rule.
3. A letter follows “answer”, “答案” or “选”, also with “is”, “是”, “：” in between; the first such place counts.
4. Exactly one letter of a choice stands alone anywhere (an “A” before a word is an article).
5. Exactly one choice's text stands in it.

An exact answer is looked for after the first “answer is …”, “答案是…”, else in the first line that is not empty.
- A number: what follows the last “=”, else the last number, not counting those of the question where others remain.
- A text is right when the expected text stands there as words of its own; upper and lower case are the same.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from belle.evaluation.tasks.items import Item

_LONGEST = 80
_NOISE = re.compile(r"[*`\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NUMBER = re.compile(r"(?<![\d.])[-+]?\d[\d,]*(?:\.\d+)?")
_IS_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?")
_ANNOUNCED = re.compile(
    r"(?i:\banswer\b|答案|选择|选)(?i:\s|:|is|was|would be|should be|the|option|choice|letter|为|是|应该?|选项|选)*"
)
_CLAIM = re.compile(r"(?i:\banswer\b\s*(?:is\b|:)|答案\s*(?:是|为|:)+)\s*:?")
_OPENING, _CLOSING = r"[(\[\"'“‘【《]*", r"(?:[)\]\"'”’】》.,:;、。]|\s*\n|\s+[-–—])"
_PUNCTUATION = " \t\n.,:;!?\"'“”‘’()[]{}<>《》「」【】。、…"


@dataclass(frozen=True, slots=True)
class Given:
    """The answer in a text: `answer` is "" where no rule finds one; `right` is None where that cannot be judged."""

    answer: str
    right: bool | None


def given_answer(item: Item, text: str) -> Given:
    """The answer to `item` in a generated `text`."""
    text = _plain(text)
    match item.kind:
        case "choice":
            letter = _letter(item, text)
            return Given(letter, letter == item.answer)
        case "free":
            return Given(text, None)
    claim = _CLAIM.search(text)
    where = text[claim.end() :] if claim else text
    line = next((line.strip() for line in where.split("\n") if line.strip()), "")
    expected = _plain(item.answer)
    return _number(item, line, expected) if _IS_NUMBER.fullmatch(expected) else _words(line, expected)


def is_settled(item: Item, text: str) -> bool:
    """Whether `text`, which may go on, has answered already: rule 2 has found a letter, and another line has begun."""
    text = _plain(text)
    return bool(item.choices) and bool(re.search(r"\n\s*\S{3}", text)) and bool(_beginning(item, text))


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-")
    return _NOISE.sub("", text).strip()


def _letter(item: Item, text: str) -> str:
    bare, letters = _bare(text), item.letters
    texts = [_bare(choice) for choice in item.choices]
    if texts.count(bare) == 1:
        return letters[texts.index(bare)]
    if len(bare) == 1 and bare.upper() in letters:
        return bare.upper()
    if beginning := _beginning(item, text):
        return beginning
    announced = re.search(f"{_ANNOUNCED.pattern}{_OPENING}([{letters}])(?![A-Za-z0-9])", text)
    if announced:
        return announced[1]
    alone = set(re.findall(rf"(?<![A-Za-z0-9])([{letters}])(?![A-Za-z0-9']|\s[a-z])", text))
    if len(alone) == 1:
        return str(alone.pop())
    folded = text.casefold()
    standing = [i for i, words in enumerate(texts) if words and _stands_in(words, folded)]
    # Where “black cat” occurs, “cat” occurs too: the longer choice is meant.
    standing = [i for i in standing if not any(texts[i] != texts[k] and texts[i] in texts[k] for k in standing)]
    return letters[standing[0]] if len(standing) == 1 else ""


def _beginning(item: Item, text: str) -> str:
    match = re.match(f"{_OPENING}([{item.letters}])(?:{_CLOSING}|\\s+(?=\\S))", text)
    if not match:
        return ""
    letter = match[1]
    if re.search(f"\\n\\s*{_OPENING}(?!{letter})[{item.letters}]{_CLOSING}", text):
        return ""
    if match[0][-1:].isspace() and "\n" not in match[0]:
        # Only a space follows: then the choice's text must come next, for “A” may begin an English sentence.
        own = _plain(item.choices[item.letters.index(letter)]).casefold()
        return letter if text[match.end() :].casefold().startswith(own) else ""
    return letter


def _number(item: Item, line: str, expected: str) -> Given:
    _, equals, after = line.rpartition("=")
    numbers = _NUMBER.findall(after if equals else line)
    if not equals:
        asked = set(map(_value, _NUMBER.findall(_plain(item.question))))
        numbers = [number for number in numbers if _value(number) not in asked] or numbers
    if not numbers:
        return Given("", False)
    value = _value(numbers[0] if equals else numbers[-1])
    return Given(f"{value:f}" if value is not None else "", value == _value(expected))


def _value(number: str) -> Decimal | None:
    try:
        value = Decimal(number.replace(",", ""))
    except InvalidOperation:
        return None
    return value.normalize() + 0  # -0 becomes 0


def _words(line: str, expected: str) -> Given:
    wanted, said = _bare(expected), _bare(line)
    if wanted and _stands_in(wanted, line.casefold()):
        return Given(wanted, True)
    return Given(said[:_LONGEST], False)


def _bare(text: str) -> str:
    return _plain(text).casefold().strip(_PUNCTUATION)


def _stands_in(words: str, text: str) -> bool:
    """Whether `words` occur in `text`, not as a part of a longer Latin word or number."""
    before = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", words) else ""
    after = r"(?![a-z0-9])" if re.search(r"[a-z0-9]$", words) else ""
    return re.search(before + re.escape(words) + after, text) is not None
