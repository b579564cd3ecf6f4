"""llama.cpp's log outlives whoever listened to it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
import llama_cpp.llama_cpp as llama
from belle.engine.llama.native_log import NativeLog

log = NativeLog()
assert llama.llama_model_load_from_file(b"/no/such/file.gguf", llama.llama_model_default_params()) is None
assert any("no/such/file" in line for line in log.errors())
del log
gc.collect()
for _ in range(50):
    bytearray(1 << 16)
    llama.llama_model_load_from_file(b"/no/such/file.gguf", llama.llama_model_default_params())
print("alive")
"""


def test_a_listener_that_has_gone_is_not_called_into_freed_memory() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "alive"
