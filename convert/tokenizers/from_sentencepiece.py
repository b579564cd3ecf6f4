"""From a SentencePiece model (`tokenizer.model`) to llama.cpp's `llama` vocabulary."""

from __future__ import annotations

from pathlib import Path

from gguf.constants import TokenType

from convert.tokenizers.files import unsupported
from convert.tokenizers.sentencepiece_model import ModelType, PieceType, SentencePieceModel
from convert.tokenizers.vocabulary import TokenTable

BYTE_TOKENS = frozenset(f"<0x{byte:02X}>" for byte in range(256))


def piece_table(model: SentencePieceModel, path: Path, n_embeddings: int) -> TokenTable:
    """The pieces of the model, which was read from `path`.

    Raises KnownError: "damaged_tokenizer", "unsupported_tokenizer" for a model that llama.cpp would run differently.
    """
    check_supported(model, path)
    table = TokenTable(path.name, n_embeddings)
    for index, piece in enumerate(model.pieces):
        kind, text = piece.type, piece.text
        if kind is PieceType.USER_DEFINED:
            # llama.cpp looks for user-defined tokens before it escapes spaces, and with add_space_prefix it puts a
            # space after each of them, as SentencePiece does not. As NORMAL pieces they are merged by their score.
            if model.add_dummy_prefix:
                kind = PieceType.NORMAL
            else:
                text = text.replace("\u2581", " ")
        table.put(index, text, TokenType(kind), piece.score)
    return table


def check_supported(model: SentencePieceModel, path: Path) -> None:
    """Raises KnownError("unsupported_tokenizer") for what llama.cpp's `llama` vocabulary cannot do."""
    if model.model_type is not ModelType.BPE:
        raise unsupported(
            path, f"is a SentencePiece model of the kind {model.model_type.name}; only BPE can be converted"
        )
    if model.rewrites_characters:
        raise unsupported(path, "normalizes characters before it cuts text, which llama.cpp does not do")
    if model.remove_extra_whitespaces:
        raise unsupported(path, "joins runs of spaces, which llama.cpp does not do")
    if model.whitespace_as_suffix or not model.escape_whitespaces:
        raise unsupported(path, "treats spaces in a way that llama.cpp does not know")
    byte_pieces = {piece.text for piece in model.pieces if piece.type is PieceType.BYTE}
    # Without them llama.cpp aborts the process at the first character that is not a token.
    if byte_pieces < BYTE_TOKENS:
        raise unsupported(path, f"lacks {256 - len(byte_pieces)} of the 256 byte tokens that llama.cpp needs")
