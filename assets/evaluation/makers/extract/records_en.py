"""Texts in English: bookings, invoices, job advertisements, lost property, recipes, walks, minutes."""

from __future__ import annotations

from random import Random

from assets.evaluation.makers.extract.pools import clock, day, english_names
from assets.evaluation.makers.extract.record import Record, as_json, as_name, as_number, as_text

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def booking(rng: Random) -> Record:
    """A confirmation of a stay."""
    guest = english_names(rng, 1)[0]
    when, nights = day(rng, 2025), rng.randint(2, 9)
    rate, extra, guests = rng.randrange(58, 170, 2), rng.choice((7, 9, 12)), rng.randint(2, 4)
    code = f"{''.join(rng.sample('BCDFGHKLMNPRT', 3))}{rng.randint(1000, 9999)}"
    house = rng.choice(("The Heron", "Mill House", "Harbour Rest", "Old Post Inn", "Larkfield Lodge"))
    arrive, leave = rng.choice((840, 900, 930)), rng.choice((600, 630, 660))
    text = rng.choice(
        (
            ("Dear {guest},\nthank you for booking with {house}. Your reference is {code}. We expect {guests} guests on {date} for {nights} nights at "
            "{rate} euros a night. Breakfast is {extra} euros per person and day and can be ordered at the desk. Rooms are ready from {arrive}; please leave by {leave}."),
            ("{house} – booking {code}\nHello {guest}, this is to confirm {nights} nights from {date}, {guests} people, {rate} euros per night without breakfast "
            "(that would be {extra} euros each per day). You can check in after {arrive} and have to check out before {leave}. See you soon!"),
        )
    ).format(guest=guest, house=house, code=code, guests=guests, date=f"{when.day} {_MONTHS[when.month - 1]} 2025", nights=nights, rate=rate, extra=extra, arrive=clock(arrive), leave=clock(leave))  # fmt: skip
    return Record(
        text,
        (
            as_json('Extract from the message above a JSON object with the keys "reference", "arrival" (YYYY-MM-DD), "nights" (integer) and "guests" (integer). Output the JSON only.', {"reference": code, "arrival": when.isoformat(), "nights": nights, "guests": guests}),
            as_number("What does the whole stay below cost without breakfast, in euros? Give the number only.", nights * rate),
            as_text("By what time do the guests have to be out on the last day? Give the time only, as in the text.", clock(leave), none=[clock(arrive)]),
            as_text("What is the name of the place where the guests will stay? Give the name only.", house, none=[guest, code]),
        ),
    )  # fmt: skip


def invoice(rng: Random) -> Record:
    """An invoice of a workshop."""
    firm, client = (
        rng.choice(("Brightwell Joinery", "Copper & Pine", "Fenwick Bindery", "Sable Ironworks")),
        english_names(rng, 1)[0],
    )
    lines = rng.sample((("Oak shelf", 64), ("Cutting, per hour", 38), ("Brass hinge", 7), ("Delivery", 25), ("Varnish, tin", 19), ("Window frame", 145), ("Sanding, per hour", 31), ("Steel bracket", 11)), 4)  # fmt: skip
    counts = [rng.randint(1, 6) for _ in lines]
    amounts = [price * count for (_, price), count in zip(lines, counts, strict=True)]
    number, when = f"{rng.randint(2019, 2024)}-{rng.randint(100, 999)}", day(rng, 2024)
    term, paid = rng.choice((14, 21, 30)), rng.randrange(20, 60, 5)
    rows = "\n".join(
        f"{name} | {count} x {price}.00 | {amount}.00"
        for (name, price), count, amount in zip(lines, counts, amounts, strict=True)
    )
    text = (
        f"{firm}\nInvoice {number} for {client}, {when.day} {_MONTHS[when.month - 1]} 2024\n{rows}\nTotal {sum(amounts)}.00\n"
        f"Deposit received {paid}.00\nPlease pay the rest within {term} days."
    )
    items = [name for name, _ in lines]
    top = items[amounts.index(max(amounts))]
    return Record(
        text,
        (
            as_json('Turn the lines of the invoice above into a JSON array of objects with the keys "item", "quantity" and "amount" (numbers), in order. Output the JSON only.', [{"item": name, "quantity": count, "amount": amount} for name, count, amount in zip(items, counts, amounts, strict=True)]),
            as_number("How much does the client below still have to pay? Give the number only.", sum(amounts) - paid),
            as_name("Which line of this invoice has the largest amount? Give its name only.", top, [name for name in items if name != top]),
            as_json('From the invoice below, output only a JSON object with the keys "number", "client" and "days_to_pay" (integer).', {"number": number, "client": client, "days_to_pay": term}),
        ),
    )  # fmt: skip


def vacancy(rng: Random) -> Record:
    """An advertisement for a job."""
    job, place = (
        rng.choice(("beekeeper", "night librarian", "bike mechanic", "sign painter", "ferry guide", "pastry cook")),
        rng.choice(("Tarn Bridge", "Eastmoor", "Port Ansel", "Quill Bay", "Low Harrow")),
    )
    hours, pay = rng.choice((16, 20, 24, 30)), rng.randint(13, 24)
    must = rng.sample(
        ("a driving licence", "fluent Spanish", "a first-aid certificate", "two years of experience", "your own tools"),
        2,
    )
    nice = rng.choice(("a good singing voice", "some sign language", "knowledge of local birds", "an eye for colour"))
    when, contact = day(rng, 2025), english_names(rng, 1)[0]
    mail = f"{contact.split()[0].lower()}@jobs.example.org"
    text = rng.choice(
        (
            ("We are looking for a {job} in {place}, {hours} hours a week, {pay} pounds an hour. You need {one} and {two}; {nice} would be a bonus. "
            "Send a short letter, no photograph, to {contact} ({mail}) by {date}."),
            ("Wanted: {job} ({place}). Our team is small and the work is varied. The post is part-time: {hours} hours weekly at {pay} pounds per hour. "
            "Applicants must have {one}, also {two}. We would be glad of {nice}, but it is not required. Closing date {date}; write to {mail} for the attention of {contact}."),
        )
    ).format(job=job, place=place, hours=hours, pay=pay, one=must[0], two=must[1], nice=nice, contact=contact, mail=mail, date=f"{when.day} {_MONTHS[when.month - 1]} 2025")  # fmt: skip
    return Record(
        text,
        (
            as_json('From the advertisement above, output only a JSON object with the keys "job", "place", "hours_per_week" and "pay_per_hour" (integers).', {"job": job, "place": place, "hours_per_week": hours, "pay_per_hour": pay}),
            as_json("What is required, not only welcome? Output only a JSON array of the two requirements, in the words of the text and in its order.", must),
            as_number("How many pounds does one earn in a week in this job? Give the number only.", hours * pay),
            as_text("Until when can people apply? Give the date only, as YYYY-MM-DD.", when.isoformat(), none=[mail]),
        ),
    )  # fmt: skip


def lost_property(rng: Random) -> Record:
    """What was found on a railway."""
    things = rng.sample(("umbrella", "violin case", "child's scooter", "laptop bag", "straw hat", "walking stick", "lunch box", "pair of glasses"), 5)  # fmt: skip
    colours = [rng.choice(("red", "black", "green", "grey", "striped")) for _ in things]
    lines = rng.sample(("Line 2", "Line 5", "Line 7", "Line 9", "Line 12"), 5)
    dates = sorted(rng.sample(range(2, 29), 5))
    shelf = [f"{rng.choice('ABCDE')}{rng.randint(1, 30)}" for _ in things]
    gone, month = rng.randrange(5), rng.choice(_MONTHS)
    rows = []
    for place, (thing, colour, line, on, where) in enumerate(zip(things, colours, lines, dates, shelf, strict=True)):
        state = f"collected on {on + 1} {month}." if place == gone else f"shelf {where}."
        rows.append(
            rng.choice(
                ("{on} {month}: {colour} {thing}, {line}, {state}", "{on} {month}, {line}: {thing} ({colour}), {state}")
            ).format(on=on, month=month, colour=colour, thing=thing, line=line, state=state)
        )
    one = rng.choice([place for place in range(5) if place != gone])
    return Record(
        "Lost property office\n" + "\n".join(rows),
        (
            as_name("Which thing in the list has been collected already? Name it only.", things[gone], [thing for thing in things if thing != things[gone]]),
            as_json(f'Output only a JSON object about the {things[one]} with the keys "colour", "line" (as in the text) and "shelf".', {"colour": colours[one], "line": lines[one], "shelf": shelf[one]}),
            as_json("Output only a JSON array with the shelf numbers of all things that are still there, in the order of the list.", [where for place, where in enumerate(shelf) if place != gone]),
            as_number("How many days lie between the first find and the last one in the list below? Give the number only.", dates[-1] - dates[0]),
        ),
    )  # fmt: skip


def recipe(rng: Random) -> Record:
    """A recipe told in sentences."""
    dish = rng.choice(("plum bake", "Sunday pudding", "oat slice", "winter cake", "harvest pie"))
    stock = rng.sample((("oats", "g"), ("flour", "g"), ("butter", "g"), ("water", "ml"), ("cream", "ml"), ("sugar", "g"), ("plums", "g")), 4)  # fmt: skip
    amounts = rng.sample(range(50, 600, 25), 4)
    soak, bake, rest, serves = (
        rng.randrange(10, 50, 5),
        rng.randrange(25, 80, 5),
        rng.randrange(5, 20, 5),
        rng.randint(3, 8),
    )
    heat = rng.choice((160, 175, 180, 190))
    listed = [f"{amount} {unit} of {name}" for (name, unit), amount in zip(stock, amounts, strict=True)]
    text = (
        f"My aunt's {dish} feeds {serves}. Mix {listed[0]} with {listed[1]} and let it stand for {soak} minutes. "
        f"{rng.choice(('Meanwhile warm', 'In the meantime measure out', 'While you wait, prepare'))} {listed[2]}, then stir everything together. "
        f"Add {listed[3]} last. It goes into the oven at {heat} degrees for {bake} minutes and should cool for {rest} minutes before you cut it."
    )
    return Record(
        text,
        (
            as_json('List the ingredients in the text above as a JSON array of objects with the keys "name", "amount" (number) and "unit", in the order of the text. Output the JSON only.', [{"name": name, "amount": amount, "unit": unit} for (name, unit), amount in zip(stock, amounts, strict=True)]),
            as_number("How many minutes do standing, baking and cooling take together? Give the number only.", soak + bake + rest),
            as_json('From the recipe above, output only a JSON object with the keys "serves", "oven_degrees" and "baking_minutes" (integers).', {"serves": serves, "oven_degrees": heat, "baking_minutes": bake}),
            as_name("Which ingredient goes in last? Name it only, without the amount.", stock[3][0], [name for name, _ in stock[:3]]),
        ),
    )  # fmt: skip


def walk(rng: Random) -> Record:
    """Walks of a club in the coming weeks."""
    leaders = english_names(rng, 4)
    hills = rng.sample(("Raven Edge", "Cold Pike", "Hollow Down", "Swan Fell", "Thorn Rise", "Mossy Law"), 4)
    miles = rng.sample(range(4, 17), 4)
    starts = [rng.randrange(8 * 60, 11 * 60, 15) for _ in hills]
    dogs = [rng.random() < 0.5 for _ in hills]
    dogs[0], dogs[1] = True, False
    rows = [
        rng.choice(
            (
                "{hill}, {miles} miles, meet {leader} at {start}; {dogs}.",
                "{leader} leads {miles} miles over {hill} from {start} ({dogs}).",
                "{hill} with {leader}: start {start}, {miles} miles, {dogs}.",
            )
        ).format(
            hill=hill,
            miles=mile,
            leader=leader,
            start=clock(start),
            dogs="dogs welcome" if dog else "no dogs, sheep on the path",
        )
        for hill, mile, leader, start, dog in zip(hills, miles, leaders, starts, dogs, strict=True)
    ]
    longest = hills[miles.index(max(miles))]
    return Record(
        "Saturday walks\n" + "\n".join(f"Week {place}: {row}" for place, row in enumerate(rows, 1)),
        (
            as_name("Which of the walks is the longest? Name the hill only.", longest, [hill for hill in hills if hill != longest]),
            as_json("Output only a JSON object from each hill to its miles (integers).", dict(zip(hills, miles, strict=True))),
            as_json("On which walks may dogs come along? Output only a JSON array of the hills, in order.", [hill for hill, dog in zip(hills, dogs, strict=True) if dog]),
            as_name("Who leads the walk in week 3 of the programme below? Give the full name only.", leaders[2], [leader for leader in leaders if leader != leaders[2]]),
        ),
    )  # fmt: skip


def handover(rng: Random) -> Record:
    """The notes of a night shift in a home."""
    people = english_names(rng, 4)
    rooms = rng.sample(range(11, 49), 4)
    events = rng.sample(("asked for an extra blanket", "could not sleep and had warm milk", "has lost a hearing aid", "took the tablets late", "will be visited by a daughter", "did not want supper"), 4)  # fmt: skip
    times = sorted(rng.sample(range(21 * 60, 24 * 60, 5), 4))
    pressure = rng.randrange(4)
    top, low = rng.randint(118, 165), rng.randint(70, 95)
    rows = [
        f"{clock(at)} – {person} (room {room}) {event}."
        + (f" Blood pressure {top}/{low}." if place == pressure else "")
        for place, (at, person, room, event) in enumerate(zip(times, people, rooms, events, strict=True))
    ]
    nurse = rng.choice(("Sam", "Toni", "Uma", "Vic"))
    text = (
        f"Night notes, {nurse}\n"
        + "\n".join(rows)
        + f"\nTo do: call the {rng.choice(('pharmacy', 'optician', 'kitchen'))} at 8."
    )
    asked = rng.randrange(4)
    return Record(
        text,
        (
            as_json('Turn the notes above into a JSON array of objects with the keys "time", "resident" (full name) and "room" (integer), in order. Output the JSON only.', [{"time": clock(at), "resident": person, "room": room} for at, person, room in zip(times, people, rooms, strict=True)]),
            as_name("Whose blood pressure was taken? Give the full name only.", people[pressure], [person for person in people if person != people[pressure]]),
            as_number(f"In which room is the resident who {events[asked]}? Give the number only.", rooms[asked]),
            as_json('Output only a JSON object with the keys "systolic" and "diastolic" (integers): the two values of the blood pressure in the notes below, the higher one first.', {"systolic": top, "diastolic": low}),
        ),
    )  # fmt: skip


def orders(rng: Random) -> Record:
    """A chat in which a group agrees on a lunch."""
    people = [name.split()[0] for name in english_names(rng, 4)]
    soups = rng.sample(
        ("pumpkin soup", "falafel wrap", "noodle salad", "cheese toastie", "fish pie", "veggie burger"), 4
    )
    changed = rng.randrange(4)
    new = rng.choice(("rice bowl", "bean chilli", "leek quiche"))
    collector = rng.choice(people)
    at = rng.choice((735, 750, 765, 780))
    prices = rng.sample(range(5, 12), 4)
    lines = [
        f"{person}: {rng.choice(('I take the {}, {} euros', '{} for me please, that is {} euros', 'one {} ({} euros)'))}".format(
            soup, price
        )
        for person, soup, price in zip(people, soups, prices, strict=True)
    ]
    lines.append(f"{people[changed]}: sorry, make mine a {new} instead, same price")
    lines.append(f"{collector}: ok, I pick everything up at {clock(at)}")
    final = dict(zip(people, soups, strict=True)) | {people[changed]: new}
    return Record(
        "\n".join(lines),
        (
            as_json("What does each person get in the end? Output only a JSON object from names to dishes.", final),
            as_name("Who fetches the food in the chat below? Give the name only.", collector, [person for person in people if person != collector]),
            as_number("How many euros does the whole lunch cost? Give the number only.", sum(prices)),
            as_name("Which dish was ordered first and then given up? Name the dish only.", soups[changed], [soup for soup in [*soups, new] if soup != soups[changed]]),
        ),
    )  # fmt: skip


KINDS = (booking, invoice, vacancy, lost_property, recipe, walk, handover, orders)
"""The kinds of text in this file."""
