from __future__ import annotations

import signal
from pathlib import Path

import pytest

from belle.engine.faults import death, load_fault


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("llama_model_load: error loading model: tensor 'blk.1' data is not within the file bounds", "truncated"),
        ("llama_model_load: error loading model: unknown model architecture: 'future'", "unsupported_architecture"),
        ("llama_model_load: error loading model: unknown pre-tokenizer type: 'x'", "unsupported_architecture"),
        ("gguf_init_from_file_impl: invalid magic characters: 'abcd', expected 'GGUF'", "not_gguf"),
        ("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 99", "out_of_memory"),
        ("llama_model_load: error loading model: missing tensor 'output_norm.weight'", "damaged"),
    ],
)  # fmt: skip
def test_reasons_for_a_failed_load(line: str, kind: str) -> None:
    fault = load_fault(Path("/models/my.gguf"), [line + "\n", "llama_model_load_from_file_impl: failed\n"])
    assert fault.kind == kind
    assert "my.gguf" in fault.message and fault.advice
    assert line.rsplit(": ", maxsplit=1)[-1][:30] in fault.message


def test_a_load_that_fails_without_a_word() -> None:
    assert load_fault(Path("my.gguf"), []).kind == "damaged"


@pytest.mark.parametrize(
    ("returncode", "log", "kind"),
    [
        (-signal.SIGKILL, "", "out_of_memory"),
        (-signal.SIGABRT, "terminate called after throwing an instance of 'std::bad_alloc'", "out_of_memory"),
        (-signal.SIGABRT, "ggml.c:1: GGML_ASSERT(x) failed", "backend_crash"),
        (-signal.SIGSEGV, "", "backend_crash"),
        (-signal.SIGILL, "", "backend_crash"),
        (-signal.SIGTERM, "", "killed"),
        (1, "Traceback (most recent call last):\n…\nKeyError: 'x'", "worker_bug"),
        (1, "MemoryError", "out_of_memory"),
        (0, "", "worker_bug"),
        (None, "", "worker_bug"),
    ],
)
def test_reasons_for_a_death(returncode: int | None, log: str, kind: str) -> None:
    why = death(returncode, log)
    assert why.kind == kind
    assert why.message and why.advice


def test_a_library_for_another_processor_has_its_own_advice() -> None:
    assert "llama-cpp-python" in death(-signal.SIGILL, "").advice
