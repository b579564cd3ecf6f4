"""What tests that train need: one thread, so that they neither wait for each other nor differ in the last digit.

The two processes that many of them share end with the last test here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.belle.training.rank_script import end_ranks


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or nextitem.path.parent != item.path.parent:
        end_ranks()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch computes with one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
