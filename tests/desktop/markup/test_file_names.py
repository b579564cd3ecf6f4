"""The name proposed for a block of code that is saved."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.markup.file_names import file_name


@pytest.mark.parametrize(
    ("language", "name"),
    [
        *(("python", "code.py"), ("py", "code.py"), ("Python", "code.py"), ("python3", "code.py")),
        *(("c", "code.c"), ("c++", "code.cpp"), ("c#", "code.cs"), ("f#", "code.fs"), ("objective-c", "code.m")),
        *(("js", "code.js"), ("jsx", "code.jsx"), ("ts", "code.ts"), ("tsx", "code.tsx"), ("scss", "code.scss")),
        *(("bash", "code.sh"), ("zsh", "code.zsh"), ("powershell", "code.ps1"), ("r", "code.R"), ("rust", "code.rs")),
        *(("sql", "code.sql"), ("mysql", "code.sql"), ("json", "code.json"), ("jsonc", "code.jsonc")),
        *(("yaml", "code.yaml"), ("yml", "code.yml"), ("markdown", "code.md"), ("latex", "code.tex")),
        *(("csv", "code.csv"), ("svg", "code.svg"), ("text", "code.txt"), ("plaintext", "code.txt"), ("", "code.txt")),
        *(("makefile", "Makefile"), ("docker", "Dockerfile"), ("dockerfile", "Dockerfile")),
        *(("cmake", "CMakeLists.txt"), ("nginx", "nginx.conf"), ("console", "code.txt"), ("pycon", "code.txt")),
    ],
)
def test_the_suffix_is_the_one_that_programs_expect(language: str, name: str) -> None:
    assert file_name(language) == name


def test_every_language_of_pygments_has_a_name() -> None:
    from pygments.lexers import get_all_lexers

    aliases = [alias for lexer in get_all_lexers(plugins=False) for alias in lexer[1]]
    assert len(aliases) > 500
    for alias in aliases:
        assert re.fullmatch(r"\w[\w.]*", file_name(alias)), alias


@given(st.one_of(st.text(max_size=20), st.sampled_from(["../../etc/passwd", "a/b", ".bashrc", "con", "\0", "x" * 999])))
def test_whatever_a_model_calls_a_language_the_name_stays_in_its_folder(language: str) -> None:
    assert re.fullmatch(r"\w[\w.]{0,40}", file_name(language))
