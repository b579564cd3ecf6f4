"""One pass gives what llama.cpp's two steps give: every tensor's type and bytes, for every type and model shape."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from gguf.constants import GGMLQuantizationType as T

from belle.errors import KnownError
from belle.gguf.imatrix import Imatrix
from belle.gguf.types import FILE_TYPES
from convert.plan.mixture import TypeRequests
from tests.convert.tiny_models import (
    TinyModel,
    differences,
    importances,
    make_model,
    plan,
    quantize_with_llama_cpp,
    write,
)

MODELS = {
    "llama": {},
    "llama, 4 heads share a value": {"heads": 8, "kv_heads": 2},
    "llama, 9 layers, tied": {"layers": 9, "tied": True},
    "llama 70B shape": {"layers": 80, "heads": 16, "kv_heads": 2, "rows": 1, "ffn": 256},
    "llama, rows of 576": {"width": 576, "ffn": 1536},
    "llama, rows of 48": {"width": 48, "ffn": 96},
    "bloom": {"architecture": "bloom", "tied": True},
    "bloom, 30 layers, untied": {"architecture": "bloom", "layers": 30},
    "qwen2, 80 layers": {"architecture": "qwen2", "layers": 80, "rows": 2, "ffn": 256},
}


def _rows_at_least_two(options: dict) -> dict:
    return options | {"rows": max(2, options.get("rows", 4))}


@pytest.fixture(scope="module", params=list(MODELS))
def model(request: pytest.FixtureRequest) -> TinyModel:
    return make_model(**_rows_at_least_two(MODELS[request.param]))


@pytest.fixture(scope="module")
def f16_file(model: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(model, tmp_path_factory.mktemp("f16") / "f16.gguf")


@pytest.mark.parametrize("with_imatrix", [False, True], ids=["", "imatrix"])
@pytest.mark.parametrize("type_name", FILE_TYPES)
def test_same_as_llama_cpp(
    model: TinyModel, f16_file: Path, type_name: str, with_imatrix: bool, tmp_path: Path
) -> None:
    importance = importances(model) if with_imatrix else None
    accepted = quantize_with_llama_cpp(f16_file, tmp_path / "theirs.gguf", type_name, imatrix=importance)
    imatrix = Imatrix(importance) if importance else None
    if not accepted:
        with pytest.raises(KnownError) as refusal:
            plan(model, type_name, imatrix=imatrix)
        assert refusal.value.kind == "imatrix_needed"
        return
    write(model, tmp_path / "ours.gguf", type_name, imatrix=imatrix)
    assert differences(tmp_path / "ours.gguf", tmp_path / "theirs.gguf") == []


REQUESTS = {
    "by name": TypeRequests(tensors=((re.compile("attn_v"), T.Q8_0), (re.compile(r"blk\.[0-3]\.ffn"), T.Q6_K))),
    "output": TypeRequests(output=T.Q5_K),
    "embeddings": TypeRequests(embeddings=T.Q4_0),
    "both": TypeRequests(output=T.F16, embeddings=T.F16),
    "pure": TypeRequests(pure=True),
    "all": TypeRequests(tensors=((re.compile("ffn_down"), T.IQ4_NL),), output=T.Q8_0, embeddings=T.Q6_K, pure=True),
}


@pytest.mark.parametrize("asked", REQUESTS)
@pytest.mark.parametrize("type_name", ["q4_k_m", "q3_k_m", "q5_0", "q8_0"])
@pytest.mark.parametrize("tied", [False, True], ids=["", "tied"])
def test_requests_are_followed_as_llama_cpp_does(asked: str, type_name: str, tied: bool, tmp_path: Path) -> None:
    model, requests = make_model(kv_heads=4, tied=tied), REQUESTS[asked]
    f16 = write(model, tmp_path / "f16.gguf")
    assert quantize_with_llama_cpp(f16, tmp_path / "theirs.gguf", type_name, requests=requests)
    write(model, tmp_path / "ours.gguf", type_name, requests=requests)
    assert differences(tmp_path / "ours.gguf", tmp_path / "theirs.gguf") == []


@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("type_name", ["q4_k_m", "q8_0", "f16"])
def test_other_precisions_pass_through_f16(dtype: str, type_name: str, tmp_path: Path) -> None:
    model = make_model(dtype=dtype, layers=8)
    f16 = write(model, tmp_path / "f16.gguf")
    assert quantize_with_llama_cpp(f16, tmp_path / "theirs.gguf", type_name)
    write(model, tmp_path / "ours.gguf", type_name)
    assert differences(tmp_path / "ours.gguf", tmp_path / "theirs.gguf") == []


def test_matrices_of_many_chunks_are_the_same(tmp_path: Path) -> None:
    model = make_model(width=1024, ffn=2816, layers=1, rows=1100, tied=True)
    f16 = write(model, tmp_path / "f16.gguf")
    importance = importances(model)
    assert quantize_with_llama_cpp(f16, tmp_path / "theirs.gguf", "q4_k_m", imatrix=importance)
    write(model, tmp_path / "ours.gguf", "q4_k_m", imatrix=Imatrix(importance))
    assert differences(tmp_path / "ours.gguf", tmp_path / "theirs.gguf") == []


def test_the_imatrix_changes_the_bytes(tmp_path: Path) -> None:
    model = make_model(layers=8)
    plain = write(model, tmp_path / "plain.gguf", "q4_k_m")
    weighed = write(model, tmp_path / "weighed.gguf", "q4_k_m", imatrix=Imatrix(importances(model)))
    assert len(differences(plain, weighed)) > 50
