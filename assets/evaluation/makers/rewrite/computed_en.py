"""Rewriting in English whose result is computed: order, names, dates, formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from random import Random

from assets.evaluation.makers.draft import Draft, contains, pattern, value_schema
from assets.evaluation.makers.extract.pools import clock, english_names


def turned_round() -> list[Draft]:
    """Sentences in the opposite order, names exchanged, lines sorted."""
    rng = Random("rewrite:order")  # noqa: S311 - not a secret
    sentences = [
        "The kettle began to sing.",
        "Somebody knocked at the back door.",
        "The dog did not bark.",
        "Rain ran down the window in two straight lines.",
    ]
    a, b = (name.split()[0] for name in english_names(rng, 2))
    story = "{a} lent {b} a ladder in May. In June {b} fell off it, and {a} brought soup every evening. By July {b} could walk again, but {a} still has the ladder."
    plants = rng.sample(("yarrow", "borage", "lovage", "chervil", "sorrel", "tansy"), 5)
    people = [
        f"{name}, {count} votes"
        for name, count in zip(english_names(rng, 4), rng.sample(range(11, 90), 4), strict=True)
    ]
    ranked = sorted(people, key=lambda row: -int(row.split(", ")[1].split()[0]))
    return [
        Draft("en", f"Write the sentences of this paragraph in reverse order, without changing any of them:\n\n{' '.join(sentences)}", " ".join(reversed(sentences)), checks=[contains(" ".join(reversed(sentences)))]),
        Draft("en", f"{story.format(a=a, b=b)}\n\nSwap the two people: {a} becomes {b} and {b} becomes {a} everywhere. Change nothing else.", story.format(a=b, b=a), checks=[contains(story.format(a=b, b=a))]),
        Draft("en", f"Put this list into alphabetical order and write it on one line, separated by commas: {'; '.join(plants)}", ", ".join(sorted(plants)), checks=[contains(", ".join(sorted(plants)))]),
        Draft("en", "Rank these results from the most votes to the fewest, one on a line, otherwise unchanged:\n" + "\n".join(people), "\n".join(ranked), checks=[contains("\n".join(ranked))]),
    ]  # fmt: skip


def formats() -> list[Draft]:
    """Sentences become JSON, dates become ISO dates, a table becomes lines."""
    rng = Random("rewrite:formats")  # noqa: S311 - not a secret
    boats = [
        {"name": name, "berths": rng.randint(2, 12), "year": rng.randint(1931, 1999)}
        for name in ("Curlew", "Marigold", "Old Tom")
    ]
    text = " ".join(f"{row['name']} was built in {row['year']} and has {row['berths']} berths." for row in boats)
    days = [date(rng.randint(1890, 1999), rng.randint(1, 12), rng.randint(13, 28)) for _ in range(3)]
    days.sort()
    spoken = [f"{day.day} {day.strftime('%B')} {day.year}" for day in days]
    events = ("The mill burned down on {}, opened again on {} and closed for good on {}.").format(*spoken)
    rows = [("Mon", "yoga", clock(rng.randrange(1020, 1200, 15))), ("Wed", "chess", clock(rng.randrange(1020, 1200, 15))), ("Fri", "choir", clock(rng.randrange(1020, 1200, 15)))]  # fmt: skip
    table = "| day | club | start |\n|---|---|---|\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
    lines = [f"{club} ({day}, {start})" for day, club, start in rows]
    menu = {"starter": "leek soup", "main": ["trout", "nut roast"], "dessert": "quince tart"}
    return [
        Draft("en", f'Rewrite as a JSON array of objects with the keys "name", "berths" and "year" (the last two are integers), in the order of the text, and output the JSON only: {text}', json.dumps(boats), checks=[{"type": "json", "schema": value_schema(boats)}]),
        Draft("en", f"{events}\n\nRewrite the sentence with all dates in the form YYYY-MM-DD and leave the rest as it is.", events.replace(spoken[0], days[0].isoformat()).replace(spoken[1], days[1].isoformat()).replace(spoken[2], days[2].isoformat()), checks=[contains("The mill burned down", *(day.isoformat() for day in days), none=spoken)]),
        Draft("en", f'{table}\n\nTurn the table into three lines of the form "club (day, start)", such as "judo (Tue, 18:00)".', "\n".join(lines), checks=[contains(*lines, none=["|"])]),
        Draft("en", f"{json.dumps(menu)}\n\nWrite this menu as one sentence that a waiter could say. Use everything in it.", "Today we start with leek soup, then there is trout or nut roast, and quince tart for dessert.", ["Is one natural spoken sentence", "Presents trout and nut roast as a choice"], [contains("leek soup", "trout", "nut roast", "quince tart", none=["{", "}", "["])]),
    ]  # fmt: skip


def cleaned() -> list[Draft]:
    """Capitals, repetitions and personal data are taken care of."""
    rng = Random("rewrite:cleaned")  # noqa: S311 - not a secret
    people = english_names(rng, 2)
    mails = [f"{person.split()[1].lower()}@example.org" for person in people]
    text = f"Please write to {people[0]} ({mails[0]}) or, after the 12th, to {people[1]} ({mails[1]})."
    hidden = text.replace(mails[0], "[email]").replace(mails[1], "[email]")
    shouted = "THE LAST BUS TO HARROW END LEAVES AT TEN. DOGS MUST BE KEPT ON A LEAD."
    calm = "The last bus to Harrow End leaves at ten. Dogs must be kept on a lead."
    lines = ["check the oil", "lock the shed", "check the oil", "feed the geese", "lock the shed", "wind the clock"]
    unique = list(dict.fromkeys(lines))
    return [
        Draft("en", f'Replace every e-mail address in the text by "[email]" and copy the rest:\n{text}', hidden, checks=[contains(hidden, none=mails)]),
        Draft("en", f"Rewrite with ordinary capital and small letters; Harrow End is the name of a place.\n\n{shouted}", calm, checks=[pattern("The last bus to Harrow End leaves at ten"), pattern("Dogs must be kept on a lead")]),
        Draft("en", "Remove the lines that repeat an earlier one and number the others like this: 1. …\n\n" + "\n".join(lines), "\n".join(f"{place}. {line}" for place, line in enumerate(unique, 1)), checks=[contains("\n".join(f"{place}. {line}" for place, line in enumerate(unique, 1)))]),
    ]  # fmt: skip


MAKERS: Sequence[Callable[[], list[Draft]]] = (turned_round, formats, cleaned)
"""The kinds of rewriting in this file."""
