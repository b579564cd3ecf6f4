"""The set-up: what is built for one processor is not used on another, and the build's own options."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import subprocess
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from belle.engine.llama import processor

ROOT = Path(__file__).parent.parent


@pytest.fixture
def bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def other_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    other = processor.Processor("Another", "x86_64", ("avx2", "fma"))
    monkeypatch.setattr(processor, "this_processor", lambda: other)


def test_a_venv_from_another_processor_is_not_ready(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    (tmp_path / ".ready-dev").write_text(bootstrap._state())
    assert bootstrap._is_ready("dev", bootstrap._state())
    request.getfixturevalue("other_processor")
    assert not bootstrap._is_ready("dev", bootstrap._state())


def test_a_kept_wheel_is_for_one_processor_and_one_set_of_options(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    here = bootstrap._kept_wheels()
    assert here == bootstrap._kept_wheels()
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=on")
    assert bootstrap._kept_wheels() != here
    monkeypatch.delenv("CMAKE_ARGS")
    request.getfixturevalue("other_processor")
    assert bootstrap._kept_wheels() != here


def test_a_llama_cpp_for_another_processor_is_replaced(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(bootstrap, "LLAMA_STAMP", tmp_path / "stamp")
    monkeypatch.setattr(bootstrap, "pip", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(bootstrap, "install_built_llama", lambda: calls.append(("built",)))
    monkeypatch.setattr(bootstrap, "_installed", lambda name: bool(calls))
    bootstrap.install_llama()
    bootstrap.install_llama()
    assert calls == [("built",)]
    request.getfixturevalue("other_processor")
    bootstrap.install_llama()
    assert calls == [("built",), ("uninstall", "--yes", "llama-cpp-python"), ("built",)]


def test_the_prebuilt_wheels_are_named_before_anything_is_compiled(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*arguments: str) -> None:
        raise bootstrap.SetupError("stopped here")

    monkeypatch.setattr(bootstrap, "pip", stop)
    with pytest.raises(bootstrap.SetupError, match="stopped here"):
        bootstrap._compile_llama(tmp_path)
    assert "make chat LLAMA_WHEELS=" in capsys.readouterr().out
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(bootstrap.SetupError, match="LLAMA_WHEELS="):
        bootstrap._compile_llama(tmp_path)


@pytest.mark.parametrize(
    ("name", "code", "is_known"),
    [
        ("ggml/src/ggml-cpu/llamafile/sgemm.cpp", "if (n < 2)\n    return false;", True),
        ("ggml/src/ggml-cpu/llamafile/sgemm.cpp", "if (n < 3)\n    return false;", False),
        ("ggml/src/ggml-cpu/sgemm.cpp", "if (n < 2)\n    return false;", False),
    ],
)
def test_a_llama_cpp_without_the_line_that_is_changed_is_not_built(
    bootstrap: ModuleType, tmp_path: Path, name: str, code: str, is_known: bool
) -> None:
    file, source = tmp_path / "sgemm.cpp", tmp_path / "llama_cpp_python-1.tar.gz"
    file.write_text(code)
    with tarfile.open(source, "w:gz") as archive:
        archive.add(file, f"llama_cpp_python-1/vendor/llama.cpp/{name}")
    with contextlib.nullcontext() if is_known else pytest.raises(bootstrap.SetupError, match="ONLY_LLAMA"):
        bootstrap._check_source(source)


@pytest.mark.parametrize(("known", "options"), [(True, 3), (False, 0)])
@pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("gcc")), reason="needs cmake and gcc")
def test_amx_is_left_out_where_the_compiler_knows_it_and_breaks_no_other(
    bootstrap: ModuleType, tmp_path: Path, known: bool, options: int
) -> None:
    compiler = tmp_path / "cc"
    refuses = "" if known else 'case "$*" in *-mno-amx*) echo "unrecognized option" >&2; exit 1;; esac\n'
    compiler.write_text(f'#!/bin/sh\n{refuses}exec gcc "$@"\n')
    compiler.chmod(0o755)
    (tmp_path / "only.cmake").write_text(bootstrap.ONLY_LLAMA)
    (tmp_path / "main.c").write_text("int main(void) { return 0; }\n")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(llama.cpp C)\nadd_executable(main main.c)\n"
    )
    build = tmp_path / "build"
    command = ["cmake", "-S", tmp_path, "-B", build, f"-DCMAKE_C_COMPILER={compiler}"]
    command += [f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={tmp_path / 'only.cmake'}"]
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run(["cmake", "--build", build], check=True, capture_output=True)
    flags = (build / "CMakeFiles/main.dir/flags.make").read_text()
    assert flags.count("-mno-amx-") == options
