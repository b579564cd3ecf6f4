"""Fixtures of tests that train: one thread, so that they do not compete for cores or differ in the last digit.

The two processes that many of them share are ended after the last test here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.belle.training.rank_script import end_ranks


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        end_ranks()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch uses one thread, also in other fixtures of the module."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
