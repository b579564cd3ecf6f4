"""The protobuf reader: right for whole files, and never more than a KnownError for others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.tokenizers.from_sentencepiece import piece_table
from convert.tokenizers.sentencepiece_model import ModelType, PieceType, parse_sentencepiece, read_sentencepiece
from tests.convert.tokenizers.folders import CORPUS, llama_pieces, proto_field, sentencepiece_bytes

WHOLE = sentencepiece_bytes(llama_pieces(), trainer=proto_field(43, -1) + proto_field(41, 1))


def test_a_whole_model() -> None:
    model = parse_sentencepiece(WHOLE)
    assert len(model.pieces) == len(llama_pieces())
    assert model.model_type is ModelType.BPE
    assert model.ids == {"unk": 0, "bos": 1, "eos": 2}
    assert (model.pieces[0].text, model.pieces[0].type) == ("<unk>", PieceType.UNKNOWN)
    assert (model.pieces[261].text, model.pieces[261].score) == ("▁the", -2.0)
    assert model.add_dummy_prefix
    assert not model.remove_extra_whitespaces


def test_it_reads_what_the_library_writes(tmp_path: Path) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    (tmp_path / "corpus.txt").write_text(CORPUS, encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "corpus.txt"), model_prefix=str(tmp_path / "tokenizer"), vocab_size=420, model_type="bpe",
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, pad_id=3,
        user_defined_symbols=["<tool>"], hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    model = read_sentencepiece(tmp_path / "tokenizer.model")
    library = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert [p.text for p in model.pieces] == [library.id_to_piece(i) for i in range(library.get_piece_size())]
    assert [p.score for p in model.pieces] == [library.get_score(i) for i in range(library.get_piece_size())]
    assert [p.type is PieceType.BYTE for p in model.pieces] == [library.is_byte(i) for i in range(len(model.pieces))]
    assert [p.type is PieceType.CONTROL for p in model.pieces] == [
        library.is_control(i) for i in range(len(model.pieces))
    ]
    assert model.ids == {"unk": 0, "bos": 1, "eos": 2, "pad": 3}
    assert model.pieces[library.piece_to_id("<tool>")].type is PieceType.USER_DEFINED


def only_value_errors(data: bytes) -> None:
    try:
        model = parse_sentencepiece(data)
    except ValueError:
        return
    assert model.pieces


@given(st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    only_value_errors(data)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_one_wrong_byte(position: int, byte: int) -> None:
    only_value_errors(WHOLE[:position] + bytes([byte]) + WHOLE[position + 1 :])


@given(st.integers(0, len(WHOLE) - 1))
def test_cut_short(length: int) -> None:
    only_value_errors(WHOLE[:length])


@pytest.mark.parametrize(("data", "words"), [
    (b"", "no pieces"),
    (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "middle of a field"),
    (b"\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "without an end"),
    (b"\x0b", "unknown kind 3"),
    (b"\x02\x00", "without a number"),
    (proto_field(1, proto_field(1, b"\xff")), "utf-8"),
    (proto_field(1, proto_field(2, float("nan"))), "score nan"),
    (proto_field(1, proto_field(3, 9)), "type 9"),
    (proto_field(1, 5), "it holds a number where"),
    (proto_field(1, proto_field(3, b"x")), "number belongs"),
])  # fmt: skip
def test_damage_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(data)
    with pytest.raises(KnownError) as caught:
        read_sentencepiece(path)
    assert caught.value.kind == "damaged_tokenizer"
    assert "tokenizer.model" in caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize(("data", "words"), [
    (sentencepiece_bytes(llama_pieces(), model_type=1), "UNIGRAM"),
    (sentencepiece_bytes(llama_pieces()[:100]), "159 of the 256 byte tokens"),
    (sentencepiece_bytes(llama_pieces(), remove_extra_whitespaces=True), "runs of spaces"),
    (sentencepiece_bytes(llama_pieces(), normalizer=proto_field(2, b"charsmap")), "normalizes characters"),
    (sentencepiece_bytes(llama_pieces(), trainer=proto_field(24, 1)), "spaces"),
])  # fmt: skip
def test_what_llama_cpp_cannot_do_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "tokenizer.model"
    path.write_bytes(data)
    with pytest.raises(KnownError, match=words) as caught:
        piece_table(read_sentencepiece(path), path, 1000)
    assert caught.value.kind == "unsupported_tokenizer"
