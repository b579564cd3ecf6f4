"""llama.cpp's log. Reasons are found nowhere else: a load that fails just returns a null pointer."""

from __future__ import annotations

from typing import Any

import llama_cpp.llama_cpp as llama

from belle.engine.process.ggml_log import GgmlLog

# llama.cpp stores only the address of the callback, and calls it until the process ends: none may be garbage-collected.
_callbacks: list[Any] = []


class NativeLog(GgmlLog):
    """Redirects llama.cpp's log for the whole process. `callback` is for libraries that log in the same way."""

    def __init__(self) -> None:
        super().__init__()
        self.callback = llama.llama_log_callback(self.receive)
        _callbacks.append(self.callback)
        llama.llama_log_set(self.callback, None)
