"""The library that was built here: no instruction of AMX, whose use in it is broken."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from belle.engine.llama.processor import library_folder

TILES = re.compile(rb"\t(ldtilecfg|sttilecfg|tile(load|store|release|zero)\w*|tdp\w+)\b")

needs_binutils = pytest.mark.skipif(not shutil.which("objdump"), reason="objdump (binutils) is not installed")


def has_tile_instructions(library: Path) -> bool:
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", library], capture_output=True, check=True).stdout
    return bool(TILES.search(listing))


@needs_binutils
def test_llama_cpp_is_built_without_tile_instructions() -> None:
    folder = library_folder()
    assert folder is not None
    libraries = [path for path in folder.glob("libggml-cpu*") if not path.is_symlink()]
    assert libraries
    for library in libraries:
        assert not has_tile_instructions(library), library


@needs_binutils
@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")
def test_tile_instructions_would_be_seen(tmp_path: Path) -> None:
    source = tmp_path / "tiles.c"
    source.write_text("#include <immintrin.h>\nvoid f(void) { _tile_zero(1); _tile_release(); }\n")
    library = tmp_path / "libtiles.so"
    command = ["gcc", "-O2", "-mamx-tile", "-shared", "-fPIC", "-o", library, source]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this compiler does not know AMX")
    assert has_tile_instructions(library)
