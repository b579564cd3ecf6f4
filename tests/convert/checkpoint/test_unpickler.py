"""The pickle machine gives what the standard library gives, for everything that is only data."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belle.errors import KnownError
from convert.checkpoint.torch_tensors import TORCH_NAMES
from convert.checkpoint.unpickler import unpickle

PATH = Path("x.bin")

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=5)
        | st.dictionaries(st.text(), inner, max_size=5).map(OrderedDict)
    ),
    max_leaves=30,
)


@settings(max_examples=200, deadline=None)
@given(value=values, protocol=st.integers(2, pickle.HIGHEST_PROTOCOL))
def test_plain_values(value: Any, protocol: int) -> None:
    stream = io.BytesIO(pickle.dumps(value, protocol) + b"the next thing")
    result = unpickle(stream, PATH, names=TORCH_NAMES)
    assert result == value
    assert repr(result) == repr(value).replace("OrderedDict()", "{}") or "OrderedDict(" in repr(value)
    assert stream.read() == b"the next thing"


@settings(max_examples=500, deadline=None)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        unpickle(io.BytesIO(raw), PATH, names=TORCH_NAMES, persistent=lambda identifier: None)
    except KnownError as error:
        assert "x.bin" in error.message


def test_a_shared_value_stays_shared() -> None:
    shared: list[int] = [1]
    first, second = unpickle(io.BytesIO(pickle.dumps((shared, shared), 4)), PATH, names={})
    assert first is second


def test_keys_that_are_no_text_are_dropped() -> None:
    content = {1: "one", "two": 2, (3,): 3}
    assert unpickle(io.BytesIO(pickle.dumps(content, 2)), PATH, names={}) == {"two": 2}


@pytest.mark.parametrize("value", [{1, 2}, frozenset("ab"), bytearray(b"x"), complex(1, 2), range(3)])
def test_other_builtin_types_are_refused(value: object) -> None:
    with pytest.raises(KnownError):
        unpickle(io.BytesIO(pickle.dumps(value, 5)), PATH, names=TORCH_NAMES)
