"""Finds and loads whisper.cpp's shared library, which comes inside the package pywhispercpp.

The package's own Python binding is not used: its bindings pass a token pointer as a number, and importing it needs
`requests`. The library is looked for without importing the package, and the processor is asked whether it can run it
before it is loaded: an instruction that the processor does not have would end the process.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

from belle.engine.llama.processor import missing_features, this_processor
from belle.engine.process.ggml_log import GgmlLog
from belle.environment import pip_command
from belle.errors import KnownError
from belle.speech.bindings import LogCallback, declare, has_known_layout

_PACKAGE = "pywhispercpp"
# What the package's wheels for x86 are compiled for. They cannot be asked: that would mean to load one.
_WHEEL_FEATURES = dict.fromkeys(("AVX", "AVX2", "FMA", "F16C", "BMI2"), "1")


def is_installed() -> bool:
    """Whether the library is there."""
    return library_file() is not None


def check_usable() -> None:
    """Check that the library is there and that this processor can run it, without loading it.

    Raises KnownError("missing_package", "processor_too_old").
    """
    _usable_file()


def library_file() -> Path | None:
    """The shared library; None where the package is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    package = Path(next(iter(spec.submodule_search_locations)))
    # Portable wheels keep their libraries in a folder of their own, builds from source beside themselves.
    for folder in (package.with_name(f"{_PACKAGE}.libs"), package / ".dylibs", package.parent):
        for pattern in ("libwhisper*.so*", "libwhisper*.dylib"):
            files = sorted(folder.glob(pattern))
            if files:
                return files[0]
    return None


class WhisperLibrary:
    """The loaded library. `functions` are those of `whisper.h`.

    Raises KnownError: `missing_package`, `processor_too_old`, `unknown_library`.
    """

    def __init__(self) -> None:
        path = _usable_file()
        try:
            self.functions = ctypes.CDLL(str(path))
            declare(self.functions)
        except (OSError, AttributeError) as error:
            raise _unknown(path, str(error)) from None
        self.log = GgmlLog()
        self._callback = LogCallback(self.log.receive)  # whisper.cpp stores its address only
        self.functions.whisper_log_set(self._callback, None)
        if not has_known_layout(self.functions):
            raise _unknown(path, f"version {self.functions.whisper_version().decode()} has other structures")


def _usable_file() -> Path:
    path = library_file()
    if path is None:
        message = "Speech needs pywhispercpp, which is not installed."
        raise KnownError("missing_package", message, f"Install: {pip_command('install', _PACKAGE)}")
    missing = missing_features(_WHEEL_FEATURES, this_processor()) if _is_wheel_for_x86(path) else ()
    if missing:
        message = f"The speech library is built for processors with {', '.join(missing)}, which this one does not have."
        command = pip_command("install", "--force-reinstall", "--no-deps", "--no-binary", _PACKAGE, _PACKAGE)
        raise KnownError("processor_too_old", message, f"Build it on this machine: {command}")
    return path


def _is_wheel_for_x86(path: Path) -> bool:
    built_elsewhere = path.parent.name in (f"{_PACKAGE}.libs", ".dylibs")
    return built_elsewhere and this_processor().architecture in ("x86_64", "AMD64", "i686") and sys.maxsize > 2**32


def _unknown(path: Path, why: str) -> KnownError:
    message = f"The speech library {path.name} cannot be used: {why}."
    return KnownError(
        "unknown_library", message, f"Install the tested version: {pip_command('install', f'{_PACKAGE}>=1.5.1,<1.6')}"
    )
