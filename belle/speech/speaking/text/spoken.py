"""A sentence as it is shown → the words that are said."""

from __future__ import annotations

import re
from typing import Literal

from belle.speech.speaking.text import chinese, english
from belle.speech.speaking.text.cleaning import has_words, plain_width, without_pictures
from belle.speech.speaking.text.sentences import split_sentences

SpokenLanguage = Literal["zh", "en"]

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CHINESE = re.compile(f"[{HAN}，。！？；：、（）【】《》「」％]")
_LATIN = re.compile(r"[A-Za-z]")
_SPACES = re.compile(r"\s+")
_AROUND_HAN = re.compile(f"(?<=[{HAN}，。！？；：、]) (?=[{HAN}，。！？；：、])")
_MARKS = re.compile(r"[*_#`|\\^{}\[\]<>]+")
_DASHES = re.compile(r"\s*(?:—+|--+|–)\s*")
_REPEATED = re.compile(r"([，,。.！!？?；;：:、])\1+")


def language_of(text: str, otherwise: SpokenLanguage = "en") -> SpokenLanguage:
    """`zh` for a text with Chinese characters or punctuation, `en` for one with Latin letters, else `otherwise`."""
    if _CHINESE.search(text):
        return "zh"
    return "en" if _LATIN.search(text) else otherwise


def spoken(sentence: str, language: SpokenLanguage | None = None) -> str:
    """The words of a sentence, with numbers and signs said and without what is only seen; "" where nothing is.

    Args:
        sentence: as it is shown, without Markdown.
        language: in which numbers are said; None for that of the sentence.
    """
    language = language or language_of(sentence)
    text = plain_width(without_pictures(sentence))
    if not has_words(text):
        return ""
    rules = chinese if language == "zh" else english
    text = _MARKS.sub(" ", rules.words(text))
    text = _REPEATED.sub(r"\1", _DASHES.sub("，" if rules is chinese else ", ", text))
    text = _AROUND_HAN.sub("", _SPACES.sub(" ", text)).strip(" ，,、")
    return text if has_words(text) else ""


def sentences_to_say(paragraphs: list[str]) -> list[str]:
    """The sentences of paragraphs, as they are shown, that have anything to say."""
    sentences = (sentence for paragraph in paragraphs for sentence in split_sentences(paragraph))
    return [sentence for sentence in sentences if has_words(without_pictures(sentence))]
