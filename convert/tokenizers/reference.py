"""Our own encoders, which llama.cpp is checked against: they do literally what the tokenizer's files say.

They are written to be read and trusted, not to be fast, and do not use the tables that choose names for llama.cpp.
`SentencePieceEncoder` does what the sentencepiece library does for BPE models, `JsonEncoder` what the tokenizers
library does with a `tokenizer.json`, `TiktokenEncoder` what tiktoken does with a list of ranks.
"""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from convert.tokenizers.from_tokenizer_json import merge_list, token_ids
from convert.tokenizers.pretokenizers import flat
from convert.tokenizers.sentencepiece_model import PieceType, SentencePieceModel
from convert.tokenizers.unicode_regex import compile_regex

_SPACE = "\u2581"
_GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

Priority = Callable[[str, str], float | None]


class ReferenceEncoder(ABC):
    """Turns text into ids as in the training of the model."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The ids, without bos and eos. `text` must hold no special tokens."""

    def is_comparable(self, text: str) -> bool:
        """Whether llama.cpp can be expected to give the same ids for this text."""
        del text
        return True


class SentencePieceEncoder(ReferenceEncoder):
    """BPE by scores: of all neighbours whose text is a piece, those with the highest score are merged first."""

    def __init__(self, model: SentencePieceModel) -> None:
        self._model = model
        self._ids = {piece.text: index for index, piece in enumerate(model.pieces)}
        whole = [p.text for p in model.pieces if p.type is PieceType.USER_DEFINED]
        longest_first = sorted(whole, key=len, reverse=True)
        self._user_defined = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    def encode(self, text: str) -> list[int]:
        text = text.replace(" ", _SPACE)
        if text and self._model.add_dummy_prefix:
            text = _SPACE + text
        symbols: list[str] = []
        position = 0
        for match in self._user_defined.finditer(text):
            symbols += [*text[position : match.start()], match[0]]
            position = match.end()
        symbols += text[position:]
        return _with_bytes(_merge(symbols, self._priority), self._ids)

    def _priority(self, left: str, right: str) -> float | None:
        index = self._ids.get(left + right)
        if index is None or self._user_defined.fullmatch(left) or self._user_defined.fullmatch(right):
            return None
        piece = self._model.pieces[index]
        return -piece.score if piece.type in (PieceType.NORMAL, PieceType.USER_DEFINED) else None


class JsonEncoder(ReferenceEncoder):
    """BPE by the order of the merges, after the normalizer and the pre-tokenizer of the file.

    Raises KnownError("damaged_tokenizer"), and ValueError for steps it does not know.
    """

    def __init__(self, path: Any, definition: Mapping[str, Any]) -> None:
        model = definition["model"]
        self._ids = token_ids(path, model["vocab"])
        merges = merge_list(path, model["merges"])
        # Backwards, so that of a pair that is listed twice the first rank stays.
        self._ranks = {pair: float(rank) for rank, pair in reversed(list(enumerate(merges)))}
        self._whole_words = bool(model.get("ignore_merges"))
        self._normalizers = [_normalizer(step) for step in flat(definition.get("normalizer"), "normalizers")]
        steps = flat(definition.get("pre_tokenizer"), "pretokenizers")
        self._splitters = [splitter for step in steps for splitter in _splitters(step)]
        self._has_metaspace = any(step.get("type") == "Metaspace" for step in steps)
        # Added tokens that people may write, such as `</think>`, are found in the text before any other step.
        self._written = {
            token["content"]: token["id"]
            for token in definition.get("added_tokens") or ()
            if isinstance(token, Mapping) and token.get("special") is False and token.get("content")
        }
        longest_first = sorted(self._written, key=len, reverse=True)
        self._any_written = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        position = 0
        for match in self._any_written.finditer(text):
            ids += [*self._encode_plain(text[position : match.start()]), self._written[match[0]]]
            position = match.end()
        return ids + self._encode_plain(text[position:])

    def _encode_plain(self, text: str) -> list[int]:
        for normalize in self._normalizers:
            text = normalize(text)
        words = [text] if text else []
        for split in self._splitters:
            words = [part for word in words for part in split(word) if part]
        ids: list[int] = []
        for word in words:
            whole = self._whole_words and word in self._ids
            ids += _with_bytes([word] if whole else _merge(list(word), self._priority), self._ids)
        return ids

    def is_comparable(self, text: str) -> bool:
        # sentencepiece and llama.cpp put a space in front of every text, `Metaspace` only where there is none.
        return not (self._has_metaspace and text.startswith(" "))

    def _priority(self, left: str, right: str) -> float | None:
        return self._ranks.get((left, right))


class TiktokenEncoder(JsonEncoder):
    """BPE as tiktoken does it: two neighbours are merged if their text is a token, those of the lowest rank first.

    It has no list of merges; that of the definition is for llama.cpp.
    """

    def _priority(self, left: str, right: str) -> float | None:
        return self._ids.get(left + right)


def _merge(symbols: list[str], priority: Priority) -> list[str]:
    """Merge the neighbours of the lowest priority value, the leftmost of equals, until no two can be merged."""
    while True:
        best: tuple[float, int] | None = None
        for index in range(len(symbols) - 1):
            order = priority(symbols[index], symbols[index + 1])
            if order is not None and (best is None or order < best[0]):
                best = (order, index)
        if best is None:
            return symbols
        index = best[1]
        symbols[index : index + 2] = [symbols[index] + symbols[index + 1]]


def _with_bytes(symbols: Iterable[str], ids: Mapping[str, int]) -> list[int]:
    """Ids of the symbols. One that is not a token becomes its bytes; bytes that are not tokens are left out."""
    result: list[int] = []
    for symbol in symbols:
        if symbol in ids:
            result.append(ids[symbol])
        else:
            names = [f"<0x{byte:02X}>" for byte in symbol.encode("utf-8")]
            result += [ids[name] for name in names if name in ids]
    return result


def _normalizer(step: Mapping[str, Any]) -> Callable[[str], str]:
    kind = step.get("type")
    if kind == "NFC":
        return lambda text: unicodedata.normalize("NFC", text)
    if kind == "Prepend":
        return lambda text: step["prepend"] + text if text else text
    if kind == "Replace" and isinstance(step["pattern"].get("String"), str):
        return lambda text: text.replace(step["pattern"]["String"], step["content"])
    raise ValueError(f"the normalizer {dict(step)!r:.500} is not known")


def _splitters(step: Mapping[str, Any]) -> list[Callable[[str], list[str]]]:
    kind = step.get("type")
    if kind == "ByteLevel" and not step.get("add_prefix_space", True):
        words = [_isolate(_GPT2_WORDS)] if step.get("use_regex", True) else []
        return [*words, lambda text: [text.encode("utf-8").decode("latin-1").translate(BYTE_CHARACTERS)]]
    if kind == "Digits" and step.get("individual_digits"):
        return [_isolate(r"\p{N}")]
    if kind == "Metaspace" and not step.get("split", True):
        first = step.get("prepend_scheme", "always" if step.get("add_prefix_space") else "never") != "never"
        return [lambda text: [_metaspace(text, first)]]
    if kind == "Split" and isinstance(step["pattern"].get("Regex"), str):
        keeps_all = step.get("behavior") == "Removed" and step.get("invert")
        if keeps_all or (step.get("behavior") == "Isolated" and not step.get("invert")):
            return [_isolate(step["pattern"]["Regex"])]
    if kind == "Split" and step.get("behavior") == "MergedWithPrevious":
        return [_merged_with_previous(step["pattern"]["String"])]
    raise ValueError(f"the pre-tokenizer {dict(step)!r:.500} is not known")


def _metaspace(text: str, prepend: bool) -> str:
    text = text.replace(" ", _SPACE)
    return _SPACE + text if prepend and not text.startswith(_SPACE) else text


def _isolate(pattern: str) -> Callable[[str], list[str]]:
    regex = compile_regex(pattern)

    def split(text: str) -> list[str]:
        parts: list[str] = []
        position = 0
        for match in regex.finditer(text):
            parts += [text[position : match.start()], match[0]]
            position = match.end()
        return [*parts, text[position:]]

    return split


def _merged_with_previous(mark: str) -> Callable[[str], list[str]]:
    return lambda text: [part + mark for part in text.split(mark)[:-1]] + [text.split(mark)[-1]]


def _byte_characters() -> dict[int, int]:
    """GPT-2's printable character for every byte: itself where it is printable, else one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: byte for byte in printable} | {byte: 0x100 + index for index, byte in enumerate(others)}


BYTE_CHARACTERS = _byte_characters()
