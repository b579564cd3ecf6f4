"""The words that are said → a string of Kokoro's phonemes, in which Chinese and English may take turns."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cached_property

from belle import paths
from belle.environment import check_packages
from belle.speech.speaking.phonemes.english_sounds import EnglishSounds
from belle.speech.speaking.phonemes.pinyin import phonemes_of
from belle.speech.speaking.text.spoken import HAN

_PIECES = re.compile(rf"(?P<han>[{HAN}]+)|(?P<latin>[A-Za-zÀ-ɏ]+(?:['’][A-Za-z]+)?)|(?P<other>.)", re.DOTALL)
_PUNCTUATION = {
    "，": ", ", "、": ", ", "。": ". ", "｡": ". ", "！": "! ", "：": ": ", "；": "; ", "？": "? ", "…": "… ",
    ",": ", ", ".": ". ", "!": "! ", ":": ": ", ";": "; ", "?": "? ", "—": "—", "–": "—", "\n": ". ", "-": " ",
    "“": " “", "”": "” ", "「": " “", "」": "” ", "《": " “", "》": "” ", "【": " “", "】": "” ", '"': '"',
    "(": " (", ")": ") ", "（": " (", "）": ") ",
}  # fmt: skip
_BEFORE_MARK = re.compile(r"\s+(?=[,.!?:;…)”])")


class Phonemizer:
    """Says texts. Raises KnownError("missing_package") without the packages of the extra `speak`."""

    def __init__(self) -> None:
        check_packages("Speaking with Kokoro’s voices", "jieba", "misaki", "pypinyin")
        import jieba
        from pypinyin import Style, lazy_pinyin

        jieba.setLogLevel("ERROR")
        # It keeps its dictionary in a file, which is read with `marshal`: not in a folder that others can write to.
        with suppress(OSError):
            jieba.dt.tmp_dir = str(paths.private_folder(paths.word_dictionary_dir()))
        self._words = jieba.lcut
        self._pinyin = lazy_pinyin
        self._style = Style.TONE3

    @cached_property
    def _english(self) -> EnglishSounds:
        return EnglishSounds()

    def phonemes(self, words: str) -> str:
        """The phonemes of words without digits (`belle.speech.speaking.text.spoken`); "" where nothing can be said."""
        said = "".join(self._piece(match) for match in _PIECES.finditer(words))
        said = _BEFORE_MARK.sub("", re.sub(r"\s+", " ", said)).strip()
        return said if re.search(r"\w", said) else ""

    def _piece(self, match: re.Match[str]) -> str:
        if han := match["han"]:
            return " " + " ".join(filter(None, map(self._chinese, self._words(han)))) + " "
        if latin := match["latin"]:
            return f" {self._english.phonemes_of(latin)} "
        return _PUNCTUATION.get(match["other"], " ")

    def _chinese(self, word: str) -> str:
        """The phonemes of a word; which pinyin a character has depends on its word."""
        return "".join(
            phonemes_of(syllable)
            for syllable in self._pinyin(word, style=self._style, neutral_tone_with_five=True, errors="ignore")
        )
