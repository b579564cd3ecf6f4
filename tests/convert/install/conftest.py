"""A hub on this machine, and a client that may reach nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.convert.install.belle_checkpoint import belle_bloom
from tests.convert.install.loopback_hub import LoopbackHub

REPO = "BelleGroup/BELLE-7B-gptq"


@pytest.fixture(scope="session")
def small_files() -> dict[str, bytes]:
    return belle_bloom()


@pytest.fixture
def hub(small_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """Serves a small BELLE-7B-gptq. `HF_ENDPOINT` points to it, so that nothing can go elsewhere by mistake."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    with LoopbackHub({REPO: dict(small_files)}).running() as server:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        close_session()
        yield server
        close_session()
