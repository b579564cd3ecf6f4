"""English texts in another tense, person, tone or length."""

from __future__ import annotations

from collections.abc import Sequence

from assets.evaluation.makers.draft import Check, Draft, contains, length, pattern


def _en(question: str, reference: str, rubric: Sequence[str], *checks: Check) -> Draft:
    return Draft("en", question, reference, rubric, checks)


_SAME = "Says the same as the original, with nothing added or left out"

ITEMS: Sequence[Draft] = (
    _en(
        "Rewrite in the past tense: The ferry leaves at dawn, carries forty sheep and comes back empty.",
        "The ferry left at dawn, carried forty sheep and came back empty.",
        [_SAME],
        contains("left", "carried", "came back", none=["leaves", "carries", "comes"]),
    ),
    _en(
        "Put into the passive voice, keeping the doer: A retired dentist painted the whole bandstand in one night.",
        "The whole bandstand was painted in one night by a retired dentist.",
        [_SAME, "Is in the passive voice"],
        pattern("(?i)bandstand was painted"),
        contains("by a retired dentist", "one night"),
    ),
    _en(
        "Change from the first person to the third; the speaker is a woman called Orla: I lost my keys on the moor, so I slept in my van and ate my last apple.",
        "Orla lost her keys on the moor, so she slept in her van and ate her last apple.",
        [_SAME],
        pattern(r"(?s)^(?!.*\b(?:I|my|me)\b).*Orla.*her keys.*she slept.*her van.*her last apple"),
    ),
    _en(
        'Report the speech without quotation marks: "I will repair your roof tomorrow," the carpenter told us.',
        "The carpenter told us that he would repair our roof the next day.",
        ["Tense and pronouns are shifted correctly", "“tomorrow” is changed to the next or following day"],
        contains("carpenter", "would", "our roof", none=["I will", "your roof", '"', "“"]),
    ),
    _en(
        "Join these into one sentence of at most 20 words: The bell is cracked. The village loves it. Nobody wants a new one.",
        "Although the bell is cracked, the village loves it and nobody wants a new one.",
        ["All three facts are kept", "Is one grammatical sentence"],
        pattern("(?i)^(?=[^.]*crack)(?=[^.]*lov)(?=[^.]*(?:nobody|no one|none))[^.]*bell[^.]*[.]?$"),
        length("words", 6, 20),
    ),
    _en(
        "Split into exactly three sentences: Having missed the last train because the clock in the café was wrong, the two brothers walked along the canal until a baker, who was already at work, let them sleep among his flour sacks.",
        "The two brothers missed the last train because the clock in the café was wrong. They walked along the canal. At last a baker, who was already at work, let them sleep among his flour sacks.",
        [_SAME],
        length("sentences", 3, 3),
        contains("canal", "flour", "clock"),
    ),
    _en(
        "Make this polite enough for a letter to a neighbour, and do not use the words stupid, noise or stop: Stop that stupid noise with your drill on Sundays.",
        "May I ask a small favour? On Sundays we would be very grateful if you could leave the drill for another day.",
        ["Asks politely not to drill on Sundays", "Contains no insult or command"],
        pattern(r"(?is)^(?!.*\b(?:stupid|noise|stop)\b)(?=.*drill).*Sunday"),
    ),
    _en(
        "Shorten to at most 15 words and keep the place, the day and what is free: We are absolutely delighted to be able to announce that on the coming Saturday everybody, young or old, can enjoy a boat ride on Mere Pond without paying anything at all.",
        "Boat rides on Mere Pond are free for everybody this Saturday.",
        ["Keeps place, day and the free boat rides"],
        contains("Mere Pond", "Saturday", "boat", some=["free", "no charge", "without paying", "nothing"]),
        length("words", 5, 15),
    ),
    _en(
        "Rewrite for a six-year-old in two or three short sentences, without the words pollinate, nectar or species: Bumblebees of several species pollinate clover while they collect nectar.",
        "Bumblebees visit clover flowers to drink the sweet juice inside. While they drink, they carry yellow dust from flower to flower. That helps new clover to grow.",
        [
            "Explains that the bees take food from the flowers",
            "Explains that the plants are helped",
            "Uses simple words",
        ],
        contains("clover", some=["bee"], none=["pollinate", "nectar", "species"]),
        length("sentences", 2, 3),
    ),
    _en(
        "Turn this note into a formal sentence without contractions: can't make it mon, kid's ill, we'll do thu instead ok?",
        "I am afraid I cannot come on Monday, as my child is ill; would Thursday be convenient instead?",
        ["Gives the reason (an ill child)", "Proposes Thursday instead of Monday", "Is formal in tone"],
        pattern("(?s)^(?!.*['’](?:t|s|ll|re|m|ve)\\b)(?=.*\\b(?:ill|sick|unwell)\\b)(?=.*Monday).*Thursday"),
    ),
    _en(
        "Rewrite as a question that begins with “Who”: The night nurse switched off the radio in ward six.",
        "Who switched off the radio in ward six?",
        ["Asks for the person who did it, and for nothing else"],
        pattern(r"^\W*Who switched off the radio[^.]*\?"),
        contains("ward six", none=["nurse"]),
    ),
    _en(
        "Make this sentence negative without the words not, never and n't: Everybody in the choir remembered the second verse.",
        "Nobody in the choir remembered the second verse.",
        ["Denies that anybody remembered the verse", "The rest of the sentence is unchanged"],
        pattern(
            "(?i)(?:nobody|no one|none) (?:of (?:the people|those|them) )?in the choir remembered the second verse"
        ),
    ),
    _en(
        "Take out all adjectives and write the sentence that is left: A tired young doctor carried a heavy wooden box up the narrow stairs.",
        "A doctor carried a box up the stairs.",
        ["No adjective is left", "Nothing else is changed"],
        contains("a doctor carried a box up the stairs"),
    ),
    _en(
        "Rewrite these instructions as a numbered list with exactly four items: Rinse the lentils, and while they drain, fry an onion in oil. Add both to a litre of water and simmer for half an hour. Salt it only at the end.",
        "1. Rinse the lentils and let them drain.\n2. Meanwhile, fry an onion in oil.\n3. Add both to a litre of water and simmer for half an hour.\n4. Salt it at the end.",
        ["The order of the steps is kept", "No quantity or time is lost"],
        length("lines", 4, 4),
        pattern(r"(?s)^\s*1[.)].*\n\s*2[.)].*\n\s*3[.)].*\n\s*4[.)]"),
        contains("lentils", "onion", "litre", "half an hour", "salt"),
    ),
    _en(
        "Correct the spelling and grammar, and change nothing else: Their is to many wasp's in the cellar, and me and my sister has been stung twise.",
        "There are too many wasps in the cellar, and my sister and I have been stung twice.",
        ["All mistakes are corrected", "The meaning is unchanged"],
        contains("there are too many wasps", "have been stung twice", none=["wasp's", "twise"]),
    ),
    _en(
        "Rewrite as a headline of at most eight words, without a full stop, that names the river: After eleven years of work, volunteers yesterday released the first salmon into the cleaned river Dray.",
        "Salmon return to river Dray after eleven years",
        ["Says that salmon are back in the river", "Reads like a headline"],
        pattern(r"(?i)^(?=.*salmon)(?=.*\bDray\b).*[^.\s]\s*$"),
        length("words", 4, 8),
    ),
    _en(
        "Rewrite the complaint so that every sentence begins with “I”: Your hotel is filthy. You lied about the view. The soup was cold.",
        "I found the hotel dirty. I was told something about the view that was not true. I was served cold soup.",
        ["All three complaints are kept", "Each sentence begins with I", "The tone is calmer than the original"],
        length("sentences", 3, 4),
        pattern(r"^\W*I\b[^.]*\.\s+I\b[^.]*\.\s+I\b"),
        contains("view", "soup"),
    ),
    _en(
        "Replace “said” each time by a different verb, so that the word does not occur any more: “It is snowing,” said Mina. “Again?” said Tove. “Shut the door,” said the old man. Keep the quotations as they are.",
        "“It is snowing,” whispered Mina. “Again?” asked Tove. “Shut the door,” growled the old man.",
        ["Three different verbs of speaking are used", "Each verb fits what is said"],
        contains("It is snowing", "Again?", "Shut the door", "Mina", "Tove", none=["said"]),
    ),
    _en(
        "Rewrite from the point of view of the dog, in the first person, in two to four sentences: A woman threw a stick into the lake. Her dog looked at it, lay down and went to sleep.",
        "She threw a stick into the lake and looked at me. I looked at the stick. It was her stick, not mine, so I lay down and slept.",
        ["The dog tells the story in the first person", "Stick, lake and falling asleep all occur"],
        pattern(r"\b(?:I|me|my)\b"),
        contains("stick", "lake", none=["her dog"]),
        length("sentences", 2, 4),
    ),
    _en(
        "Write this in plain English, in one sentence of at most 14 words: It is hereby brought to the attention of all patrons that the utilisation of the upper deck is prohibited subsequent to nightfall.",
        "You must not use the upper deck after dark.",
        ["Says that the upper deck may not be used at night", "Uses everyday words"],
        contains("upper deck", none=["hereby", "utilisation", "subsequent", "patrons"]),
        length("words", 5, 14),
    ),
)
