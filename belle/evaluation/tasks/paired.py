"""From scores to figures: accuracy, flipped answers, and whether the difference could be chance.

Flips, answers that change in either direction, show what accuracy hides: a quantized model that loses ten answers and
wins ten others has the same accuracy and is another model (Dutta et al., Accuracy Is Not All You Need, 2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

from belle.evaluation.intervals import share_interval, sign_test
from belle.evaluation.tasks.answer_rules import Given, given_answer
from belle.evaluation.tasks.items import Item
from belle.evaluation.tasks.records import Score
from belle.evaluation.tasks.result import WAYS, Accuracy, CategoryPair, Change, ModelTasks, Paired, Way

Answers = Mapping[Way, Mapping[str, Given]]
"""What a model answered, by way and by the item's id."""


def answers(items: Iterable[Item], scores: Mapping[str, Score]) -> Answers:
    """The answers of a model to the items that it was asked."""
    given: dict[Way, dict[str, Given]] = {way: {} for way in WAYS}
    for item in items:
        score = scores.get(item.id)
        if score is None or score.too_long:
            continue
        if item.choices:
            by_letter = _likeliest(item, score.letter)
            per_byte = [p / len(choice.encode()) for p, choice in zip(score.text, item.choices, strict=True)]
            by_text = _likeliest(item, per_byte)
            given["letter"][item.id] = Given(by_letter, by_letter == item.answer)
            given["text"][item.id] = Given(by_text, by_text == item.answer)
        elif not item.free:
            given["text"][item.id] = Given(item.answer if score.expected else "", score.expected)
        given["generation"][item.id] = given_answer(item, score.output)
    return given


def model_figures(
    name: str,
    items: Sequence[Item],
    scores: Mapping[str, Score],
    *,
    reference: Mapping[str, Score] | None,
    seconds: float,
    failure: str = "",
) -> ModelTasks:
    """The figures of a model; against the `reference` scores, if it is a candidate."""
    own = answers(items, scores)
    other = answers(items, reference) if reference is not None else {}
    pairs = {way: list(_pairs(items, other[way], own[way])) for way in WAYS if reference is not None}
    asked = [scores[item.id] for item in items if item.id in scores]
    return ModelTasks(
        name=name,
        n_done=len(asked),
        n_too_long=sum(score.too_long for score in asked),
        seconds=seconds,
        bits_per_byte=_bits_per_byte(items, scores),
        accuracy={way: accuracy for way in WAYS if (accuracy := _accuracy(own[way].values())).n},
        paired={way: _paired(answered) for way, answered in pairs.items() if answered},
        categories=_groups(pairs, lambda item: item.category),
        languages=_groups(pairs, lambda item: item.language),
        changes=[
            _change(way, *pair)
            for way, answered in pairs.items()
            for pair in answered
            if pair[1].answer != pair[2].answer
        ],
        failure=failure,
    )


_Pair = tuple[Item, Given, Given]


def _likeliest(item: Item, values: Sequence[float]) -> str:
    return item.letters[max(range(len(values)), key=values.__getitem__)]


def _accuracy(given: Iterable[Given]) -> Accuracy:
    judged = [one for one in given if one.right is not None]
    n, right = len(judged), sum(bool(one.right) for one in judged)
    share = right / n if n else 0.0
    return Accuracy(n, right, share, *share_interval(share, n), sum(not one.answer for one in judged))


def _pairs(items: Iterable[Item], before: Mapping[str, Given], after: Mapping[str, Given]) -> Iterator[_Pair]:
    for item in items:
        if item.id in before and item.id in after:
            yield item, before[item.id], after[item.id]


def _paired(pairs: Sequence[_Pair]) -> Paired:
    lost = sum(_kind(before, after) == "lost" for _, before, after in pairs)
    won = sum(_kind(before, after) == "won" for _, before, after in pairs)
    changed = sum(before.answer != after.answer for _, before, after in pairs)
    return Paired(len(pairs), lost, won, changed, sign_test(won, lost))


def _kind(before: Given, after: Given) -> Literal["lost", "won", "other"]:
    if before.right == after.right:
        return "other"
    return "lost" if before.right else "won"


def _groups(
    pairs: Mapping[Way, Sequence[_Pair]], group_of: Callable[[Item], str]
) -> dict[str, dict[Way, CategoryPair]]:
    grouped: dict[str, dict[Way, list[_Pair]]] = {}
    for way, answered in pairs.items():
        for pair in answered:
            grouped.setdefault(group_of(pair[0]), {}).setdefault(way, []).append(pair)
    return {
        name: {
            way: CategoryPair(
                n=len(answered),
                right_reference=sum(bool(before.right) for _, before, _ in answered),
                right_candidate=sum(bool(after.right) for _, _, after in answered),
                changed=sum(before.answer != after.answer for _, before, after in answered),
            )
            for way, answered in ways.items()
        }
        for name, ways in grouped.items()
    }


def _change(way: Way, item: Item, before: Given, after: Given) -> Change:
    return Change(
        id=item.id,
        way=way,
        kind=_kind(before, after),
        category=item.category,
        question=item.question,
        answer=_readable(item, item.answer),
        before=_readable(item, before.answer),
        after=_readable(item, after.answer),
    )


def _readable(item: Item, answer: str) -> str:
    if item.choices and answer:
        return f"{answer}. {item.choices[item.letters.index(answer)]}"
    return answer


def _bits_per_byte(items: Iterable[Item], scores: Mapping[str, Score]) -> float | None:
    bits, n_bytes = 0.0, 0
    for item in items:
        score = scores.get(item.id)
        if score is not None and not score.too_long:
            bits -= score.text[item.letters.index(item.answer) if item.choices else 0] / math.log(2)
            n_bytes += len(item.answer_text.encode())
    return bits / n_bytes if n_bytes else None
