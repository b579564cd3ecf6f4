"""What a measurement was made with, so that another can repeat it."""

from __future__ import annotations

import importlib.metadata
import platform

import belle

_LIBRARIES = ("llama-cpp-python", "numpy", "torch", "transformers")


def versions() -> dict[str, str]:
    """Versions of Python, of this program and of the libraries that compute."""
    found = {"python": platform.python_version(), "chatbelle": belle.__version__}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
