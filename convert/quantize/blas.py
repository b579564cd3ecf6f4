"""One thread for each matrix product of numpy's: here the threads are ours, and each has small products of its own.

A library that starts more threads for every product lets them wait for each other in busy loops: on a machine with
other work to do that made rounding six times slower.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

from numpy.linalg import _umath_linalg

# OpenBLAS as numpy's wheels carry it, version 2 and version 1.26. Other libraries are left as they are.
_NAMES = ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let numpy's matrix products of the whole process run on one thread each, where that can be said to them."""
    get, put = _functions()
    if get is None or put is None:
        yield
        return
    before: int = get()
    put(1)
    try:
        yield
    finally:
        put(before)


def _functions() -> tuple[Any, Any]:
    # What an extension of numpy's is linked to is found through it.
    library = ctypes.CDLL(_umath_linalg.__file__)
    for name in _NAMES:
        with contextlib.suppress(AttributeError):
            return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None, None
