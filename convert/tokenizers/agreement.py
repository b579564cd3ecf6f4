"""Whether `tokenizer.model` and `tokenizer.json` of one folder are the same tokenizer.

Most folders have both, the second made from the first, and then a fine-tune changes one of them. transformers reads
`tokenizer.json`, so where they differ that is what the model was trained with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from convert.tokenizers.from_sentencepiece import BYTE_TOKENS
from convert.tokenizers.from_tokenizer_json import Merge, merge_list, space_prefix, token_ids
from convert.tokenizers.sentencepiece_model import PieceType, SentencePieceModel


def disagreement(model: SentencePieceModel, path: Path, definition: Mapping[str, Any]) -> str | None:
    """The first difference between the two, in words; None if both split every text alike.

    Args:
        model: `tokenizer.model`.
        path: of `tokenizer.json`, for messages.
        definition: its content.

    Raises KnownError("damaged_tokenizer") for a `tokenizer.json` that cannot be read.
    """
    inner = definition.get("model")
    if not isinstance(inner, Mapping) or inner.get("type", "BPE") != "BPE" or not inner.get("byte_fallback"):
        return "the second is not BPE with bytes to fall back on"
    if bool(inner.get("ignore_merges")):
        return "the second takes whole words without merging"
    vocabulary = token_ids(path, inner.get("vocab"))
    listed = definition.get("added_tokens")
    added = {entry.get("id") for entry in listed if isinstance(entry, Mapping)} if isinstance(listed, list) else set()
    merges = merge_list(path, inner.get("merges"))
    differences = (
        _of_tokens(model, vocabulary, added),
        _of_spaces(model, path, definition),
        _of_merges(model, vocabulary, added, merges),
    )
    return next(chain.from_iterable(differences), None)


def _of_tokens(model: SentencePieceModel, vocabulary: Mapping[str, int], added: set[Any]) -> Iterator[str]:
    by_id = {index: token for token, index in vocabulary.items()}
    for index in sorted(by_id.keys() | set(range(len(model.pieces)))):
        first = model.pieces[index].text if index < len(model.pieces) else None
        # Added tokens are found in the text before either vocabulary is used.
        if first != by_id.get(index) and index not in added:
            yield f"token {index} is {_shown(first)} in the first and {_shown(by_id.get(index))} in the second"


def _of_spaces(model: SentencePieceModel, path: Path, definition: Mapping[str, Any]) -> Iterator[str]:
    try:
        prefix = space_prefix(path, definition)
    except KnownError:
        yield "the second prepares texts in another way"
        return
    if model.add_dummy_prefix != prefix:
        first, second = ("first", "second") if model.add_dummy_prefix else ("second", "first")
        yield f"the {first} puts a space in front of a text, the {second} does not"


def _of_merges(
    model: SentencePieceModel, vocabulary: Mapping[str, int], added: set[Any], merges: list[Merge]
) -> Iterator[str]:
    """SentencePiece merges any two neighbours whose text is a piece, the highest score first.

    The list of merges says the same if its scores never rise and if it has every split of every piece into two pieces.
    """
    scores = {piece.text: piece.score for piece in model.pieces}
    lowest = float("inf")
    for left, right in merges:
        score = scores.get(left + right)
        if score is None or score > lowest:
            yield f"the second merges {left!r} and {right!r} where the first does not"
        else:
            lowest = score
    possible = set(merges)
    for index, piece in enumerate(model.pieces):
        if piece.type is not PieceType.NORMAL or index in added or piece.text in BYTE_TOKENS:
            continue
        for cut in range(1, len(piece.text)):
            left, right = piece.text[:cut], piece.text[cut:]
            if (left, right) not in possible and left in vocabulary and right in vocabulary:
                yield f"the first merges {left!r} and {right!r}, the second never does"


def _shown(token: str | None) -> str:
    return "missing" if token is None else repr(token)
