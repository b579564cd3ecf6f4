"""A library over a hub on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from desktop.library.library import ENDPOINT
from desktop.settings import Settings
from tests.convert.install.belle_checkpoint import belle_bloom
from tests.convert.install.conftest import REPO
from tests.convert.install.loopback_hub import LoopbackHub
from tests.support.library import QuietLibrary


@pytest.fixture(scope="session")
def small_files() -> dict[str, bytes]:
    return belle_bloom()


@pytest.fixture
def hub(small_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """Serves a small BELLE-7B-gptq. A proxy that does not exist is set: a hub on this machine is reached without it."""
    with LoopbackHub({REPO: dict(small_files)}).running() as server:
        for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_ENDPOINT", "NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        yield server


@pytest.fixture
def library(qapp, hub: LoopbackHub) -> Iterator[QuietLibrary]:
    settings = Settings()
    settings.set_value(ENDPOINT, hub.url)
    made = QuietLibrary(settings)
    yield made
    made.close()
    assert "HF_ENDPOINT" not in os.environ
