"""Reads `tokenizer.model`, a SentencePiece model in protocol buffers, without the sentencepiece or protobuf library.

Only what llama.cpp needs is read. Field numbers: sentencepiece_model.proto; encoding:
protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from convert.tokenizers.files import damaged, read_bytes

_MODEL_PIECES, _MODEL_TRAINER, _MODEL_NORMALIZER = 1, 2, 3
_PIECE_TEXT, _PIECE_SCORE, _PIECE_TYPE = 1, 2, 3
_TRAINER_MODEL_TYPE = 3
_TRAINER_IDS = {40: "unk", 41: "bos", 42: "eos", 43: "pad"}
_TRAINER_WHITESPACE_AS_SUFFIX = 24
_NORMALIZER_CHARSMAP, _NORMALIZER_DUMMY_PREFIX, _NORMALIZER_REMOVE_SPACES, _NORMALIZER_ESCAPE = 2, 3, 4, 5

Value = int | bytes


class ModelType(IntEnum):
    """How a SentencePiece model segments."""

    UNIGRAM = 1
    BPE = 2
    WORD = 3
    CHAR = 4


class PieceType(IntEnum):
    """What a piece is; GGUF numbers its token types the same."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class VocabularyPiece:
    """A piece of the vocabulary."""

    text: str
    score: float
    type: PieceType


@dataclass
class SentencePieceModel:
    """The parts of a model that determine token ids.

    Args:
        pieces: by id.
        model_type: the algorithm.
        ids: of `unk`, `bos`, `eos` and `pad`, as far as they exist.
        add_dummy_prefix: a space is put in front of every text.
        remove_extra_whitespaces: runs of spaces become one.
        escape_whitespaces: spaces become U+2581.
        whitespace_as_suffix: U+2581 ends words instead of beginning them.
        rewrites_characters: text is normalized (NFKC and the like) before it is segmented.
    """

    pieces: list[VocabularyPiece] = field(default_factory=list)
    model_type: ModelType = ModelType.UNIGRAM
    ids: dict[str, int] = field(default_factory=lambda: {"unk": 0, "bos": 1, "eos": 2})
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    escape_whitespaces: bool = True
    whitespace_as_suffix: bool = False
    rewrites_characters: bool = False


def looks_like_sentencepiece(path: Path) -> bool:
    """Whether the file begins as a SentencePiece model does (Llama 3's `tokenizer.model` is something else)."""
    return read_bytes(path)[:1] == b"\x0a"


def read_sentencepiece(path: Path) -> SentencePieceModel:
    """The model in the file. Raises KnownError("damaged_tokenizer") if it is not a complete one."""
    try:
        return parse_sentencepiece(read_bytes(path))
    except ValueError as error:
        raise damaged(path, str(error)) from error


def parse_sentencepiece(data: bytes) -> SentencePieceModel:
    """The model in `data`. Raises ValueError if it is not a complete one."""
    model = SentencePieceModel()
    for number, value in _fields(data):
        if number == _MODEL_PIECES:
            model.pieces.append(_piece(_message(value), len(model.pieces)))
        elif number == _MODEL_TRAINER:
            _read_trainer(model, _message(value))
        elif number == _MODEL_NORMALIZER:
            _read_normalizer(model, _message(value))
    if not model.pieces:
        raise ValueError("it holds no pieces")
    model.ids = {name: index for name, index in model.ids.items() if 0 <= index < len(model.pieces)}
    return model


def _piece(data: bytes, index: int) -> VocabularyPiece:
    text, score, kind = "", 0.0, int(PieceType.NORMAL)
    for number, value in _fields(data):
        if number == _PIECE_TEXT:
            text = _message(value).decode("utf-8")
        elif number == _PIECE_SCORE:
            (score,) = struct.unpack("<f", _message(value)) if len(_message(value)) == 4 else (math.nan,)
        elif number == _PIECE_TYPE:
            kind = _integer(value)
    if not math.isfinite(score) or not 1 <= kind <= len(PieceType):
        raise ValueError(f"piece {index} has the score {score} and the type {kind}")
    return VocabularyPiece(text, score, PieceType(kind))


def _read_trainer(model: SentencePieceModel, data: bytes) -> None:
    for number, value in _fields(data):
        if number == _TRAINER_MODEL_TYPE:
            kind = _integer(value)
            if not 1 <= kind <= len(ModelType):
                raise ValueError(f"it is of the unknown model type {kind}")
            model.model_type = ModelType(kind)
        elif number in _TRAINER_IDS:
            model.ids[_TRAINER_IDS[number]] = _integer(value)
        elif number == _TRAINER_WHITESPACE_AS_SUFFIX:
            model.whitespace_as_suffix = bool(_integer(value))


def _read_normalizer(model: SentencePieceModel, data: bytes) -> None:
    for number, value in _fields(data):
        if number == _NORMALIZER_CHARSMAP:
            model.rewrites_characters = bool(_message(value))
        elif number == _NORMALIZER_DUMMY_PREFIX:
            model.add_dummy_prefix = bool(_integer(value))
        elif number == _NORMALIZER_REMOVE_SPACES:
            model.remove_extra_whitespaces = bool(_integer(value))
        elif number == _NORMALIZER_ESCAPE:
            model.escape_whitespaces = bool(_integer(value))


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Field numbers with their values: varints as int, everything else as its bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        # Wire types: 0 varint, 1 eight bytes, 2 a length and as many bytes, 5 four bytes; 3 and 4 are long obsolete.
        number, wire_type = tag >> 3, tag & 7
        if not number:
            raise ValueError("it holds a field without a number")
        value: Value
        if wire_type == 0:
            value, position = _varint(data, position)
        else:
            if wire_type == 2:
                length, position = _varint(data, position)
            elif wire_type in (1, 5):
                length = 8 if wire_type == 1 else 4
            else:
                raise ValueError(f"it holds a field of the unknown kind {wire_type}")
            if length > len(data) - position:
                raise ValueError("it ends in the middle of a field")
            value = data[position : position + length]
            position += length
        yield number, value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A signed 64-bit integer in up to ten bytes of seven bits each, the lowest first; and the position after it."""
    value = 0
    for count, byte in enumerate(data[position : position + 10]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:  # the highest bit says that another byte follows
            value &= (1 << 64) - 1
            return value - (1 << 64) if value >> 63 else value, position + count + 1
    raise ValueError("it holds a number without an end")


def _message(value: Value) -> bytes:
    if isinstance(value, int):
        raise ValueError("it holds a number where text or a message belongs")
    return value


def _integer(value: Value) -> int:
    if not isinstance(value, int):
        raise ValueError("it holds text or a message where a number belongs")
    return value
