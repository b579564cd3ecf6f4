"""From `tokenizer.json` (the `tokenizers` library) to llama.cpp's vocabularies.

Byte-level BPE (GPT-2's kind) becomes `gpt2`, with its merges. BPE over characters with U+2581 for spaces and byte
fallback (LLaMA's and Gemma's kind) becomes `llama`. There llama.cpp has no list of merges but merges by score; the
scores are chosen so that both merge in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf.constants import TokenType

from belle.texts import short_repr
from convert.tokenizers.files import damaged, unsupported
from convert.tokenizers.from_sentencepiece import BYTE_TOKENS
from convert.tokenizers.pretokenizers import flat, recognise
from convert.tokenizers.vocabulary import TokenTable

_SPACE = "\u2581"
# In characters: each token is split at each of its places, which is quadratic. The largest vocabularies need some ten
# million; a hostile file with one token of megabytes would take hours.
_MOST_COMPARED = 1_000_000_000
Merge = tuple[str, str]


@dataclass(frozen=True)
class JsonVocabulary:
    """The vocabulary of a `tokenizer.json` in llama.cpp's terms.

    Args:
        model: `gpt2` or `llama`.
        pre: llama.cpp's name of the pre-tokenizer.
        table: the trained tokens.
        merges: in order, for `gpt2`.
        add_space_prefix: for `llama`.
    """

    model: str
    pre: str
    table: TokenTable
    merges: list[str] | None = None
    add_space_prefix: bool | None = None


def read_json_vocabulary(path: Path, definition: Mapping[str, Any], n_embeddings: int) -> JsonVocabulary:
    """The vocabulary of the file.

    Args:
        path: for messages.
        definition: the file's content.
        n_embeddings: rows of the embedding.

    Raises KnownError: "unsupported_tokenizer", "unknown_pretokenizer", "damaged_tokenizer", "vocabulary_too_large".
    """
    model = definition.get("model")
    if not isinstance(model, Mapping):
        raise damaged(path, "it has no model")
    kind = model.get("type", "BPE" if "merges" in model else None)
    if kind != "BPE":
        raise unsupported(path, f"is of the kind {kind}; only BPE can be converted")
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix") or model.get("dropout"):
        raise unsupported(path, "marks the inside or the end of words, which llama.cpp does not know")
    vocabulary = token_ids(path, model.get("vocab"))
    merges = merge_list(path, model.get("merges"))
    if model.get("byte_fallback"):
        return _with_scores(path, definition, vocabulary, merges, n_embeddings)
    pre = recognise(definition)
    table = TokenTable(path.name, n_embeddings)
    for token, index in vocabulary.items():
        table.put(index, token, TokenType.NORMAL)
    for left, right in merges:
        if " " in left or " " in right:
            raise damaged(
                path, f"the merge of {short_repr(left)} and {short_repr(right)} is not of byte-level characters"
            )
    return JsonVocabulary("gpt2", pre, table, merges=[f"{left} {right}" for left, right in merges])


def token_ids(path: Path, vocabulary: Any) -> dict[str, int]:
    """Ids by token. Raises KnownError("damaged_tokenizer")."""
    if not isinstance(vocabulary, Mapping) or not vocabulary:
        raise damaged(path, "it has no vocabulary")
    if not all(isinstance(index, int) and not isinstance(index, bool) for index in vocabulary.values()):
        raise damaged(path, "it has a token whose id is not a number")
    if len(set(vocabulary.values())) != len(vocabulary):
        raise damaged(path, "two tokens have the same id")
    return dict(vocabulary)


def merge_list(path: Path, merges: Any) -> list[Merge]:
    """Pairs, from either spelling (`"a b"`, or `["a", "b"]`). Raises KnownError("damaged_tokenizer")."""
    result: list[Merge] = []
    for merge in merges if isinstance(merges, list) else ():
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) and part for part in pair):
            raise damaged(path, f"{short_repr(merge)} is not a merge")
        result.append((pair[0], pair[1]))
    if not result:
        raise damaged(path, "it has no merges")
    return result


def _with_scores(
    path: Path, definition: Mapping[str, Any], vocabulary: dict[str, int], merges: list[Merge], n_embeddings: int
) -> JsonVocabulary:
    if not vocabulary.keys() >= BYTE_TOKENS:
        raise unsupported(path, "lacks some of the 256 byte tokens that llama.cpp needs")
    listed = definition.get("added_tokens")
    added = (
        {str(token.get("content")) for token in listed if isinstance(token, Mapping)}
        if isinstance(listed, list)
        else set()
    )
    add_space_prefix = space_prefix(path, definition)
    # A token's score is minus the rank of the first merge that makes it, so the earliest merge has the highest score.
    ranks: dict[Merge, int] = {}
    scores: dict[str, float] = {}
    for rank, pair in enumerate(merges):
        ranks.setdefault(pair, rank)
        scores.setdefault(pair[0] + pair[1], -float(rank))
    _check_complete(path, vocabulary, added, ranks)
    unknown = definition["model"].get("unk_token") or "<unk>"
    table = TokenTable(path.name, n_embeddings)
    for token, index in vocabulary.items():
        kind = TokenType.BYTE if token in BYTE_TOKENS else TokenType.NORMAL
        table.put(index, token, TokenType.UNKNOWN if token == unknown else kind, scores.get(token, 0.0))
    return JsonVocabulary("llama", "default", table, add_space_prefix=add_space_prefix)


def _check_complete(path: Path, vocabulary: Mapping[str, int], added: set[str], ranks: Mapping[Merge, int]) -> None:
    """llama.cpp merges any two tokens that make a token together, so each such pair must be in the list of merges.

    It is if the list was made from a SentencePiece model, but not if BPE was trained with the tokenizers library.
    """
    if sum(len(token) ** 2 for token in vocabulary) > _MOST_COMPARED:
        raise damaged(path, "its tokens are longer than those of any vocabulary")
    for token in vocabulary:
        if len(token) < 2 or token in added or token in BYTE_TOKENS:
            continue
        for cut in range(1, len(token)):
            pair = (token[:cut], token[cut:])
            if pair not in ranks and pair[0] in vocabulary and pair[1] in vocabulary:
                raise unsupported(
                    path,
                    f"merges its tokens in ways that SentencePiece scores cannot express ({short_repr(pair[0])} and "
                    f"{short_repr(pair[1])} are tokens, {short_repr(token)} is one, but they are never merged)",
                    "If the model came with a tokenizer.model, put it beside the other files.",
                )


def space_prefix(path: Path, definition: Mapping[str, Any]) -> bool:
    """Whether a space is put in front of a text. Checks that normalizer and pre-tokenizer are like LLaMA's or Gemma's.

    Raises KnownError("unsupported_tokenizer").
    """
    prefix = False
    escapes = False
    for step in flat(definition.get("normalizer"), "normalizers"):
        if step.get("type") == "Prepend" and step.get("prepend") == _SPACE:
            prefix = True
        elif step.get("type") == "Replace" and step.get("pattern") == {"String": " "} and step.get("content") == _SPACE:
            escapes = True
        else:
            raise _unknown_step(path, step)
    for step in flat(definition.get("pre_tokenizer"), "pretokenizers"):
        if step.get("type") == "Metaspace" and step.get("replacement") == _SPACE and not step.get("split", True):
            scheme = step.get("prepend_scheme", "always" if step.get("add_prefix_space") else "never")
            prefix = prefix or scheme != "never"
            escapes = True
        # Gemma splits at spaces, of which the normalizer has left none: it does nothing.
        elif not (step.get("type") == "Split" and step.get("pattern") == {"String": " "} and escapes):
            raise _unknown_step(path, step)
    if not escapes:
        raise unsupported(path, f"does not write spaces as {_SPACE}, as llama.cpp does for this kind of vocabulary")
    return prefix


def _unknown_step(path: Path, step: Mapping[str, Any]) -> Exception:
    return unsupported(path, f"prepares text by a step that is not known here: {dict(step)!r:.500}")
