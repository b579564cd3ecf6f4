"""Pieces for a vocabulary: a SentencePiece model is trained on text, and what the old model lacks is merged into it.

A merged piece needs a score. SentencePiece and llama.cpp join the pair of highest score first, transformers the pair
whose piece comes first in the vocabulary. The two agree when the new pieces come after the old ones with scores that
fall strictly, all below the lowest score of the old ones; with the customary score of 0 for all of them, nearly half of
Chinese texts get other ids in transformers than in SentencePiece.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belle.errors import KnownError
from belle.texts import read_input

_LONGEST = 64 << 20  # bytes; the largest SentencePiece models have four million
_NORMAL, _CONTROL, _USER_DEFINED = 1, 3, 4
# Some models fill gaps with unused pieces of this score, below which no float32 tells scores apart.
_UNUSED_SCORE = -1e8
_CJK = (
    (0x3000, 0x303F),  # punctuation
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF00, 0xFFEF),  # full-width forms
    (0x20000, 0x323AF),
)


@dataclass(frozen=True)
class Extended:
    """A SentencePiece model with new pieces.

    Args:
        model: the new model, serialized.
        first_new: id of the first new piece.
        pieces: the new ones, in the order of their ids.
    """

    model: bytes
    first_new: int
    pieces: Sequence[str]


def train_pieces(texts: Iterable[str], *, size: int, character_coverage: float, sentences: int) -> bytes:
    """A BPE model of `size` pieces (bytes for what it lacks, digits apart, no normalization), serialized.

    Raises KnownError("too_little_text").
    """
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(_lines(texts)),
            model_writer=model,
            vocab_size=size,
            model_type="bpe",
            character_coverage=character_coverage,
            byte_fallback=True,
            normalization_rule_name="identity",
            split_digits=True,
            remove_extra_whitespaces=False,
            input_sentence_size=sentences,
            shuffle_input_sentence=False,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise KnownError(
            "too_little_text",
            f"SentencePiece cannot make {size} pieces of this text: {str(error).splitlines()[-1]}",
            "Give more text, or change vocab.size.",
            size=size,
        ) from None
    return model.getvalue()


def merge_pieces(old: bytes, new: bytes, *, only_cjk: bool, added_tokens: Mapping[int, tuple[str, bool]]) -> Extended:
    """The old model with the pieces of the new one that it lacks.

    Args:
        old, new: serialized SentencePiece models.
        only_cjk: add pieces of Chinese characters and punctuation alone.
        added_tokens: tokens that the tokenizer has beyond the old model's pieces, by id: text, and whether it is a
            control token. They become pieces, so that ids stay what they are.

    Raises KnownError("vocabulary_gap") when ids between the old pieces and an added token stand for nothing.
    """
    proto = _parse(old)
    known = {piece.piece for piece in proto.pieces}
    for number in sorted(token for token in added_tokens if token >= len(proto.pieces)):
        if number != len(proto.pieces):
            raise KnownError(
                "vocabulary_gap",
                f"The tokenizer has a token {number}, but none with the id {len(proto.pieces)}.",
                "Give the tokenizer the missing tokens, or leave out the one beyond them.",
                token=number,
            )
        text, control = added_tokens[number]
        known.add(text)
        proto.pieces.add(piece=text, score=0.0, type=_CONTROL if control else _USER_DEFINED)
    lowest = min(p.score for p in proto.pieces if p.type == _NORMAL and p.score > _UNUSED_SCORE)
    first = len(proto.pieces)
    added = [p.piece for p in _parse(new).pieces if p.type == _NORMAL and p.piece not in known]
    added = [text for text in added if is_cjk(text)] if only_cjk else added
    for index, text in enumerate(added):
        # Below all old scores and strictly falling: SentencePiece then merges in the order of the ids, as transformers.
        proto.pieces.add(piece=text, score=lowest - 1.0 - index, type=_NORMAL)
    proto.trainer_spec.vocab_size = len(proto.pieces)
    return Extended(proto.SerializeToString(), first, added)


def old_ids_of(old: bytes, pieces: Sequence[str]) -> list[list[int]]:
    """How the old model spells each new piece, without the space that it puts before a text."""
    import sentencepiece

    proto = _parse(old)
    proto.normalizer_spec.add_dummy_prefix = False
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    ids: list[list[int]] = processor.encode([piece.replace("▁", " ") for piece in pieces])
    return ids


def is_cjk(text: str) -> bool:
    """Whether it is Chinese characters, their punctuation and full-width forms only."""
    return bool(text) and all(any(low <= ord(c) <= high for low, high in _CJK) for c in text)


def read_model(folder: Path) -> bytes:
    """`tokenizer.model` of a checkpoint. Raises KnownError("not_sentencepiece")."""
    path = folder / "tokenizer.model"
    if not path.is_file():
        raise KnownError(
            "not_sentencepiece",
            f"{folder} has no tokenizer.model: its tokenizer is not a SentencePiece model, and cannot be extended so.",
            "Take a LLaMA base. Byte-level BPE (Qwen, LLaMA 3, BLOOM) has Chinese pieces already.",
            path=str(folder),
        )
    model = read_input(path, longest=_LONGEST)
    if _parse(model).trainer_spec.model_type != 2:
        raise KnownError(
            "not_sentencepiece",
            f"{path} is not a BPE model: its scores are probabilities, to which none can be added.",
            "Take a LLaMA base.",
            path=str(path),
        )
    return model


def _lines(texts: Iterable[str]) -> Iterable[str]:
    return (line for text in texts for line in text.splitlines() if line.strip())


def _parse(model: bytes) -> Any:
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    return proto
