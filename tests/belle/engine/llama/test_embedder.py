"""Embeddings are llama.cpp's own, also of texts that are read in chunks."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path

import llama_cpp.llama_cpp as llama
import numpy as np
import pytest

from belle.engine.llama.context import StopFlag
from belle.engine.llama.embedder import Embedder
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.errors import KnownError


@pytest.fixture(scope="module")
def model(starter: Path, native_log: NativeLog) -> Model:
    return Model(starter, n_gpu_layers=0, log=native_log, on_progress=lambda _: True)


@pytest.fixture(scope="module")
def embedder(model: Model, native_log: NativeLog) -> Embedder:
    return Embedder(model, threads=2, stop=StopFlag())


def pooled(model: Model, tokens: list[int]) -> np.ndarray:
    """By llama.cpp, all at once."""
    params = llama.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = 512
    params.embeddings, params.pooling_type, params.flash_attn_type = True, llama.LLAMA_POOLING_TYPE_MEAN, 0
    context = llama.llama_init_from_model(model.handle, params)
    ids = (llama.llama_token * len(tokens))(*tokens)
    assert llama.llama_decode(context, llama.llama_batch_get_one(ids, len(tokens))) == 0
    pointer = ctypes.cast(llama.llama_get_embeddings_seq(context, 0), ctypes.POINTER(ctypes.c_float))
    vector = np.ctypeslib.as_array(pointer, (llama.llama_model_n_embd(model.handle),)).copy()
    llama.llama_free(context)
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("text", ["Hello", "The cat sleeps. " * 60])
def test_an_embedding_is_the_one_that_llama_cpp_pools(model: Model, embedder: Embedder, text: str) -> None:
    tokens = model.vocabulary.tokenize(text)
    vector = np.array(embedder.embed(tokens))
    assert math.isclose(float(np.linalg.norm(vector)), 1.0, abs_tol=1e-6)
    assert float(vector @ pooled(model, tokens)) > 0.9999


def test_a_text_that_is_too_long_is_refused(embedder: Embedder) -> None:
    with pytest.raises(KnownError) as caught:
        embedder.embed([1] * 8193)
    assert caught.value.kind == "prompt_too_long"


def test_it_can_be_stopped(model: Model, native_log: NativeLog) -> None:
    flag = StopFlag()
    other = Embedder(model, threads=1, stop=flag)
    flag.set()
    with pytest.raises(KnownError) as caught:
        other.embed([1, 2, 3])
    assert caught.value.kind == "stopped"
    flag.clear()
    assert len(other.embed([1, 2, 3])) == 576
