"""Chinese and English words as the phonemes of Kokoro."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.speech.speaking.phonemes.pinyin import phonemes_of
from belle.speech.speaking.text.spoken import spoken
from belle.speech.speaking.voices.kokoro import SYMBOLS

PINYIN = {
    "hao3": "xau↓", "zhong1": "ꭧʊ→ŋ", "shi4": "ʂɨ↘", "zi5": "ʦɨ", "xu4": "ɕy↘", "quan2": "ʨʰɥɛ↗n", "lve4": "lɥe↘",
    "nv3": "ny↓", "er2": "ɚ↗", "yi1": "i→", "wu3": "u↓", "yue4": "ɥe↘", "wen2": "wə↗n", "gui4": "kwei↘",
    "liu2": "ljou↗", "jiong3": "ʨjʊ↓ŋ", "bo1": "pwo→", "o2": "ɔ↗", "ri4": "ɻɨ↘", "yuan2": "ɥɛ↗n", "ng2": "ŋ↗",
}  # fmt: skip


@pytest.mark.parametrize(("syllable", "phonemes"), PINYIN.items())
def test_a_syllable_has_these_phonemes(syllable: str, phonemes: str) -> None:
    assert phonemes_of(syllable) == phonemes


@given(st.text(st.sampled_from("abcdefghilmnopqrstuvwxyzü012345"), max_size=6))
def test_what_is_not_a_syllable_is_silent_and_never_fails(text: str) -> None:
    assert set(phonemes_of(text)) <= set(SYMBOLS)


@pytest.fixture(scope="module")
def phonemizer() -> object:
    for name in ("jieba", "misaki", "pypinyin"):
        pytest.importorskip(name, reason="needs the extra “speak”")
    from belle.speech.speaking.phonemes.phonemizer import Phonemizer

    return Phonemizer()


def test_every_pinyin_of_every_character_has_phonemes(phonemizer: object) -> None:
    from pypinyin import Style, pinyin

    characters = [chr(code) for code in range(0x4E00, 0x9FA6)]
    readings = {
        reading
        for row in pinyin(characters, style=Style.TONE3, heteronym=True, neutral_tone_with_five=True, errors="ignore")
        for reading in row
    }
    assert len(readings) > 1000
    assert [reading for reading in readings if not phonemes_of(reading)] in ([], ["wong4"])


SAID = {
    "今天天气很好，我们走吧。": "ʨi→ntʰjɛ→ntʰjɛ→nʨʰi↘ xə↓n xau↓, wo↓mən ʦou↓ pa.",
    "银行的行长": "i↗nxa↗ŋ tɤ xa↗ŋꭧa↓ŋ",  # 行 and 长 have two readings each
    "hello world": "həlˈO wˈɜɹld",
    "用GPU的API": "jʊ↘ŋ ʤˈipˈijˈu tɤ ˈApˈiˈI",
    "the cats wished": "ðə kˈæts wˈɪʃt",
    "don't": "dˈOnt",
    "ChatBELLE": "ʧˈæt bˈɛl",
    "NASA": "nˈæsə",
    "WiFi": "wˈIfˌI",
}


@pytest.mark.parametrize(("words", "phonemes"), SAID.items())
def test_words_have_these_phonemes(phonemizer: object, words: str, phonemes: str) -> None:
    assert phonemizer.phonemes(words) == phonemes  # type: ignore[attr-defined]


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_all_phonemes_are_in_the_alphabet(phonemizer: object, text: str) -> None:
    assert set(phonemizer.phonemes(spoken(text))) <= set(SYMBOLS)  # type: ignore[attr-defined]


@given(st.from_regex(r"[a-zA-Z]{1,12}('s)?", fullmatch=True))
def test_every_english_word_is_said(phonemizer: object, word: str) -> None:
    assert re.search(r"\w", phonemizer.phonemes(word))  # type: ignore[attr-defined]
