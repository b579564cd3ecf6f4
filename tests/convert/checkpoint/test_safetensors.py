"""The safetensors reader: what it gives for sound files, and that nothing in a header is believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from belle.errors import KnownError
from convert.checkpoint import open_checkpoint
from convert.checkpoint.safetensors import LONGEST_HEADER
from tests.convert.checkpoint.building import SAFETENSORS_NAMES, arrays, safetensors, safetensors_of

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: bytes) -> Path:
        path = tmp_path / "weights.safetensors"
        path.write_bytes(content)
        return path

    return write


def refusal(path: Path) -> KnownError:
    with pytest.raises(KnownError) as caught:
        open_checkpoint(path)
    assert path.name in caught.value.message
    return caught.value


def test_tensors_come_back(write: Write) -> None:
    with open_checkpoint(write(safetensors(arrays(), {"format": "pt"}))) as checkpoint:
        assert list(checkpoint.tensors) == list(arrays())
        for name, expected in arrays().items():
            tensor = checkpoint.tensors[name]
            assert (tensor.shape, tensor.name) == (expected.shape, name)
            assert tensor.n_bytes == expected.nbytes
            assert np.array_equal(tensor.array(), expected)
            assert tensor.array().dtype == expected.dtype
            assert not tensor.array().flags.writeable


@settings(max_examples=60, deadline=None)
@given(
    tensors=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(lambda name: name != "__metadata__"),
        st.sampled_from(sorted(SAFETENSORS_NAMES)).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
        ),
        max_size=6,
    )
)
def test_any_tensors_come_back(tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("any") / "x.safetensors"
    path.write_bytes(safetensors(tensors))
    with open_checkpoint(path) as checkpoint:
        assert set(checkpoint.tensors) == set(tensors)
        for name, expected in tensors.items():
            tensor = checkpoint.tensors[name]
            assert tensor.array().tobytes() == expected.tobytes()
            rows = tensor.raw_rows(0, tensor.n_rows)
            assert rows.shape == (tensor.n_rows, tensor.row_length)
            assert rows.tobytes() == expected.tobytes()


def test_bfloat16_rows(write: Write) -> None:
    values = np.array([[1.5, -2.0, 0.0], [np.inf, 3e38, 1e-40]], np.float32)
    halves = (values.view(np.uint32) >> 16).astype(np.uint16)
    header = {"w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}
    with open_checkpoint(write(safetensors_of(header, halves.tobytes()))) as checkpoint:
        tensor = checkpoint.tensors["w"]
        assert (tensor.dtype, tensor.raw_dtype) == ("bf16", "bf16")
        assert np.array_equal(tensor.rows(1, 2), halves[1:2])
        expected = (halves.astype(np.uint32) << 16).view(np.float32)
        assert np.array_equal(tensor.float_rows(0, 2), expected)


def test_8_bit_floats_are_raw_bytes(write: Write) -> None:
    header = {"w": {"dtype": "F8_E4M3", "shape": [2, 2], "data_offsets": [0, 4]}}
    with open_checkpoint(write(safetensors_of(header, b"\x01\x02\x03\x04"))) as checkpoint:
        tensor = checkpoint.tensors["w"]
        assert tensor.raw_dtype == "f8_e4m3"
        assert tensor.array().tolist() == [[1, 2], [3, 4]]
        with pytest.raises(KnownError) as caught:
            tensor.rows(0, 1)
        assert caught.value.kind == "not_a_weight"


def test_values_smaller_than_a_byte_are_listed_but_not_read(write: Write) -> None:
    header = {"w": {"dtype": "F4", "shape": [3, 2], "data_offsets": [0, 3]}}
    with open_checkpoint(write(safetensors_of(header, b"abc"))) as checkpoint:
        tensor = checkpoint.tensors["w"]
        assert tensor.n_bytes == 3
        for read in (tensor.array, lambda: tensor.raw_rows(0, 1)):
            with pytest.raises(KnownError, match=r"weights\.safetensors: tensor w: f4"):
                read()


def test_integers_are_no_weights(write: Write) -> None:
    with open_checkpoint(write(safetensors({"g_idx": np.arange(4, dtype=np.int32)}))) as checkpoint:
        tensor = checkpoint.tensors["g_idx"]
        assert tensor.raw_rows(0, 1).tolist() == [[0, 1, 2, 3]]
        for use in (lambda: tensor.rows(0, 1), lambda: tensor.dtype):
            with pytest.raises(KnownError, match=r"weights\.safetensors: tensor g_idx: its i32") as caught:
                use()
            assert caught.value.kind == "not_a_weight"


def test_float64_is_narrowed_and_checked(write: Write) -> None:
    values = np.array([[1 / 3, -np.inf], [1e300, np.nan]])
    with open_checkpoint(write(safetensors({"w": values}))) as checkpoint:
        tensor = checkpoint.tensors["w"]
        assert tensor.dtype == "f32"
        assert np.array_equal(tensor.rows(0, 1), values[:1].astype(np.float32))
        with pytest.raises(KnownError) as caught:
            tensor.rows(1, 2)
        assert (caught.value.kind, caught.value.details["tensor"]) == ("out_of_range", "w")


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (0, 8), (5, 4)])
def test_rows_that_do_not_exist(write: Write, start: int, stop: int) -> None:
    with open_checkpoint(write(safetensors(arrays()))) as checkpoint, pytest.raises(IndexError):
        checkpoint.tensors["model.embed.weight"].rows(start, stop)


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


BROKEN_ENTRIES = {
    "negative size": entry(shape=[-2]),
    "huge size": entry(shape=[1 << 62]),
    "size beyond 63 bits": entry(shape=[1 << 64]),
    "product wraps to 8 bytes": entry(shape=[1 << 32, 1 << 32, 2]),
    "fraction": entry(shape=[2.0]),
    "true": entry(shape=[True]),
    "shape is a number": entry(shape=2),
    "too many axes": entry(shape=[1] * 40 + [2]),
    "zero times huge": entry(shape=[0, 1 << 62], offsets=[0, 0]),
    "end before begin": entry(offsets=[8, 0]),
    "negative begin": entry(offsets=[-8, 0]),
    "huge end": entry(offsets=[0, 1 << 70]),
    "one offset": entry(offsets=[0]),
    "three offsets": entry(offsets=[0, 4, 8]),
    "offsets are text": entry(offsets="08"),
    "too few bytes": entry(offsets=[0, 4]),
    "too many bytes": entry(shape=[1]),
    "unknown type": entry(dtype="F128"),
    "type in small letters": entry(dtype="f32"),
    "type is a number": entry(dtype=3),
    "type is a list": entry(dtype=[[]]),
    "half a byte": entry(dtype="F4", shape=[3], offsets=[0, 8]),
    "no shape": {"dtype": "F32", "data_offsets": [0, 8]},
    "a key too many": entry() | {"strides": [1]},
    "no object": [0, 8],
    "null": None,
}


@pytest.mark.parametrize("case", BROKEN_ENTRIES)
def test_a_broken_entry_names_its_tensor(write: Write, case: str) -> None:
    error = refusal(write(safetensors_of({"model.w": BROKEN_ENTRIES[case]}, bytes(8))))
    assert error.kind == "bad_header"
    assert "model.w" in error.message


@pytest.mark.parametrize(
    ("second", "word"),
    [((4, 12), "overlaps"), ((0, 8), "overlaps"), ((12, 20), "gap")],
)
def test_ranges_must_tile_the_file(write: Write, second: tuple[int, int], word: str) -> None:
    header = {"a": entry(), "b": entry(offsets=list(second))}
    error = refusal(write(safetensors_of(header, bytes(max(8, second[1])))))
    assert error.kind == "bad_header"
    assert word in error.message
    assert "tensor b" in error.message


def test_a_gap_at_the_beginning(write: Write) -> None:
    assert refusal(write(safetensors_of({"a": entry(offsets=[4, 12])}, bytes(12)))).kind == "bad_header"


def test_truncated_and_overlong(write: Write) -> None:
    content = safetensors(arrays())
    error = refusal(write(content[:-1]))
    assert (error.kind, error.details["tensor"]) == ("truncated", "count")
    assert "1 bytes too early" in error.message
    error = refusal(write(content + b"\0\0"))
    assert error.kind == "overlong"


def test_values_at_odd_addresses_are_aligned(write: Write) -> None:
    header = {"a": entry("U8", [1], [0, 1]), "b": entry("F32", [2], [1, 9])}
    with open_checkpoint(write(safetensors_of(header, b"x" + np.array([1.5, 2.5], "<f4").tobytes()))) as checkpoint:
        array = checkpoint.tensors["b"].array()
        assert array.tolist() == [1.5, 2.5]
        assert array.flags.aligned
        assert not array.flags.writeable


def test_a_name_that_is_no_text(write: Write) -> None:
    assert refusal(write(safetensors_of({"\ud800": entry()}, bytes(8)))).kind == "bad_header"


def test_a_file_that_shrinks_while_it_is_read(write: Write) -> None:
    content = safetensors({"w": np.zeros((100, 100), np.float32)})
    path = write(content)
    with open_checkpoint(path) as checkpoint:
        path.write_bytes(content[:500])
        for read in (lambda: checkpoint.tensors["w"].rows(0, 100), checkpoint.tensors["w"].array):
            with pytest.raises(KnownError, match=path.name) as caught:
                read()
            assert caught.value.kind == "truncated"


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"{}x",
        b'{"a": NaN',
        b'{"a": 1e999}',
        b'{"\xff": 1}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a": {"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8]}}',
        b'{"__metadata__": {}, "__metadata__": {}}',
    ],
    ids=lambda header: header[:20].decode("latin-1"),
)
def test_a_broken_header(write: Write, header: bytes) -> None:
    assert refusal(write(safetensors_of(header, bytes(8)))).kind == "bad_header"


@pytest.mark.parametrize("length", [LONGEST_HEADER + 1, 1 << 40, (1 << 64) - 1])
def test_a_header_that_claims_to_be_huge(write: Write, length: int) -> None:
    assert refusal(write(length.to_bytes(8, "little") + b"{" + bytes(100))).kind == "bad_header"


def test_a_header_longer_than_the_file(write: Write) -> None:
    assert refusal(write((1000).to_bytes(8, "little") + b"{}")).kind == "truncated"


def test_names_cannot_write_to_the_terminal(write: Write) -> None:
    error = refusal(write(safetensors_of({"\x1b[2J" + "x" * 10_000: entry(shape=[3])}, bytes(8))))
    assert "\x1b" not in str(error)
    assert len(error.message) < 500
