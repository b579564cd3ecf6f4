"""Stops a computation of ggml from another thread."""

from __future__ import annotations

import ctypes


class NativeStopFlag:
    """Stops an evaluation from another thread, also in the middle of it.

    ggml calls an abort callback, `bool (void *)`, before each of a token's thousand graph nodes. A Python function
    would cost a tenth of the speed, and would need the interpreter's lock. The C library's `strlen` has the same
    signature: 0 (go on) for an empty string, 1 (stop) for one of a single byte. So setting that byte is all it takes.

    Attributes:
        function, data: the callback and its argument.
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)  # b"\0\0"; the second byte stays 0 and ends the string
        self.function = ctypes.cast(ctypes.CDLL(None).strlen, ctypes.c_void_p)
        self.data = ctypes.c_void_p(ctypes.addressof(self._text))

    def set(self) -> None:
        """Stop the evaluation in progress, and all that follow until `clear`."""
        self._text[0] = b"\x01"

    def clear(self) -> None:
        """Allow evaluations again."""
        self._text[0] = b"\x00"

    def __bool__(self) -> bool:
        return self._text[0] != b"\x00"
