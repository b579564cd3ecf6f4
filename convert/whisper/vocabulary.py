"""The texts of Whisper's ordinary tokens, as bytes, from vocab.json or tokenizer.json.

Both write bytes as GPT-2's printable characters. whisper.cpp wants the bytes, in the order of the ids, up to the first
special token; it adds the special ones itself (`convert.whisper.numbers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.texts import short_repr
from convert.tokenizers.files import TokenizerFolder, damaged, read_object
from convert.tokenizers.reference import BYTE_CHARACTERS
from convert.whisper.numbers import special_tokens

_BYTE_OF = {chr(character): byte for byte, character in BYTE_CHARACTERS.items()}
_VOCABULARY, _TOKENIZER, _ADDED = "vocab.json", "tokenizer.json", "added_tokens.json"


def read_vocabulary(checkpoint: TokenizerFolder, n_vocab: int) -> list[bytes]:
    """The bytes of every ordinary token, by id.

    Args:
        checkpoint: with its tokenizer's files.
        n_vocab: rows of the embedding, one of those that whisper.cpp knows.

    Raises KnownError: `no_tokenizer`, `damaged_tokenizer`, `unsupported_tokenizer`.
    """
    file, ids = _token_ids(checkpoint.tokenizer_files)
    special = special_tokens(n_vocab)
    _check_special(checkpoint.tokenizer_files, file, ids, special.by_text)
    texts: dict[int, str] = {}
    for text, index in ids.items():
        if index >= special.end_of_text:
            continue
        if index in texts:
            raise damaged(
                file, f"the tokens {short_repr(texts[index])} and {short_repr(text)} have the same id, {index}"
            )
        texts[index] = text
    missing = next((index for index in range(special.end_of_text) if index not in texts), None)
    if missing is not None:
        raise damaged(file, f"it has no token with the id {missing}")
    return [_as_bytes(texts[index], index, file) for index in range(special.end_of_text)]


def _token_ids(files: Mapping[str, Path]) -> tuple[Path, dict[str, int]]:
    """The file with the vocabulary, and its ids by text."""
    if _VOCABULARY in files:
        file = files[_VOCABULARY]
        ids: Any = read_object(file)
    elif _TOKENIZER in files:
        file = files[_TOKENIZER]
        model = read_object(file).get("model")
        ids = model.get("vocab") if isinstance(model, dict) else None
    else:
        raise KnownError(
            "no_tokenizer",
            f"The checkpoint has neither {_VOCABULARY} nor {_TOKENIZER}, so what its tokens say is not known.",
            "Put the tokenizer's files of the model that it was trained from beside the weights.",
        )
    if not isinstance(ids, dict) or not all(type(index) is int and index >= 0 for index in ids.values()):
        raise damaged(file, "it does not give every token an id")
    return file, ids


def _check_special(files: Mapping[str, Path], file: Path, ids: Mapping[str, int], expected: Mapping[str, int]) -> None:
    """Check that special tokens have the ids that whisper.cpp will take for them, as far as the checkpoint says."""
    stated = dict(ids) | read_object(files.get(_ADDED))
    added = read_object(files.get(_TOKENIZER)).get("added_tokens")
    for entry in added if isinstance(added, list) else []:
        if isinstance(entry, dict):
            stated[str(entry.get("content"))] = entry.get("id", -1)
    for text, index in expected.items():
        if text in stated and stated[text] != index:
            raise KnownError(
                "unsupported_tokenizer",
                f"{file.parent.name}: the token {text} has the id {short_repr(stated[text])}, and whisper.cpp "
                f"will take {index} for it.",
                "Check that the tokenizer belongs to these weights.",
                token=text,
            )


def _as_bytes(text: str, index: int, file: Path) -> bytes:
    try:
        return bytes(_BYTE_OF[character] for character in text)
    except KeyError:
        raise damaged(file, f"token {index}, {short_repr(text)}, is not written in byte-level BPE's letters") from None
