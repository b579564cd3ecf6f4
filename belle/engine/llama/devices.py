"""The GPUs that llama.cpp can compute on, of the backends that were compiled in."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

_GPU, _INTEGRATED_GPU = 1, 2  # enum ggml_backend_dev_type


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU. `own_memory`: free bytes of its own memory, 0 when it shares the machine's memory."""

    name: str
    own_memory: int


def gpus() -> list[Gpu]:
    """The GPUs that layers can be offloaded to; none where llama.cpp was built for the processor alone."""
    import llama_cpp.llama_cpp as llama
    from llama_cpp._ggml import libggml

    if not llama.llama_supports_gpu_offload():
        return []
    libggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    libggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    libggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    libggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    libggml.ggml_backend_dev_description.argtypes = [ctypes.c_void_p]
    libggml.ggml_backend_dev_description.restype = ctypes.c_char_p
    libggml.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p] + [ctypes.POINTER(ctypes.c_size_t)] * 2
    libggml.ggml_backend_dev_memory.restype = None
    gpus = []
    for index in range(libggml.ggml_backend_dev_count()):
        device = libggml.ggml_backend_dev_get(index)
        kind = libggml.ggml_backend_dev_type(device)
        if kind in (_GPU, _INTEGRATED_GPU):
            free, total = ctypes.c_size_t(), ctypes.c_size_t()
            libggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
            # Apple's GPU reports itself as discrete, but shares the machine's memory.
            shared = kind == _INTEGRATED_GPU or sys.platform == "darwin"
            name = libggml.ggml_backend_dev_description(device).decode("utf-8", "replace")
            gpus.append(Gpu(name, 0 if shared else free.value))
    return gpus


def gpu_memory() -> list[int]:
    """`Gpu.own_memory` of each, for a process that asks another one: drivers may crash."""
    return [gpu.own_memory for gpu in gpus()]
