from __future__ import annotations

import signal
from pathlib import Path

import pytest

from belle.engine.llama.processor import Processor
from belle.engine.process.faults import death, load_fault, loading_note
from belle.engine.process.memory_pressure import MemoryFacts


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
        (-signal.SIGKILL, "", "killed"),
        (-signal.SIGABRT, "terminate called after throwing an instance of 'std::bad_alloc'", "out_of_memory"),
        (-signal.SIGABRT, "ggml.c:1: GGML_ASSERT(x) failed", "backend_crash"),
        (-signal.SIGSEGV, "", "backend_crash"),
        (-signal.SIGILL, "", "backend_crash"),
        (-signal.SIGTERM, "", "terminated"),
        (-signal.SIGUSR1, "", "killed"),
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


PLENTY = MemoryFacts(ran_out=False, free=20 << 30, total=32 << 30)
LITTLE = MemoryFacts(ran_out=False, free=90_000_000, total=32 << 30)
RAN_OUT = MemoryFacts(ran_out=True, free=20 << 30, total=32 << 30)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT, signal.SIGSEGV, signal.SIGHUP])
def test_memory_is_not_mentioned_when_there_was_plenty(number: signal.Signals) -> None:
    for memory in (None, PLENTY):
        assert "memory" not in death(-number, "", memory=memory).message


def test_memory_is_mentioned_as_far_as_it_is_known_to_have_been_short() -> None:
    little = death(-signal.SIGKILL, "", memory=LITTLE)
    assert little.kind == "killed_low_memory"
    assert "by the system or by someone" in little.message and "90 MB of 34 GB" in little.message
    ran_out = death(-signal.SIGKILL, "", memory=RAN_OUT)
    assert ran_out.kind == "out_of_memory" and "memory" in ran_out.message


def test_an_illegal_instruction_is_not_explained_by_guessing(monkeypatch: pytest.MonkeyPatch) -> None:
    for safer_too in (False, True):
        why = death(-signal.SIGILL, "", safer_too=safer_too)
        assert "another" not in why.message and "built for" not in why.message
        assert "llama-cpp-python" in why.advice
        assert ("extra kernels" in why.message) == safer_too
    monkeypatch.setattr("belle.engine.process.faults.built_with", lambda: {"AVX2": "1", "AMX_INT8": "1", "SME": "1"})
    monkeypatch.setattr(
        "belle.engine.process.faults.this_processor", lambda: Processor("old", "x86_64", ("avx", "avx2"))
    )
    assert "built for processors with AMX_INT8, SME" in death(-signal.SIGILL, "").message


FOLDER = "/tmp/pip-install-xyz/llama-cpp-python_0123/vendor/llama.cpp/src"


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (f"{FOLDER}/llama-vocab.cpp:25: GGML_ASSERT(id_to_token.size() == token_to_id.size()) failed",
         "two tokens of the model's vocabulary are equal"),
        (f"{FOLDER}/llama-model.cpp:13: GGML_ASSERT(n_expert_used_max <= hparams.n_expert) failed", "experts"),
        (f"{FOLDER}/llama-graph.cpp:7: GGML_ASSERT(n_head > 0) failed", "(SIGABRT): llama-graph.cpp:7: GGML_ASSERT"),
        ("terminate called after throwing an instance of 'std::out_of_range'\n  what():  _Map_base::at\n",
         "'std::out_of_range' what():  _Map_base::at"),
        ("free(): invalid pointer\n", "free(): invalid pointer"),
        ("llama_context: n_ctx_seq (512) < n_ctx_train (8192)\n", "because llama.cpp crashed over m.gguf (SIGABRT)."),
    ],
)  # fmt: skip
def test_a_crash_is_told_in_native_code_s_own_words(log: str, said: str) -> None:
    why = death(-signal.SIGABRT, loading_note(Path("/models/m.gguf")) + log)
    assert said in why.message and "m.gguf" in why.message and "/tmp" not in why.message
    assert why.advice
