"""A processor on which llama.cpp's extra kernels do not work: its processes die of a real SIGILL, as with broken AMX.

`install` gives the variables with which every Python process started from now on wraps `llama_decode`: a batch of
several tokens runs into an illegal instruction, or its logits are wrong, unless the model was loaded without the extra
kernels.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_SITECUSTOMIZE = """
import ctypes, importlib.abc, importlib.util, mmap, os, platform, sys

ALWAYS, LIES, SPARED = {always!r}, {lies!r}, {spared!r}


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "llama_cpp.llama_cpp":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            wrap(module)

        spec.loader.exec_module = exec_module
        return spec


def wrap(llama):
    load, decode, logits = llama.llama_model_load_from_file, llama.llama_decode, llama.llama_get_logits_ith
    broken = [False]

    def llama_model_load_from_file(path, params):
        broken[0] = (ALWAYS or params.use_extra_bufts) and not (SPARED and SPARED in path)
        return load(path, params)

    def llama_decode(context, batch):
        if broken[0] and batch.n_tokens > 4 and not LIES:
            illegal_instruction()
        return decode(context, batch)

    def llama_get_logits_ith(context, index):
        row = logits(context, index)
        if broken[0] and LIES:
            for i in range(100):
                row[i] = -row[i] * i
        return row

    llama.llama_model_load_from_file, llama.llama_decode = llama_model_load_from_file, llama_decode
    llama.llama_get_logits_ith = llama_get_logits_ith


def illegal_instruction():
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write({{"x86_64": bytes.fromhex("0f0b")}}.get(platform.machine(), bytes(4)))
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()


sys.meta_path.insert(0, Finder())
"""


def install(folder: Path, *, always: bool = False, lies: bool = False, spared: bytes = b"") -> dict[str, str]:
    """Write the hook into `folder` and give the environment that makes Python load it.

    Args:
        folder: of the hook.
        always: the plain kernels do not work either.
        lies: they compute nonsense and do not die.
        spared: files with this in their path work.
    """
    hook = _SITECUSTOMIZE.format(always=always, lies=lies, spared=spared)
    (folder / "sitecustomize.py").write_text(hook, encoding="utf-8")
    before = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([before] if before else [])])}


def break_llama(folder: Path, monkeypatch: pytest.MonkeyPatch, **how: bool) -> None:
    """`install` for the rest of a test, sparing weights in F32, of which there is only one kind of kernel."""
    monkeypatch.setenv("PYTHONPATH", install(folder, spared=b"F32", **how)["PYTHONPATH"])
