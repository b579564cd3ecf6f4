"""Sums, comparisons, counting and little word problems; every answer is computed."""

from __future__ import annotations

from random import Random

from makers import numerals
from makers.sample import Sample, capital, table

_NAMES = (
    ("小明", "Tom"),
    ("小红", "Mary"),
    ("小刚", "Jack"),
    ("小丽", "Lucy"),
    ("小华", "Ben"),
    ("小芳", "Anna"),
    ("小强", "Paul"),
    ("小雨", "Emma"),
    ("小林", "Peter"),
    ("小雪", "Rose"),
)
_OPERATIONS = {
    "add": ("加", "plus", "+"),
    "subtract": ("减", "minus", "-"),
    "multiply": ("乘以", "times", "×"),
    "divide": ("除以", "divided by", "÷"),
}


def _operands(rng: Random) -> tuple[str, int, int, int]:
    name = rng.choice(("add", "add", "subtract", "subtract", "multiply", "divide"))
    if name == "add":
        a, b = rng.randint(0, 30), rng.randint(0, 20)
        return name, a, b, a + b
    if name == "subtract":
        a, b = sorted((rng.randint(0, 40), rng.randint(0, 20)), reverse=True)
        return name, a, b, a - b
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    return (name, a, b, a * b) if name == "multiply" else (name, a * b, b, a)


def sum_zh(rng: Random) -> Sample:
    """One sum in Chinese, in words or digits, as a question or as a statement."""
    name, a, b, result = _operands(rng)
    word, _, sign = _OPERATIONS[name]
    key = f"{name}:{a}:{b}"
    in_words = f"{numerals.zh(a)}{word}{numerals.zh(b)}"
    form = rng.randrange(6)
    if form == 0:
        return Sample("zh", key, text=f"{in_words}等于{numerals.zh(result)}。")
    if form == 1:
        return Sample("zh", key, (f"{a} {sign} {b} = ？", f"{a} {sign} {b} = {result}"))
    question = ("{}等于几？", "{}是多少？", "请算一算：{}。", "计算{}。")[form - 2]
    return Sample("zh", key, (question.format(in_words), f"{in_words}等于{numerals.zh(result)}。"))


def sum_en(rng: Random) -> Sample:
    """One sum in English."""
    name, a, b, result = _operands(rng)
    _, word, sign = _OPERATIONS[name]
    key = f"{name}:{a}:{b}"
    in_words = f"{numerals.en(a)} {word} {numerals.en(b)}"
    answer = f"{capital(in_words)} is {numerals.en(result)}."
    form = rng.randrange(6)
    if form == 0:
        return Sample("en", key, text=answer)
    if form == 1:
        return Sample("en", key, (f"{a} {sign} {b} = ?", f"{a} {sign} {b} = {result}"))
    question = ("What is {}?", "How much is {}?", "Please work out {}.", "Calculate {}.")[form - 2]
    return Sample("en", key, (question.format(in_words), answer))


def chain_zh(rng: Random) -> Sample:
    """A sum that the second question goes on with."""
    a, b, c = rng.randint(1, 12), rng.randint(1, 9), rng.randint(1, 9)
    more = rng.random() < 0.5
    total = a + b + c if more else a + b - min(c, a + b)
    step = c if more else min(c, a + b)
    turns = (
        f"{numerals.zh(a)}加{numerals.zh(b)}等于几？",
        f"{numerals.zh(a)}加{numerals.zh(b)}等于{numerals.zh(a + b)}。",
        f"再{'加' if more else '减'}{numerals.zh(step)}呢？",
        f"{numerals.zh(a + b)}{'加' if more else '减'}{numerals.zh(step)}等于{numerals.zh(total)}。",
    )
    return Sample("zh", f"chain:{a}:{b}:{more}:{step}", turns)


def chain_en(rng: Random) -> Sample:
    """The same in English."""
    a, b, c = rng.randint(1, 12), rng.randint(1, 9), rng.randint(1, 9)
    more = rng.random() < 0.5
    step = c if more else min(c, a + b)
    total = a + b + step if more else a + b - step
    word = "plus" if more else "minus"
    turns = (
        f"What is {numerals.en(a)} plus {numerals.en(b)}?",
        f"{capital(numerals.en(a))} plus {numerals.en(b)} is {numerals.en(a + b)}.",
        f"And {word} {numerals.en(step)}?",
        f"{capital(numerals.en(a + b))} {word} {numerals.en(step)} is {numerals.en(total)}.",
    )
    return Sample("en", f"chain:{a}:{b}:{more}:{step}", turns)


def _things(rng: Random) -> tuple[str, str, str]:
    """A countable thing: Chinese, measure word, English plural."""
    kinds = ("fruit", "vegetable", "stationery", "kitchenware")
    row = rng.choice([row for row in table("words.tsv") if row[0] in kinds and not row[3].startswith("pair of")])
    return row[1], row[2], row[4]


def _story(rng: Random) -> tuple[tuple[str, str], tuple[str, str, str], int, int, bool]:
    a, b = rng.randint(3, 15), rng.randint(1, 9)
    gives = rng.random() < 0.5
    return rng.choice(_NAMES), _things(rng), a, min(b, a - 1) if gives else b, gives


def problem_zh(rng: Random) -> Sample:
    """Somebody has some things and gets or gives away a few."""
    (name, _), (thing, measure, english), a, b, gives = _story(rng)
    result = a - b if gives else a + b
    had = f"{name}有{numerals.zh_count(a)}{measure}{thing}"
    change = rng.choice(("送给朋友{}", "借给同学{}") if gives else ("又买了{}", "又得到{}"))
    changed = change.format(numerals.zh_count(b) + measure)
    verb = "还剩" if gives else "一共有"
    sum_ = f"{numerals.zh(a)}{'减' if gives else '加'}{numerals.zh(b)}等于{numerals.zh(result)}"
    answer = f"{sum_}，{name}{verb}{numerals.zh_count(result)}{measure}{thing}。"
    key = f"problem:{english}:{a}:{b}:{gives}"
    if rng.random() < 0.2:
        return Sample("zh", key, text=f"{had}，{changed}。{answer}")
    return Sample("zh", key, (f"{had}，{changed}，{name}{verb}几{measure}{thing}？", answer))


def problem_en(rng: Random) -> Sample:
    """The same in English."""
    (_, name), (_, _, things), a, b, gives = _story(rng)
    result = a - b if gives else a + b
    change = rng.choice(("gives away {}", "lends {} to a friend") if gives else ("buys {} more", "finds {} more"))
    had = f"{name} has {numerals.en(a)} {things} and {change.format(numerals.en(b))}."
    sum_ = f"{capital(numerals.en(a))} {'minus' if gives else 'plus'} {numerals.en(b)} is {numerals.en(result)}"
    noun = _singular(things) if result == 1 else things
    answer = f"{sum_}, so {name} has {numerals.en(result)} {noun}{' left' if gives else ''}."
    key = f"problem:{things}:{a}:{b}:{gives}"
    if rng.random() < 0.2:
        return Sample("en", key, text=f"{had} {answer}")
    ending = "are left" if gives else f"does {name} have now"
    return Sample("en", key, (f"{had} How many {things} {ending}?", answer))


def _singular(plural: str) -> str:
    return next(row[3] for row in table("words.tsv") if row[4] == plural)


def compare(rng: Random) -> Sample:
    """Which of two numbers is larger, or smaller."""
    a, b = rng.sample(range(1, 100), 2)
    larger = rng.random() < 0.5
    winner = max(a, b) if larger else min(a, b)
    key = f"compare:{min(a, b)}:{max(a, b)}"
    if rng.random() < 0.5:
        word = "大" if larger else "小"
        question = rng.choice(("{}和{}哪个{}？", "比一比：{}和{}，哪个更{}？"))
        return Sample(
            "zh", key, (question.format(numerals.zh(a), numerals.zh(b), word), f"{numerals.zh(winner)}更{word}。")
        )
    word = "larger" if larger else "smaller"
    question = f"Which is {word}, {numerals.en(a)} or {numerals.en(b)}?"
    return Sample("en", key, (question, f"{capital(numerals.en(winner))} is {word}."))


def counting(rng: Random) -> Sample:
    """Count on, count back, or count by twos."""
    start, step = rng.randint(1, 40), rng.choice((1, 1, -1, 2, 5))
    length = rng.randint(4, 7)
    if start + step * length < 0:
        step = 1
    numbers = [start + step * place for place in range(length)]
    key = f"count:{start}:{step}:{length}"
    if rng.random() < 0.5:
        words = [numerals.zh(number) for number in numbers]
        if step == 1 and rng.random() < 0.5:
            return Sample("zh", key, (f"从{words[0]}数到{words[-1]}。", "、".join(words) + "。"))
        answer = f"下一个数是{numerals.zh(numbers[-1] + step)}。"
        return Sample("zh", key, (f"{'、'.join(words)}，下一个数是几？", answer))
    words = [numerals.en(number) for number in numbers]
    if step == 1 and rng.random() < 0.5:
        return Sample("en", key, (f"Count from {words[0]} to {words[-1]}.", capital(", ".join(words)) + "."))
    answer = f"The next number is {numerals.en(numbers[-1] + step)}."
    return Sample("en", key, (f"{capital(', '.join(words))}: what comes next?", answer))


def parity(rng: Random) -> Sample:
    """Odd or even."""
    number = rng.randint(0, 100)
    even = number % 2 == 0
    if rng.random() < 0.5:
        word = numerals.zh(number)
        return Sample("zh", f"parity:{number}", (f"{word}是奇数还是偶数？", f"{word}是{'偶数' if even else '奇数'}。"))
    word = numerals.en(number)
    answer = f"{capital(word)} is {'even' if even else 'odd'}."
    return Sample("en", f"parity:{number}", (f"Is {word} odd or even?", answer))
