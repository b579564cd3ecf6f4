"""Rules that llama.cpp's files do not show: names, facts, and intended differences."""

from __future__ import annotations

import re

import pytest
from gguf.constants import GGMLQuantizationType as T

from belle.errors import KnownError
from belle.gguf import ggml
from belle.gguf.types import FILE_TYPES, file_type, row_bytes, tensor_type, tensor_type_names
from convert.plan.mixture import ModelFacts, TypeRequests, choose_types, fit, more_bits
from tests.convert.tiny_models import make_model, plan

ISSUE = "f32 f16 bf16 q8_0 q4_0 q4_1 q5_0 q5_1 q2_k q2_k_s q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k"


def test_every_promised_type_is_there() -> None:
    assert set(FILE_TYPES) == {*ISSUE.split(), "iq4_nl", "iq4_xs"}


@pytest.mark.parametrize(
    ("name", "means"),
    [("q4_k", "Q4_K_M"), ("Q5_K", "Q5_K_M"), ("q3_k", "Q3_K_M"), ("Q4-K-M", "Q4_K_M"), ("fp16", "F16")],
)
def test_aliases(name: str, means: str) -> None:
    assert file_type(name).name == means


@pytest.mark.parametrize("name", ["q4", "", "q4_k_l", "int8", "q4_k_m "])
def test_unknown_file_types(name: str) -> None:
    if name.strip() in FILE_TYPES:
        assert file_type(name).name == "Q4_K_M"
        return
    with pytest.raises(KnownError, match="There is no file type"):
        file_type(name)


def test_tensor_types() -> None:
    assert tensor_type("q4_k") is T.Q4_K
    assert tensor_type("IQ4_XS") is T.IQ4_XS
    with pytest.raises(KnownError, match="names a whole file"):
        tensor_type("q4_k_m")
    with pytest.raises(KnownError, match="no tensor type"):
        tensor_type("Q8_K")


def test_sizes_are_ggmls_own() -> None:
    for name in tensor_type_names():
        assert row_bytes(T[name], 1024) == ggml._base().ggml_row_size(int(T[name]), 1024)


def test_the_type_traits_are_read_where_they_lie() -> None:
    import numpy as np
    from gguf.quants import dequantize

    values = np.random.default_rng(0).standard_normal((2, 256)).astype(np.float32)
    for kind in (T.Q4_0, T.Q8_0, T.Q4_K, T.Q6_K, T.IQ4_XS):
        blocks = np.empty(2 * row_bytes(kind, 256), np.uint8)
        ggml.quantize(kind, values, blocks, None)
        expected = dequantize(blocks.reshape(2, -1), kind).ravel()
        np.testing.assert_allclose(ggml.dequantize(kind, blocks, 512), expected, rtol=1e-6, atol=1e-7)


def test_more_bits_for_first_last_and_every_third() -> None:
    assert [more_bits(i, 16) for i in range(16)] == [i in (0, 1, 4, 7, 10, 13, 14, 15) for i in range(16)]


@pytest.mark.parametrize(
    ("kind", "width", "result"),
    [
        (T.Q4_K, 256, T.Q4_K),
        (T.Q4_K, 288, T.Q5_0),
        (T.Q6_K, 96, T.Q8_0),
        (T.IQ4_XS, 96, T.IQ4_NL),
        (T.Q4_K, 100, T.F16),
        (T.Q8_0, 33, T.F16),
        (T.F32, 33, T.F32),
    ],
)
def test_rows_that_do_not_divide(kind: T, width: int, result: T) -> None:
    assert fit(kind, width) is result


def test_facts_from_metadata() -> None:
    values = {"general.architecture": "llama", "llama.block_count": 80, "llama.attention.head_count": 64}
    assert ModelFacts.from_metadata(values).shared_heads == 1
    assert not ModelFacts.from_metadata(values).is_70b
    grouped = ModelFacts.from_metadata(values | {"llama.attention.head_count_kv": [8, 8]})
    assert grouped.shared_heads == 8
    assert grouped.is_70b


def test_requests_are_followed_for_float_files_too() -> None:
    model = make_model(layers=2)
    requests = TypeRequests(tensors=((re.compile("ATTN_V", re.IGNORECASE), T.Q8_0),))
    types = choose_types(model.shapes(), file_type("f16"), model.facts, requests=requests)
    assert {kind for name, kind in types.items() if "attn_v" in name} == {T.Q8_0}
    assert {kind for name, kind in types.items() if "attn_q" in name} == {T.F16}


def test_vectors_and_norms_stay_f32() -> None:
    shapes = {
        "blk.0.attn_norm.weight": (256,),
        "blk.0.odd_norm.weight": (256, 256),
        "blk.0.ffn_gate_inp.weight": (8, 256),
        "blk.0.ffn_up.bias": (256,),
        "position_embd.weight": (64, 256),
        "one_row.weight": (1, 256),
        "matrix.weight": (2, 256),
    }
    types = choose_types(shapes, file_type("q8_0"), ModelFacts("llama", 1, 1, 1))
    assert [name for name, kind in types.items() if kind is not T.F32] == ["matrix.weight"]


def test_a_requested_type_that_does_not_fit() -> None:
    with pytest.raises(KnownError) as failure:
        plan(make_model(width=48, ffn=96, layers=2), "q8_0", requests=TypeRequests(embeddings=T.Q4_K))
    assert failure.value.kind == "type_does_not_fit"
    assert "token_embd.weight" in failure.value.message


def test_types_that_need_an_imatrix_say_so() -> None:
    requests = TypeRequests(tensors=((re.compile("ffn_up"), T.IQ2_S),))
    with pytest.raises(KnownError) as failure:
        plan(make_model(layers=2), "q4_k_m", requests=requests)
    assert failure.value.kind == "imatrix_needed"
