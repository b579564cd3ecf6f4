"""The functions of the ggml library that quantize and convert numbers, called through ctypes.

llama-cpp-python ships ggml as shared libraries. Its Python package is not imported, because that would load llama.cpp
with all backends. ctypes releases the interpreter lock during a call, so the calls run in parallel threads.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
from gguf.constants import GGMLQuantizationType as GGMLType
from numpy.typing import NDArray

from belle.errors import KnownError
from belle.gguf.types import row_bytes

_SUFFIX = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")


def library_folder() -> Path:
    """The folder of ggml's shared libraries. Raises KnownError when llama-cpp-python is not installed."""
    spec = importlib.util.find_spec("llama_cpp")
    for folder in spec.submodule_search_locations or [] if spec else []:
        for candidate in (Path(folder) / "lib", Path(folder)):
            if (candidate / f"libggml-base{_SUFFIX}").is_file():
                return candidate
    raise KnownError(
        "no_ggml", "The ggml library, which quantizes, was not found.", "Install it with: pip install llama-cpp-python"
    )


@functools.cache
def _base() -> ctypes.CDLL:
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")  # otherwise an abort starts a debugger
    library = ctypes.CDLL(str(library_folder() / f"libggml-base{_SUFFIX}"))
    i64, size, pointer = ctypes.c_int64, ctypes.c_size_t, ctypes.c_void_p
    signatures = {
        "ggml_quantize_chunk": (size, [ctypes.c_int, pointer, pointer, i64, i64, i64, pointer]),
        "ggml_quantize_init": (None, [ctypes.c_int]),
        "ggml_quantize_free": (None, []),
        "ggml_quantize_requires_imatrix": (ctypes.c_bool, [ctypes.c_int]),
        "ggml_validate_row_data": (ctypes.c_bool, [ctypes.c_int, pointer, size]),
        "ggml_row_size": (size, [ctypes.c_int, i64]),
        "ggml_get_type_traits": (ctypes.POINTER(_TypeTraits), [ctypes.c_int]),
        "ggml_fp16_to_fp32_row": (None, [pointer, pointer, i64]),
        "ggml_fp32_to_fp16_row": (None, [pointer, pointer, i64]),
        "ggml_fp32_to_bf16_row_ref": (None, [pointer, pointer, i64]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class _TypeTraits(ctypes.Structure):
    _fields_ = (
        ("type_name", ctypes.c_char_p),
        ("blck_size", ctypes.c_int64),
        ("blck_size_interleave", ctypes.c_int64),
        ("type_size", ctypes.c_size_t),
        ("is_quantized", ctypes.c_bool),
        ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
    )


@functools.cache
def _half_conversions() -> tuple[ctypes._NamedFuncPointer, ctypes._NamedFuncPointer]:
    """The functions f16→f32 and f32→f16: where possible the CPU backend's vectorized ones, 15 times faster."""
    base = _base()
    try:
        cpu = ctypes.CDLL(str(library_folder() / f"libggml-cpu{_SUFFIX}"))
        cpu.ggml_cpu_init()  # fills tables that processors without half-precision instructions need
        widen, narrow = cpu.ggml_cpu_fp16_to_fp32, cpu.ggml_cpu_fp32_to_fp16
    except (OSError, AttributeError):
        return base.ggml_fp16_to_fp32_row, base.ggml_fp32_to_fp16_row
    for function in (widen, narrow):
        function.restype, function.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    return widen, narrow


def prepare(kind: GGMLType) -> None:
    """Build the tables that `kind` needs. To be called before several threads quantize."""
    _base().ggml_quantize_init(int(kind))


def release() -> None:
    """Free the tables of `prepare`."""
    _base().ggml_quantize_free()


def quantize(
    kind: GGMLType, rows: NDArray[np.float32], out: NDArray[np.uint8], importance: NDArray[np.float32] | None
) -> None:
    """Quantize contiguous `rows` `[n, width]` to blocks of `kind` in `out`; `importance` is per column, `[width]`."""
    n_rows, width = rows.shape
    written = _base().ggml_quantize_chunk(
        int(kind),
        rows.ctypes.data,
        out.ctypes.data,
        0,
        n_rows,
        width,
        None if importance is None else importance.ctypes.data,
    )
    if written != n_rows * row_bytes(kind, width):
        raise RuntimeError(f"ggml wrote {written} bytes for {n_rows} rows of {width} as {kind.name}")


def dequantize(kind: GGMLType, blocks: NDArray[np.uint8], n: int) -> NDArray[np.float32]:
    """The `n` values in contiguous `blocks` of `kind`."""
    out = np.empty(n, dtype=np.float32)
    dequantize_into(kind, blocks, out)
    return out


def dequantize_into(kind: GGMLType, blocks: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Fill contiguous `out` with the values in contiguous `blocks` of `kind`."""
    _base().ggml_get_type_traits(int(kind)).contents.to_float(blocks.ctypes.data, out.ctypes.data, out.size)


def valid_blocks(kind: GGMLType, blocks: NDArray[np.uint8]) -> bool:
    """False when a scale in contiguous `blocks` is infinite or not a number."""
    return bool(_base().ggml_validate_row_data(int(kind), blocks.ctypes.data, blocks.nbytes))


def f16_to_f32(values: NDArray[np.float16], out: NDArray[np.float32]) -> None:
    """Convert contiguous `values` to float32 in `out`; exact."""
    _half_conversions()[0](values.ctypes.data, out.ctypes.data, values.size)


def f32_to_f16(values: NDArray[np.float32], out: NDArray[np.float16]) -> None:
    """Round contiguous `values` to float16 in `out`, to nearest even; too large values become infinite."""
    _half_conversions()[1](values.ctypes.data, out.ctypes.data, values.size)


def f32_to_bf16(values: NDArray[np.float32], out: NDArray[np.uint16]) -> None:
    """Round contiguous `values` to the bits of bfloat16 in `out`, to nearest even."""
    _base().ggml_fp32_to_bf16_row_ref(values.ctypes.data, out.ctypes.data, values.size)
