"""What is said of batches is true of real models, and is remembered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from belle import paths
from belle.engine.answer.speculation import exact_batches
from belle.engine.answer.speculation.exact_batches import exact_sizes
from belle.engine.llama.context import BatchPart, Context, StopFlag
from belle.engine.llama.model import Model
from belle.engine.llama.native_log import NativeLog
from belle.gguf.constants import TENSOR_TYPES
from belle.gguf.reader import read_header


def test_batches_said_to_be_exact_are_so_in_the_starter_model(starter: Path, native_log: NativeLog) -> None:
    sizes = exact_sizes(read_header(starter), native_log)
    model = Model(starter, n_gpu_layers=0, log=native_log, on_progress=lambda _: True)
    context = Context(model, 512, on_gpu=False, stop=StopFlag(), log=native_log)
    (sequence,) = context.sequences
    text = model.vocabulary.tokenize("The fox runs over the hill. 今天天气很好。 return x + 1\n" * 20)

    def rows(tokens: list[int]) -> list[NDArray[np.float32]]:
        context.evaluate(BatchPart(sequence, tokens, len(tokens)))
        return [context.logits(row).copy() for row in sequence.rows]

    for length in (64, 253):
        prompt, last = text[:length], text[length : length + 7]
        sequence.cut(0)
        for start in range(0, length, 64):
            context.evaluate(BatchPart(sequence, prompt[start : start + 64]))
        alone = [rows([token])[0] for token in last]
        for size in sizes:
            sequence.cut(length)
            assert np.array_equal(rows(last[:size]), alone[:size]), size
    context.close()
    model.close()


def test_it_is_tried_once(starter: Path, native_log: NativeLog, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = exact_sizes(read_header(starter), native_log)
    monkeypatch.setattr(exact_batches, "_write_model", None)  # nothing can be tried any more
    assert exact_sizes(read_header(starter), native_log) == sizes


@pytest.mark.parametrize("name", ["Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64"])
def test_a_model_with_a_matrix_that_is_no_weight_has_no_exact_batches(
    name: str, starter: Path, native_log: NativeLog
) -> None:
    header = read_header(starter)
    number = next(number for number, kind in TENSOR_TYPES.items() if kind.name == name)
    matrix = next(tensor for tensor in header.tensors if len(tensor.shape) > 1)
    other = replace(header, tensors=(*header.tensors, replace(matrix, type=number)))
    assert exact_sizes(other, native_log) == frozenset()


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"format": 1, "sizes": 3}', "another build"])
def test_a_file_that_cannot_be_used_is_made_anew(damage: str, starter: Path, native_log: NativeLog) -> None:
    sizes = exact_sizes(read_header(starter), native_log)
    file = paths.exact_batches_file()
    content = json.loads(file.read_text())
    if damage == "another build":
        damage = json.dumps(content | {"engine": "another", "sizes": {name: [2, 99] for name in content["sizes"]}})
    file.write_text(damage)
    assert exact_sizes(read_header(starter), native_log) == sizes
    assert json.loads(file.read_text()) == content


def test_a_later_crash_is_not_blamed_on_what_was_tried(
    starter: Path, native_log: NativeLog, capfd: pytest.CaptureFixture[str]
) -> None:
    exact_sizes(read_header(starter), native_log)
    assert capfd.readouterr().err.splitlines()[-1] == f"chatbelle: loading {starter.name}"
