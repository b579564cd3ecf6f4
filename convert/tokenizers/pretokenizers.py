"""Pre-tokenizers: how a text is cut before byte pairs are merged. llama.cpp knows them by name and has each built in.

The name is found by the definition itself, as `tokenizer.json` writes it: normalizer, splitting expressions, and
whether whole words skip the merges. What is not in the table is refused. A converter that guesses here makes a model
that runs, and reads its input a little wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from belle.errors import KnownError

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_START = r"[^\r\n\p{L}\p{N}]?"


def _cased(contractions: str) -> str:
    return f"{_START}{_UPPER}*{_LOWER}+{contractions}|{_START}{_UPPER}+{_LOWER}*{contractions}"


_SYMBOLS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
_LLAMA3 = rf"{_CONTRACTIONS}|{_START}\p{{L}}+|\p{{N}}{{1,3}}|{_SYMBOLS}|{_SPACES}"
_QWEN2 = rf"{_CONTRACTIONS}|{_START}\p{{L}}+|\p{{N}}|{_SYMBOLS}|{_SPACES}"
_QWEN35 = rf"{_CONTRACTIONS}|{_START}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|{_SPACES}"
_TEKKEN = rf"{_cased('')}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
_GPT4O = rf"{_cased(_CONTRACTIONS + '?')}|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_SPACES}"
_BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"

# Steps, whether words that are tokens skip the merges, and llama.cpp's name.
_KNOWN: tuple[tuple[tuple[str, ...], bool, str], ...] = (
    (("bytes by words",), False, "gpt-2"),
    (("digits", "bytes by words"), False, "smollm"),
    ((f"split {_BLOOM}", "bytes"), False, "bloom"),
    ((f"split {_LLAMA3}", "bytes"), True, "llama-bpe"),
    ((f"split {_LLAMA3}", "bytes"), False, "dbrx"),
    ((f"split {_QWEN2}", "bytes"), False, "qwen2"),
    ((f"split {_QWEN35}", "bytes"), False, "qwen35"),
    ((f"split {_TEKKEN}", "bytes"), True, "tekken"),
    ((f"split {_GPT4O}", "bytes"), False, "gpt-4o"),
)

_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}

BY_CLASS: Mapping[str, Mapping[str, Any]] = {
    "GPT2Tokenizer": {"normalizer": None, "pre_tokenizer": {**_BYTES, "use_regex": True}},
    "Qwen2Tokenizer": {
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Split", "pattern": {"Regex": _QWEN2}, "behavior": "Isolated"}, _BYTES],
        },
    },
}
"""What `tokenizer.json` would say, for tokenizers that have only vocab.json and merges.txt, by their class."""


def recognise(definition: Mapping[str, Any]) -> str:
    """llama.cpp's name for the pre-tokenizer of a byte-level `tokenizer.json`.

    Raises KnownError("unknown_pretokenizer") with the definition.
    """
    # Composing accents (NFC) is the one normalization llama.cpp is silent about; composed text is what people type.
    normalizer = [step for step in flat(definition.get("normalizer"), "normalizers") if step.get("type") != "NFC"]
    steps = tuple(_step(step) for step in flat(definition.get("pre_tokenizer"), "pretokenizers"))
    whole_words = bool(definition.get("model", {}).get("ignore_merges", False))
    for known, skips, name in _KNOWN:
        if not normalizer and steps == known and skips == whole_words:
            return name
    shown = {key: definition.get(key) for key in ("normalizer", "pre_tokenizer")} | {"ignore_merges": whole_words}
    text = json.dumps(shown, ensure_ascii=False)
    raise KnownError(
        "unknown_pretokenizer",
        f"tokenizer.json cuts text in a way that is not known here: {text[:2000]}.",
        "Without its name in llama.cpp the model would read its input wrongly, so nothing is converted.",
        definition=text[:20000],
    )


def flat(step: Any, children: str) -> Sequence[Mapping[str, Any]]:
    """The steps of a `Sequence`, of sequences in it, or of a single step; none for null."""
    if not isinstance(step, Mapping):
        return ()
    if step.get("type") != "Sequence":
        return (step,)
    inner = step.get(children)
    parts = inner if isinstance(inner, list) else []
    # One level is all that is ever nested, and a hostile file must not nest a thousand.
    return tuple(part for part in parts if isinstance(part, Mapping))


def _step(step: Mapping[str, Any]) -> str:
    kind = step.get("type")
    if kind == "ByteLevel" and not step.get("add_prefix_space", True):
        return "bytes by words" if step.get("use_regex", True) else "bytes"
    if kind == "Digits" and step.get("individual_digits"):
        return "digits"
    if kind == "Split":
        pattern = step.get("pattern")
        regex = pattern.get("Regex") if isinstance(pattern, Mapping) else None
        if isinstance(regex, str):
            # An expression that matches everything cuts the same whether its matches are set apart or kept.
            behaviour = (step.get("behavior"), bool(step.get("invert")))
            if behaviour == ("Isolated", False) or (behaviour == ("Removed", True) and regex.endswith(r"|\s+")):
                return f"split {regex}"
    return json.dumps(step, ensure_ascii=False, sort_keys=True)
