"""The context that tools use: rows of logits, several sequences, what is forgotten, and what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from belle.engine.llama.evaluator import ContextOptions, Entry, Evaluator
from belle.errors import KnownError
from tests.belle.engine.tiny_gguf import write_random_model

ROOT = Path(__file__).parents[4]
OPTIONS = ContextOptions(n_ctx=256, n_batch=64, n_sequences=3)
IDS = [1, 30, 5, 8, 13, 21, 34, 55]


@pytest.fixture
def evaluator(tmp_path: Path) -> Iterator[Evaluator]:
    write_random_model(tmp_path / "tiny.gguf")
    with Evaluator.load(tmp_path / "tiny.gguf") as evaluator:
        evaluator.open(OPTIONS)
        yield evaluator


def rows(evaluator: Evaluator, ids: list[int], position: int = 0) -> np.ndarray:
    evaluator.decode(ids, position, outputs=len(ids))
    return evaluator.logits().copy()


def test_the_logits_are_those_of_the_last_tokens(evaluator: Evaluator) -> None:
    whole = rows(evaluator, IDS)
    assert whole.shape == (len(IDS), evaluator.model.vocabulary.size)
    evaluator.clear()
    evaluator.decode(IDS, 0, outputs=3)
    # Three rows of logits are added up in another order than those of all the tokens.
    assert np.allclose(evaluator.logits(), whole[-3:], atol=1e-4)


def test_tokens_of_several_sequences_are_read_as_each_alone(evaluator: Evaluator) -> None:
    alone = []
    for tail in (7, 9):
        evaluator.clear()
        alone.append(rows(evaluator, [*IDS, tail])[-1])
    evaluator.clear()
    evaluator.decode(IDS, 0, outputs=0)
    for sequence in (1, 2):
        evaluator.copy_sequence(0, sequence)
    evaluator.decode_entries([Entry(7, len(IDS), 1), Entry(9, len(IDS), 2)], outputs=2)
    assert np.allclose(evaluator.logits(), alone, atol=1e-4)
    for sequence in (1, 2):
        evaluator.drop_sequence(sequence)
    # Sequence 0 is as it was; what is read next belongs to it again.
    assert np.allclose(rows(evaluator, [7], len(IDS))[0], alone[0], atol=1e-4)


def test_what_was_cut_off_is_forgotten(evaluator: Evaluator) -> None:
    evaluator.decode(IDS, 0, outputs=0)
    assert evaluator.cut(4) == 4
    other = rows(evaluator, [2, 3], 4)
    evaluator.clear()
    assert np.allclose(rows(evaluator, [*IDS[:4], 2, 3])[-2:], other, atol=1e-4)


def test_a_batch_that_llama_cpp_refuses_leaves_an_empty_cache(evaluator: Evaluator) -> None:
    whole = rows(evaluator, IDS)
    with pytest.raises(KnownError, match=r"evaluate 1 tokens with tiny.gguf \(llama_decode: -1\)\. .*invalid token"):
        evaluator.decode([10**6], len(IDS), outputs=1)
    assert np.array_equal(rows(evaluator, IDS), whole)


def test_what_the_callback_raises_comes_out_of_the_decode(evaluator: Evaluator) -> None:
    fails = True

    def on_node(_node: int, ask: bool) -> bool:
        if fails:
            raise RuntimeError("from the callback")
        return not ask

    evaluator.open(ContextOptions(n_ctx=256, n_batch=64, on_node=on_node))
    with pytest.raises(RuntimeError, match="from the callback"):
        evaluator.decode(IDS, 0, outputs=1)
    fails = False
    evaluator.clear()
    evaluator.decode(IDS, 0, outputs=1)


def test_a_context_that_cannot_be_made_names_the_file_and_its_size(evaluator: Evaluator) -> None:
    # More sequences than llama.cpp knows fail as a lack of memory does, without taking it from the machine.
    with pytest.raises(KnownError, match=r"memory to run tiny.gguf with a context of 1,024 tokens") as caught:
        evaluator.open(ContextOptions(n_ctx=1024, n_batch=64, n_sequences=10_000))
    assert caught.value.kind == "out_of_memory" and caught.value.advice and caught.value.details["log"]
    assert evaluator.n_ctx == 0


def test_the_threads_are_those_that_were_set_last(evaluator: Evaluator) -> None:
    assert evaluator.threads == 1
    evaluator.set_threads(2)
    assert evaluator.threads == 2


def test_contexts_are_made_for_the_chat_and_here_alone() -> None:
    makers = {
        file.relative_to(ROOT).as_posix()
        for top in ("belle", "convert", "desktop")
        for file in (ROOT / top).rglob("*.py")
        if "llama_init_from_model" in file.read_text(encoding="utf-8")
    }
    assert makers == {f"belle/engine/llama/{name}.py" for name in ("context", "evaluator")}
