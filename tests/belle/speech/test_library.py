"""The library is found without importing its package, and looked at before it is loaded."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from belle.engine.llama.processor import Processor
from belle.errors import KnownError
from belle.speech import library
from belle.speech.bindings import FullParams, declare, has_known_layout

needs_library = pytest.mark.skipif(not library.is_installed(), reason="needs pywhispercpp (the extra “voice”)")


def test_without_the_package_its_installation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_PACKAGE", "no_such_package")
    with pytest.raises(KnownError, match="is not installed") as caught:
        library.check_usable()
    assert "pip install" in caught.value.advice


@pytest.mark.parametrize("missing", ["avx2", "fma", "f16c", "bmi2"])
def test_a_processor_that_is_too_old_is_told_before_anything_is_loaded(
    missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    features = tuple(sorted({"avx", "avx2", "fma", "f16c", "bmi2"} - {missing}))
    monkeypatch.setattr(library, "this_processor", lambda: Processor("old", "x86_64", features))
    monkeypatch.setattr(library, "library_file", lambda: tmp_path / "pywhispercpp.libs" / "libwhisper.so")
    with pytest.raises(KnownError) as caught:
        library.WhisperLibrary()
    assert caught.value.kind == "processor_too_old"
    assert missing.upper() in caught.value.message
    # What was built on this machine suits it.
    monkeypatch.setattr(library, "library_file", lambda: tmp_path / "libwhisper.so")
    library.check_usable()


@needs_library
def test_the_structures_are_those_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    library.WhisperLibrary()
    path = library.library_file()
    assert path is not None
    functions = ctypes.CDLL(str(path))
    declare(functions)
    assert has_known_layout(functions)

    class Longer(ctypes.Structure):
        _fields_ = [("strategy", ctypes.c_int), ("one_more", ctypes.c_int64), *FullParams._fields_[1:]]

    functions.whisper_full_default_params.restype = Longer
    assert not has_known_layout(functions)


@needs_library
def test_a_library_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "libwhisper.so"
    path.write_bytes(b"not a library")
    monkeypatch.setattr(library, "library_file", lambda: path)
    with pytest.raises(KnownError, match=r"libwhisper\.so cannot be used"):
        library.WhisperLibrary()
