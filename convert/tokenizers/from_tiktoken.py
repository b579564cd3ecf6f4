"""From Qwen 1's `qwen.tiktoken` to what a `tokenizer.json` of the same tokenizer would say.

Each line of the file is a token in base64 and its rank, which is its id. Special tokens follow, and stand only in the
tokenizer's code (`tokenization_qwen.py`), where Qwen-VL has nine more. There is no list of merges: tiktoken merges any
two neighbours that make a token, the lowest rank first. So every split of a token into two tokens is a merge, in the
order of the tokens' ranks.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from belle.texts import short_repr
from convert.tokenizers.files import damaged, read_text
from convert.tokenizers.pretokenizers import BY_CLASS
from convert.tokenizers.reference import BYTE_CHARACTERS

TIKTOKEN = "qwen.tiktoken"
_END, _TURNS = "<|endoftext|>", ("<|im_start|>", "<|im_end|>")
_N_EXTRA = 205
_PICTURES = ("<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>")
_LONGEST_TOKEN = 1024  # in bytes; Qwen's longest has 128


def tiktoken_definition(path: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The definition, as of a `tokenizer.json`; `eos_token` and `pad_token` are named, too.

    Args:
        path: of `qwen.tiktoken`.
        config: config.json, which for Qwen-VL describes the vision tower.

    Raises KnownError("damaged_tokenizer") and those of reading the file.
    """
    vocabulary = _vocabulary(path)
    special = [_END, *_TURNS, *(f"<|extra_{number}|>" for number in range(_N_EXTRA))]
    special += _PICTURES if config.get("visual") else ()
    first = len(vocabulary)
    return {
        **BY_CLASS["Qwen2Tokenizer"],
        "added_tokens": [{"id": first + i, "content": text, "special": True} for i, text in enumerate(special)],
        "eos_token": _END,
        "pad_token": _END,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": list(_merges(vocabulary))},
    }


def _vocabulary(path: Path) -> dict[str, int]:
    """Ranks by token, in GPT-2's characters for bytes."""
    result: dict[str, int] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line:
            continue
        try:
            encoded, rank = line.split()
            token = base64.b64decode(encoded, validate=True).decode("latin-1").translate(BYTE_CHARACTERS)
            value = int(rank)
        except (ValueError, binascii.Error):
            raise damaged(path, f"line {number}, {short_repr(line)}, is not a token and its rank") from None
        if not 0 < len(token) <= _LONGEST_TOKEN:
            raise damaged(path, f"line {number} is a token of {len(token)} bytes")
        if token in result:
            raise damaged(path, f"line {number} repeats a token")
        result[token] = value
    if sorted(result.values()) != list(range(len(result))):
        raise damaged(path, "its ranks are not the numbers from 0 on, each once")
    missing = [character for character in BYTE_CHARACTERS.values() if chr(character) not in result]
    if missing:
        raise damaged(path, f"it lacks {len(missing)} of the 256 single bytes")
    return result


def _merges(vocabulary: Mapping[str, int]) -> Iterator[list[str]]:
    for token in sorted(vocabulary, key=vocabulary.__getitem__):
        for cut in range(1, len(token)):
            if token[:cut] in vocabulary and token[cut:] in vocabulary:
                yield [token[:cut], token[cut:]]
