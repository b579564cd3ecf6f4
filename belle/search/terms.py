"""The search terms of a text: words for scripts with spaces, pairs of characters for Chinese, Japanese and Korean.

Most Chinese words have two characters, so every pair is a term, and a word is found without a dictionary. The last
character of a run is a term of its own: so every character begins some term, and a single one is found as a prefix.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_WIDE = "\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(f"(?P<wide>[{_WIDE}]+)|(?P<word>[^\\W_{_WIDE}]+)")
_LONGEST_WORD = 40
"""Characters; what is longer is no word, such as a line of base64."""

# Words of questions that say nothing of what is asked about. Those about documents as such, too: "what does this file
# say" is answered by its beginning, and not by the passages with the word "file".
_STOP_WORD_LIST = (
    "a about above after again all also am an and any are as at be been before being below between both but by can"
    " could did do does doing down during each few for from further had has have having he her here hers him his how i"
    " if in into is it its itself just me more most my no nor not now of off on once only or other our out over own"
    " please same she should so some such tell than that the their them then there these they this those through to"
    " too under until up very was we were what when where which while who whom why will with would you your s t"
    " according say says said describe explain give show summarise summarize summary mention mentioned"
    " document documents file files folder folders text pdf page pages"
)

_STOP_PHRASES = re.compile(
    "为什么|是什么|有什么|什么样|什么|怎么样|怎么|怎样|如何|哪些|哪个|哪里|哪儿|多少|是否|是不是|有没有|请问|请你|告诉我"
    "|告诉|介绍一下|介绍|说明一下|解释一下|总结一下|总结|概括|一下|讲了|讲的|说了|写了|提到|关于|根据|按照|这个|那个"
    "|这份|这些|那些|文档|文件夹|文件|资料|内容|哪一页|哪页|[的了吗呢吧么]"
)
_DIGITS = "零一二三四五六七八九"
_NUMBER = rf"(\d{{1,4}}|[{_DIGITS}〇十百]{{1,5}})"
_PAGES = re.compile(
    r"\bp(?:ages?\b|\.|g\.?)\s*(\d{1,4})(?!\d)(?:\s*(?:-|–|to|and|until)\s*(\d{1,4}))?"
    rf"|第?\s*{_NUMBER}\s*(?:页?\s*(?:-|–|~|到|至|和)\s*第?\s*{_NUMBER}\s*)?页"
)
_MOST_PAGES = 20
"""That one question can name."""


def normal_form(text: str) -> str:
    """`text` with full-width letters, ligatures and upper case resolved."""
    return unicodedata.normalize("NFKC", text).casefold()


def index_terms(text: str) -> str:
    """The terms of a text that is indexed, separated by spaces, each as often as it occurs."""
    return " ".join(_terms(normal_form(text), with_last=True))


def query_terms(text: str) -> list[str]:
    """The distinct terms of a question that say what it is about; `税*` stands for every term that begins so."""
    asked = _STOP_PHRASES.sub(" ", _PAGES.sub(" ", normal_form(text)))
    terms, single = [], []
    for term in _terms(asked, with_last=False):
        if len(term) == 1 and _is_wide(term):
            single.append(f"{term}*")
        elif term not in _STOP_WORDS:
            terms.append(term)
    return list(dict.fromkeys(terms or single))


def asked_pages(text: str) -> list[int]:
    """The pages that a question names, such as *page 3*, *pages 3 to 5*, 第三页."""
    pages: list[int] = []
    for match in _PAGES.finditer(normal_form(text)):
        first, last = match[1] or match[3], match[2] or match[4]
        begin = _number(first)
        end = _number(last) if last else begin
        pages += range(begin, min(end, begin + _MOST_PAGES - 1) + 1)
    return list(dict.fromkeys(pages))[:_MOST_PAGES]


def _number(text: str) -> int:
    """The number that digits, or Chinese characters up to 999, stand for."""
    if text.isdecimal():
        return int(text)
    total, digit = 0, 0
    for character in text.replace("〇", "零"):
        unit = {"十": 10, "百": 100}.get(character)
        if unit is None:
            digit = _DIGITS.index(character)
        else:
            total, digit = total + (digit or 1) * unit, 0
    return total + digit


def _terms(text: str, *, with_last: bool) -> Iterator[str]:
    for run in _RUN.finditer(text):
        characters = run["wide"]
        if characters is None:
            if len(run[0]) <= _LONGEST_WORD:
                yield _singular(run[0])
            continue
        for at in range(len(characters) - 1):
            yield characters[at : at + 2]
        if with_last or len(characters) == 1:
            yield characters[-1]


def _is_wide(term: str) -> bool:
    match = _RUN.match(term)
    return match is not None and match["wide"] is not None


def _singular(word: str) -> str:
    """An English word without the ending of its plural (Harman's S-stemmer, 1991)."""
    if len(word) < 4 or not word.isascii():
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return f"{word[:-3]}y"
    if word.endswith("es") and word[-3] not in "aeo":
        return word[:-1]
    if word.endswith("s") and word[-2] not in "us":
        return word[:-1]
    return word


_STOP_WORDS = frozenset(map(_singular, _STOP_WORD_LIST.split()))
