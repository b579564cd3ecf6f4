"""A llama.cpp that goes wrong on this processor: a `sitecustomize` for the child processes of a test.

It is the real library; one function of it does what a bad kernel does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_START = """
import os, signal
import llama_cpp.llama_cpp as llama

_decode, _logits, _load = llama.llama_decode, llama.llama_get_logits_ith, llama.llama_model_load_from_file
_bad = False

def load(path, params):
    global _bad
    # Of weights in F32 there is only one kind of kernel.
    _bad = b"F32" not in path and ({always} or bool(params.use_extra_bufts))
    return _load(path, params)

llama.llama_model_load_from_file = load
"""
_DIES = """
def decode(context, batch):
    if _bad and batch.n_tokens > 32:
        os.kill(os.getpid(), signal.SIGILL)
    return _decode(context, batch)

llama.llama_decode = decode
"""
_LIES = """
def logits(context, index):
    row = _logits(context, index)
    if _bad:
        for i in range(100):
            row[i] = -row[i] * i
    return row

llama.llama_get_logits_ith = logits
"""


def break_llama(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, lies: bool = False, in_safer_mode_too: bool = False
) -> None:
    """From now on, child processes of this test die of SIGILL at a long prompt, or compute wrong logits."""
    text = _START.format(always=in_safer_mode_too) + (_LIES if lies else _DIES)
    (folder / "sitecustomize.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(folder))
