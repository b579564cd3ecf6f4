"""Pre-tokenizers: how a text is split into words before BPE. llama.cpp has a fixed set of them, each with a name.

The name is looked up by the definition in `tokenizer.json`: normalizer, splitting expressions, and whether whole words
skip the merges. A definition that is not in the table is refused: with a guessed one the model would run, and read its
input a little wrong.
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

# Steps, whether words that are tokens skip the merges (`ignore_merges`), and llama.cpp's name (llama-vocab.cpp).
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
    # llama.cpp does not compose accents (NFC). That is passed over, since people type composed text.
    normalizer = [step for step in flat(definition.get("normalizer"), "normalizers") if step.get("type") != "NFC"]
    steps = tuple(_step(step) for step in flat(definition.get("pre_tokenizer"), "pretokenizers"))
    whole_words = bool(definition.get("model", {}).get("ignore_merges", False))
    for known_steps, skips, name in _KNOWN:
        if not normalizer and steps == known_steps and skips == whole_words:
            return name
    unknown = {key: definition.get(key) for key in ("normalizer", "pre_tokenizer")} | {"ignore_merges": whole_words}
    text = json.dumps(unknown, ensure_ascii=False)
    raise KnownError(
        "unknown_pretokenizer",
        f"tokenizer.json splits text in a way that is not known here: {text[:2000]}.",
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
    # Real files nest one level; a hostile one could nest thousands.
    return tuple(part for part in parts if isinstance(part, Mapping))


def _step(step: Mapping[str, Any]) -> str:
    """The step as the table spells it; one that is not in the table as JSON, for the message."""
    kind = step.get("type")
    if kind == "ByteLevel" and not step.get("add_prefix_space", True):
        return "bytes by words" if step.get("use_regex", True) else "bytes"
    if kind == "Digits" and step.get("individual_digits"):
        return "digits"
    if kind == "Split":
        pattern = step.get("pattern")
        regex = pattern.get("Regex") if isinstance(pattern, Mapping) else None
        if isinstance(regex, str):
            # If every character is matched, removing what is between the matches splits as isolating them does.
            behaviour = (step.get("behavior"), bool(step.get("invert")))
            if behaviour == ("Isolated", False) or (behaviour == ("Removed", True) and regex.endswith(r"|\s+")):
                return f"split {regex}"
    return json.dumps(step, ensure_ascii=False, sort_keys=True)
