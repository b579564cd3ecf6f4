"""What flows into the matrices of the real starter model."""

from __future__ import annotations

import numpy as np
import pytest

from belle.engine.llama import activations
from belle.engine.llama.activations import ActivationReader, SquareSums
from belle.models import catalog

WINDOWS = [list(range(100, 164)), list(range(900, 964))]


def sums(threads: int | None) -> SquareSums:
    found = SquareSums()
    with ActivationReader(catalog.resolve("starter").path, found.add, threads=threads) as reader:
        assert list(reader.read(WINDOWS)) == [1, 2]
    return found


def test_the_number_of_threads_changes_nothing() -> None:
    one, two = sums(1), sums(2)
    assert one.counts == two.counts
    for name, expected in one.sums.items():
        np.testing.assert_array_equal(two.sums[name], expected)


def test_there_are_as_many_threads_as_find_free_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    # llama.cpp's own default is four, whatever the machine.
    monkeypatch.setattr(activations, "usable_cores", lambda: (3, 6))
    free = iter([None, 1])
    monkeypatch.setattr(activations, "FreeCores", lambda: lambda: next(free))
    with ActivationReader(catalog.resolve("starter").path, lambda *_: None) as reader:
        used = [reader._evaluator.threads for _ in reader.read(WINDOWS)]
    assert used == [3, 1]
