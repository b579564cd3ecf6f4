"""English words → the phonemes of Kokoro: from misaki's dictionaries, else from parts of the word, else by spelling.

The dictionaries are data inside the package misaki; its code for English needs spaCy and is not used.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from belle.documents import parse_json

_DICTIONARIES = ("us_silver.json", "us_gold.json")  # the later one has precedence
_LETTERS = {
    "a": "ˈA", "b": "bˈi", "c": "sˈi", "d": "dˈi", "e": "ˈi", "f": "ˈɛf", "g": "ʤˈi", "h": "ˈAʧ", "i": "ˈI", "j": "ʤˈA",
    "k": "kˈA", "l": "ˈɛl", "m": "ˈɛm", "n": "ˈɛn", "o": "ˈO", "p": "pˈi", "q": "kjˈu", "r": "ˈɑɹ", "s": "ˈɛs",
    "t": "tˈi", "u": "jˈu", "v": "vˈi", "w": "dˈʌbᵊlju", "x": "ˈɛks", "y": "wˈI", "z": "zˈi",
}  # fmt: skip
# As they are said inside a sentence, and not alone, as the dictionary has them.
_UNSTRESSED = {"a": "ɐ", "the": "ðə", "to": "tə", "of": "əv", "and": "ænd", "i": "ˌI"}
_OWN = {"wifi": "wˈIfˌI", "qt": "kjˈut", "gui": "ɡˈui", "gguf": "ʤˈiʤˈijˈuˈɛf"}
_LONGEST_ABBREVIATION = 4
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[A-Z]")

# How a spelling that no dictionary has is said, the longest first (General American).
_SPELLINGS = (
    ("tion", "ʃən"), ("sion", "ʒən"), ("ture", "ʧəɹ"), ("ough", "O"), ("augh", "ɔ"), ("eigh", "A"),
    ("igh", "I"), ("tch", "ʧ"), ("dge", "ʤ"), ("sch", "sk"), ("eau", "O"), ("ing", "ɪŋ"),
    ("ch", "ʧ"), ("sh", "ʃ"), ("th", "θ"), ("ph", "f"), ("wh", "w"), ("ck", "k"), ("ng", "ŋ"), ("qu", "kw"),
    ("gh", "ɡ"),
    ("kn", "n"), ("wr", "ɹ"), ("ee", "i"), ("ea", "i"), ("oo", "u"), ("ou", "W"), ("ow", "O"), ("oi", "Y"), ("oy", "Y"),
    ("ai", "A"), ("ay", "A"), ("au", "ɔ"), ("aw", "ɔ"), ("ie", "i"), ("ei", "A"), ("ey", "i"), ("oa", "O"), ("ue", "u"),
    ("ew", "u"), ("ar", "ɑɹ"), ("er", "əɹ"), ("ir", "ɜɹ"), ("or", "ɔɹ"), ("ur", "ɜɹ"), ("ce", "s"), ("ci", "sɪ"),
    ("cy", "si"), ("ge", "ʤ"),
    ("a", "æ"), ("b", "b"), ("c", "k"), ("d", "d"), ("e", "ɛ"), ("f", "f"), ("g", "ɡ"), ("h", "h"), ("i", "ɪ"),
    ("j", "ʤ"), ("k", "k"), ("l", "l"), ("m", "m"), ("n", "n"), ("o", "ɑ"), ("p", "p"), ("q", "k"), ("r", "ɹ"),
    ("s", "s"), ("t", "t"), ("u", "ʌ"), ("v", "v"), ("w", "w"), ("x", "ks"), ("y", "i"), ("z", "z"),
)  # fmt: skip
_VOICELESS = "ptkfθ"
_SIBILANT = "szʃʒʧʤ"


class EnglishSounds:
    """Says English words. Raises ModuleNotFoundError without the package misaki, whose dictionaries are read here."""

    def __init__(self) -> None:
        self._words: dict[str, Any] = {}
        for name in _DICTIONARIES:
            self._words |= parse_json((files("misaki") / "data" / name).read_text("utf-8"))

    def phonemes_of(self, word: str) -> str:
        """The phonemes of a word of Latin letters, perhaps with an apostrophe. Never empty for a letter."""
        word = word.replace("’", "'").strip("'")
        return self._known(word) or " ".join(filter(None, map(self._part, _PARTS.findall(_plain(word)))))

    def _part(self, part: str) -> str:
        """Of a part of a compound such as `ChatBELLE`."""
        if len(part) == 1:
            return _LETTERS[part.casefold()]
        return self._known(part) or _spelled(part.casefold())

    def _known(self, word: str) -> str:
        """By the dictionaries, with endings; letters one by one for an abbreviation; "" for an unknown word."""
        lower = word.casefold()
        if lower in _UNSTRESSED and (word == lower or word in ("A", "I", "The", "To", "Of", "And")):
            return _UNSTRESSED[lower]
        if lower in _OWN:
            return _OWN[lower]
        if exact := self._entry(word):
            return exact
        stem, _, ending = word.partition("'")
        if (stem.isupper() and 1 < len(stem) <= _LONGEST_ABBREVIATION) or not re.search("[aeiouy]", lower):
            letters = "".join(_LETTERS[letter] for letter in stem.casefold() if letter in _LETTERS)
            return _with_s(letters) if ending == "s" and letters else letters
        return self._entry(lower) or self._entry(lower.capitalize()) or self._with_ending(lower)

    def _entry(self, word: str) -> str:
        entry = self._words.get(word)
        return str(entry.get("DEFAULT") or "") if isinstance(entry, dict) else entry or ""

    def _with_ending(self, word: str) -> str:
        for ending, stems in (("'s", ("",)), ("s", ("",)), ("es", ("",)), ("ies", ("y",)), ("ed", ("", "e")),
                              ("ing", ("", "e")), ("ly", ("",)), ("er", ("", "e")), ("n't", ("",))):  # fmt: skip
            if not word.endswith(ending) or len(word) < len(ending) + 2:
                continue
            for letters in stems:
                if sounds := self._entry(word.removesuffix(ending) + letters):
                    return _ended(sounds, ending)
        return ""


def _ended(sounds: str, ending: str) -> str:
    """The sounds of a word with an ending, as the last sound wants it: cats, dogs, wishes; wished, waited, played."""
    if ending.endswith("s"):
        return _with_s(sounds)
    if ending == "ed":
        return sounds + ("ᵻd" if sounds[-1] in "td" else "t" if sounds[-1] in _VOICELESS + _SIBILANT else "d")
    return sounds + {"ing": "ɪŋ", "ly": "li", "er": "əɹ", "n't": "ᵊnt"}[ending]


def _with_s(sounds: str) -> str:
    return sounds + ("ᵻz" if sounds[-1] in _SIBILANT else "s" if sounds[-1] in _VOICELESS else "z")


def _plain(word: str) -> str:
    """`word` without accents and whatever is no Latin letter."""
    import unicodedata

    return "".join(letter for letter in unicodedata.normalize("NFKD", word) if letter.isascii() and letter.isalpha())


def _spelled(word: str) -> str:
    """The sounds of an unknown word by its spelling, with the stress at its first vowel."""
    # A final e is not said, and makes the vowel before it long only in words that the dictionary has.
    rest = word[:-1] if len(word) > 3 and word.endswith("e") and word[-2] not in "aeiou" else word
    sounds = ""
    while rest:
        spelling, sound = next((row for row in _SPELLINGS if rest.startswith(row[0])), (rest[0], ""))
        is_double = len(spelling) == 1 and rest[1:2] == spelling and spelling not in "aeiou"
        sounds += sound
        rest = rest[len(spelling) + is_double :]
    return re.sub("(?=[AIOWYæɑɔəɛɜiɪuʌ])", "ˈ", sounds, count=1)
