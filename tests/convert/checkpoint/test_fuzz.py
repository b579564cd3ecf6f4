"""Damaged weights files: whatever bytes change, the answer is tensors or a KnownError, and never more than the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.checkpoint import open_checkpoint
from tests.convert.checkpoint.building import (
    arrays,
    program,
    safetensors,
    state_dict,
    torch_legacy,
    torch_tensors,
    torch_zip,
    torch_zip_items,
    zip_file,
)


def zip64(tensors: dict) -> bytes:
    storages = {str(key): array.tobytes() for key, array in enumerate(tensors.values())}
    return zip_file(torch_zip_items(program(state_dict(torch_tensors(tensors))), storages), zip64=True)


SOUND: dict[str, bytes] = {build.__name__: build(arrays()) for build in (safetensors, torch_zip, torch_legacy, zip64)}
# Bytes that mean something somewhere: extremes of numbers, digits, brackets, pickle instructions, zip signatures.
TELLING = [b"\x00", b"\xff", b"\x7f", b"\x80", b"9", b"-", b"[", b'"', b"}", b".", b"(", b"R", b"t", b"0", b"2"]
TELLING += [b"\xff" * 4, b"\xff" * 8, b"\x00" * 8, b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"\x80\x02"]

Edit = Callable[[bytes], bytes]


def replaced(position: int, new: bytes) -> Edit:
    return lambda raw: raw[: position % len(raw)] + new + raw[position % len(raw) + len(new) :] if raw else raw


def inserted(position: int, new: bytes) -> Edit:
    return lambda raw: raw[: position % (len(raw) + 1)] + new + raw[position % (len(raw) + 1) :]


def removed(position: int, length: int) -> Edit:
    return lambda raw: raw[: position % (len(raw) + 1)] + raw[position % (len(raw) + 1) + length :]


def repeated(position: int, length: int) -> Edit:
    return lambda raw: raw[: position % (len(raw) + 1)] + raw[max(0, position % (len(raw) + 1) - length) :]


positions = st.integers(0, 1 << 14)
pieces = st.sampled_from(TELLING) | st.binary(min_size=1, max_size=4)
edits = st.one_of(
    st.builds(replaced, positions, pieces),
    st.builds(inserted, positions, pieces),
    st.builds(removed, positions, st.integers(1, 200)),
    st.builds(repeated, positions, st.integers(1, 200)),
)


def read_everything(path: Path) -> None:
    """Open and read, or fail with a KnownError; a tensor can never be larger than its file."""
    try:
        with open_checkpoint(path) as checkpoint:
            for tensor in checkpoint.tensors.values():
                assert tensor.n_bytes <= path.stat().st_size
                try:
                    assert tensor.array().nbytes == tensor.n_bytes
                    assert tensor.raw_rows(0, tensor.n_rows).tobytes() == tensor.array().tobytes()
                    tensor.float_rows(0, tensor.n_rows)
                except KnownError as error:
                    assert path.name in error.message
    except KnownError as error:
        assert path.name in error.message
        assert len(str(error)) < 2000


@pytest.mark.parametrize("kind", SOUND)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(edits, min_size=1, max_size=4))
def test_edited_files(tmp_path: Path, kind: str, changes: list[Edit]) -> None:
    raw = SOUND[kind]
    for change in changes:
        raw = change(raw)
    path = tmp_path / "damaged.bin"
    path.write_bytes(raw)
    read_everything(path)


@pytest.mark.parametrize("kind", SOUND)
def test_every_truncation(tmp_path: Path, kind: str) -> None:
    """A file cut off anywhere is refused, never read as a smaller checkpoint."""
    path = tmp_path / "damaged.bin"
    raw = SOUND[kind]
    for length in range(0, len(raw), 7):
        path.write_bytes(raw[:length])
        with pytest.raises(KnownError, match=r"damaged\.bin"):
            open_checkpoint(path)


@pytest.mark.parametrize("kind", SOUND)
def test_bytes_turned_everywhere(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "damaged.bin"
    for position in range(0, len(SOUND[kind]), 2):
        raw = bytearray(SOUND[kind])
        raw[position] ^= (0x01, 0x80, 0xFF)[position % 3]
        path.write_bytes(raw)
        read_everything(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(b"PK\x03\x04")
@example(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.")
@example(b"\x02\0\0\0\0\0\0\0{}")
@given(raw=st.binary(max_size=300) | st.binary(max_size=300).map(lambda raw: b"PK\x03\x04" + raw))
def test_any_bytes(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "damaged.bin"
    path.write_bytes(raw)
    read_everything(path)
