"""A tiny voice model whose sound can be heard back."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.speech.speaking.voices.choice import missing_packages
from tests.belle.speech.speaking.tiny_kokoro import write_kokoro


@pytest.fixture(scope="session")
def tiny_voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with the voices zf_tiny and af_tiny."""
    if missing := missing_packages():
        pytest.skip(f"needs {', '.join(missing)} (the extra “speak”)")
    return write_kokoro(tmp_path_factory.mktemp("models") / "kokoro-tiny")
