"""`belle` as its own process, with the loopback hub as the only one it may reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE = 180.0
"""Seconds to wait for something on a busy machine."""


def environment(url: str, **more: str) -> dict[str, str]:
    """The environment of a person whose hub is at `url`."""
    unwanted = {"HF_HUB_OFFLINE", "HF_TOKEN", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {"HF_ENDPOINT": url, "NO_PROXY": "127.0.0.1", "LC_ALL": "C.UTF-8"} | more


def start(*words: str, url: str) -> subprocess.Popen[str]:
    """Run `belle WORDS` and return at once."""
    return subprocess.Popen(
        [sys.executable, "-m", "belle", *words],
        cwd=ROOT,
        env=environment(url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def belle(*words: str, url: str = "http://127.0.0.1:9", **more: str) -> subprocess.CompletedProcess[str]:
    """Run `belle WORDS` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "belle", *words],
        cwd=ROOT,
        env=environment(url, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
