"""Pinyin → the phonemes of Kokoro: IPA, with an arrow behind the vowel for the tone.

The tables are those of Mandarin phonology (Duanmu, "The Phonology of Standard Chinese", 2007) in the notation of the
library misaki, with which Kokoro was trained: ꭧ and ʦ for affricates, ɨ for the vowel of 知 and 资, no glide marks.
"""

from __future__ import annotations

import re
from functools import cache

_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_INITIALS = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ", "h": "x",
    "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s",
}  # fmt: skip
# 0 is where the tone goes.
_FINALS = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0", "e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ",
    "o": "wo0", "ong": "ʊ0ŋ", "ou": "ou0",
    "i": "i0", "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ", "iao": "jau0", "ie": "je0", "in": "i0n", "ing": "i0ŋ",
    "iong": "jʊ0ŋ", "iu": "jou0", "io": "jɔ0",
    "u": "u0", "ua": "wa0", "uai": "wai0", "uan": "wa0n", "uang": "wa0ŋ", "ui": "wei0", "un": "wə0n", "uo": "wo0",
    "ueng": "wə0ŋ",
    "ü": "y0", "üe": "ɥe0", "üan": "ɥɛ0n", "ün": "y0n",
}  # fmt: skip
_WITHOUT_INITIAL = {
    "er": "ɚ0", "r": "ɚ0", "o": "ɔ0", "ê": "ɛ0", "m": "m0", "n": "n0", "ng": "ŋ0", "hm": "hm0", "hng": "hŋ0",
}  # fmt: skip
# How finals are written where no consonant stands before them.
_WRITTEN = {
    "yi": "i", "ya": "ia", "yan": "ian", "yang": "iang", "yao": "iao", "ye": "ie", "yin": "in", "ying": "ing",
    "yong": "iong", "you": "iu", "yo": "io", "yai": "iai", "yu": "ü", "yue": "üe", "yuan": "üan", "yun": "ün",
    "wu": "u", "wa": "ua", "wai": "uai", "wan": "uan", "wang": "uang", "wei": "ui", "wen": "un", "wo": "uo",
    "weng": "ueng",
}  # fmt: skip
_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcs])?(.+)")


@cache
def phonemes_of(syllable: str) -> str:
    """The phonemes of a syllable such as `hao3` or `lv4`; 5 is the neutral tone. "" for what is not a syllable."""
    letters, tone = syllable[:-1].replace("v", "ü"), _TONES.get(syllable[-1:])
    if tone is None or not letters:
        return ""
    if letters in _WITHOUT_INITIAL:
        return _WITHOUT_INITIAL[letters].replace("0", tone)
    if letters in _WRITTEN:
        return _FINALS.get(_WRITTEN[letters], "").replace("0", tone)
    match = _SYLLABLE.fullmatch(letters)
    initial, final = (match[1] or "", match[2]) if match else ("", letters)
    if initial in ("j", "q", "x"):
        final = re.sub("^u", "ü", final)
    if final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
        return f"{_INITIALS[initial]}ɨ{tone}"
    if final not in _FINALS:
        return ""
    return (_INITIALS[initial] if initial else "") + _FINALS[final].replace("0", tone)
