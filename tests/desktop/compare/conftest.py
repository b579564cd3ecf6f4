"""The starter model in another quantization."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.quantized import quantize_starter


@pytest.fixture(scope="session")
def coarser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A starter model that answers differently."""
    return quantize_starter(tmp_path_factory.mktemp("coarser") / "starter-Q4_0.gguf")
