"""ggml's struct of a tensor, as ctypes sees it: the door to what llama.cpp's C interface does not show."""

from __future__ import annotations

import ctypes


class Tensor(ctypes.Structure):
    """`struct ggml_tensor` of ggml 0.25 (llama-cpp-python 0.3.36). Whoever meets one checks it before believing it."""


Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.POINTER(Tensor) * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
    ("extra", ctypes.c_void_p),
    ("padding", ctypes.c_char * 8),
]
