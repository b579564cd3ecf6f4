"""Words: what kind of thing they name, what they mean in the other language, what their opposites are."""

from __future__ import annotations

from random import Random

from makers import numerals
from makers.sample import Language, Sample, capital, indefinite, table

_CATEGORIES = {row[0]: row[1:] for row in table("categories.tsv")}


def _language(rng: Random) -> Language:
    return "zh" if rng.random() < 0.5 else "en"


def kind(rng: Random) -> Sample:
    """What kind of thing a word names."""
    category, zh, _, en, _ = rng.choice(table("words.tsv"))
    zh_kind, en_kind, _ = _CATEGORIES[category]
    other = rng.choice([name for name in _CATEGORIES if name != category])
    key = f"kind:{en}"
    copula = "是一种职业" if category == "profession" else f"是一种{zh_kind}"
    if _language(rng) == "zh":
        choices = [zh_kind, _CATEGORIES[other][0]]
        rng.shuffle(choices)
        question = rng.choice(
            (f"{zh}是什么？", f"{zh}属于哪一类？", f"{zh}是{choices[0]}还是{choices[1]}？", f"请给“{zh}”分类。")
        )
        if rng.random() < 0.25:
            return Sample("zh", key, text=f"{zh}{copula}。")
        return Sample("zh", key, (question, f"{zh}{copula}。"))
    answer = f"{capital(indefinite(en))} is {indefinite(en_kind)}."
    if category == "profession":
        answer = f"“{capital(en)}” is a profession."
    elif en_kind == "means of transport":
        answer = f"{capital(indefinite(en))} is a means of transport."
    kinds = [indefinite(en_kind), indefinite(_CATEGORIES[other][1])]
    rng.shuffle(kinds)
    question = rng.choice((f"What is {indefinite(en)}?", f"What kind of thing is {indefinite(en)}?"))
    if category != "profession" and rng.random() < 0.4:
        question = f"Is {indefinite(en)} {kinds[0]} or {kinds[1]}?"
    if rng.random() < 0.25:
        return Sample("en", key, text=answer)
    return Sample("en", key, (question, answer))


def odd_one_out(rng: Random) -> Sample:
    """Three words of one kind and one of another."""
    category, other = rng.sample(sorted(_CATEGORIES), 2)
    same = rng.sample([row for row in table("words.tsv") if row[0] == category], 3)
    odd = rng.choice([row for row in table("words.tsv") if row[0] == other])
    row = [*same, odd]
    rng.shuffle(row)
    key = f"odd:{':'.join(sorted(word[3] for word in row))}"
    zh_kind, en_kinds, odd_kind = _CATEGORIES[category][0], _CATEGORIES[category][2], _CATEGORIES[other][1]
    if _language(rng) == "zh":
        question = rng.choice(("哪一个词和别的不同类？{}", "找出不同类的词：{}"))
        answer = f"{odd[1]}。{odd[1]}是{_CATEGORIES[other][0]}，别的都是{zh_kind}。"
        return Sample("zh", key, (question.format("、".join(word[1] for word in row)), answer))
    question = rng.choice(("Which word does not belong: {}?", "Find the odd one out: {}."))
    answer = f"{capital(odd[3])}. It is {indefinite(odd_kind)}; the others are {en_kinds}."
    return Sample("en", key, (question.format(", ".join(word[3] for word in row)), answer))


def list_of_kind(rng: Random) -> Sample:
    """Name a few things of one kind."""
    category, count = rng.choice(sorted(_CATEGORIES)), rng.randint(2, 5)
    rows = rng.sample([row for row in table("words.tsv") if row[0] == category], count)
    zh_kind, _, en_kinds = _CATEGORIES[category]
    key = f"list:{':'.join(sorted(row[3] for row in rows))}"
    if _language(rng) == "zh":
        question = rng.choice(("请说出{}种{}。", "列出{}种{}。", "举出{}种{}的例子。"))
        names = [row[1] for row in rows]
        return Sample(
            "zh", key, (question.format(numerals.zh_count(count), zh_kind), "、".join(names[:-1]) + f"和{names[-1]}。")
        )
    question = rng.choice(("Name {} {}.", "Please list {} {}.", "Give me {} examples of {}."))
    names = [row[4] for row in rows]
    answer = capital(", ".join(names[:-1]) + f" and {names[-1]}.")
    return Sample("en", key, (question.format(numerals.en(count), en_kinds), answer))


def translate_word(rng: Random) -> Sample:
    """A word, or a number of things, in the other language."""
    _, zh, measure, en, plural = rng.choice(table("words.tsv"))
    count = rng.choice((0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10))
    key = f"word:{en}:{count}"
    chinese = numerals.zh_count(count) + measure + zh if count else zh
    english = en if not count else (f"one {en}" if count == 1 else f"{numerals.en(count)} {plural}")
    return translation(rng, key, chinese, english)


def translation(rng: Random, key: str, chinese: str, english: str) -> Sample:
    """One of the ways to ask for a translation, in one of the two directions."""
    form = rng.randrange(8)
    if form < 3:
        question = ("把“{}”翻译成英文。", "“{}”用英文怎么说？", "请翻译成英文：{}")[form]
        return Sample("zh", key, (question.format(chinese), english))
    if form < 5:
        question = ("把“{}”翻译成中文。", "请翻译成中文：{}")[form - 3]
        return Sample("zh", key, (question.format(english), chinese))
    question = ("Translate “{}” into Chinese.", "How do you say “{}” in Chinese?", "Translate “{}” into English.")[
        form - 5
    ]
    if form < 7:
        return Sample("en", key, (question.format(english), chinese))
    return Sample("en", key, (question.format(chinese), english))


def opposite(rng: Random) -> Sample:
    """The opposite of a word."""
    zh_a, zh_b, en_a, en_b = rng.choice(table("opposites.tsv"))
    key = f"opposite:{zh_a}:{zh_b}"
    if rng.random() < 0.5:
        zh_a, zh_b, en_a, en_b = zh_b, zh_a, en_b, en_a
    if _language(rng) == "zh":
        question = rng.choice(("“{}”的反义词是什么？", "请说出“{}”的反义词。", "和“{}”意思相反的词是哪个？"))
        answer = f"“{zh_a}”的反义词是“{zh_b}”。"
        if rng.random() < 0.25:
            return Sample("zh", key, text=answer)
        return Sample("zh", key, (question.format(zh_a), answer))
    question = rng.choice(
        ("What is the opposite of “{}”?", "Say the opposite of “{}”.", "Give me the antonym of “{}”.")
    )
    answer = f"The opposite of “{en_a}” is “{en_b}”."
    if rng.random() < 0.25:
        return Sample("en", key, text=answer)
    return Sample("en", key, (question.format(en_a), answer))


def country(rng: Random) -> Sample:
    """Capitals and continents, one question, several, or a passage."""
    zh, en, capital_zh, capital_en, continent_zh, continent_en = rng.choice(table("countries.tsv"))
    key = f"country:{en}"
    if _language(rng) == "zh":
        pairs = [
            (f"{zh}的首都是哪里？", f"{zh}的首都是{capital_zh}。"),
            (f"{zh}在哪个洲？", f"{zh}在{continent_zh}。"),
            (f"{capital_zh}是哪个国家的首都？", f"{capital_zh}是{zh}的首都。"),
        ]
        if rng.random() < 0.25:
            return Sample("zh", key, text=f"{zh}在{continent_zh}，首都是{capital_zh}。")
    else:
        pairs = [
            (f"What is the capital of {en}?", f"The capital of {en} is {capital_en}."),
            (f"On which continent is {en}?", f"{capital(en)} is in {continent_en}."),
            (f"Which country has {capital_en} as its capital?", f"{capital_en} is the capital of {en}."),
        ]
        if rng.random() < 0.25:
            return Sample("en", key, text=f"{capital(en)} is in {continent_en}, and its capital is {capital_en}.")
    chosen = rng.sample(pairs, rng.choice((1, 1, 2)))
    return Sample("zh" if "？" in pairs[0][0] else "en", key, tuple(turn for pair in chosen for turn in pair))


def animal(rng: Random) -> Sample:
    """Legs, kind, home and food of an animal."""
    zh, en, legs, zh_kind, en_kind, zh_home, en_home, zh_food, en_food = rng.choice(table("animals.tsv"))
    count = int(legs)
    key = f"animal:{en}"
    if _language(rng) == "zh":
        legs_zh = f"{zh}有{numerals.zh_count(count)}条腿" if count else f"{zh}没有腿"
        pairs = [
            (f"{zh}有几条腿？", f"{legs_zh}。"),
            (
                f"{zh}是哪一类动物？",
                f"{zh}是{zh_kind}。" if zh_kind.endswith(("动物", "昆虫")) else f"{zh}属于{zh_kind}类。",
            ),
            (f"{zh}生活在哪里？", f"{zh}生活在{zh_home}。"),
            (f"{zh}吃什么？", f"{zh}吃{zh_food}。"),
        ]
        if rng.random() < 0.25:
            facts = rng.sample([answer[:-1] for _, answer in pairs], 3)
            return Sample("zh", key, text=facts[0] + "".join("，" + fact.removeprefix(zh) for fact in facts[1:]) + "。")
        chosen = rng.sample(pairs, rng.choice((1, 1, 2)))
        return Sample("zh", key, tuple(turn for pair in chosen for turn in pair))
    noun = en.split(" ", 1)[1]
    have = f"{capital(en)} has {numerals.en(count)} legs" if count else f"{capital(en)} has no legs"
    pairs = [
        (f"How many legs does {en} have?", f"{have}."),
        (f"What kind of animal is {en}?", f"{capital(en)} is {indefinite(en_kind)}."),
        (f"Where does {en} live?", f"{capital(en)} lives {en_home}."),
        (f"What does {en} eat?", f"{capital(en)} eats {en_food}."),
    ]
    if rng.random() < 0.25:
        facts = rng.sample([answer[:-1] for _, answer in pairs], 3)
        rest = [fact.removeprefix(capital(en)) for fact in facts[1:]]
        return Sample("en", key, text=f"About the {noun}: {facts[0][0].lower()}{facts[0][1:]},{rest[0]}, and{rest[1]}.")
    chosen = rng.sample(pairs, rng.choice((1, 1, 2)))
    return Sample("en", key, tuple(turn for pair in chosen for turn in pair))
