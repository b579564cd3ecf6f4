"""The self-check of llama.cpp: what works passes, what dies or lies is found and named."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from belle.engine.llama.self_check import TYPES, self_check
from belle.engine.process import safer_mode
from tests.support.illegal_kernels import break_llama


def test_every_type_is_read_rightly_on_this_processor() -> None:
    check = self_check()
    assert check.works, check.sentence
    assert [trial.type for trial in check.trials] == list(TYPES)
    assert check.safer == ()


def test_a_build_that_dies_of_an_instruction_is_found_and_the_safer_mode_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_llama(tmp_path, monkeypatch)
    check = self_check()
    assert not check.works
    assert check.works_in_safer_mode
    assert safer_mode.is_remembered()
    assert "dies of SIGILL when it reads a prompt in F16" in check.sentence
    assert "works in the safer, slower mode" in check.sentence
    # The death of one type does not keep the others from being tried.
    assert [trial.type for trial in check.trials] == list(TYPES)


def test_a_build_that_dies_in_every_mode_is_told_from_one_that_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_llama(tmp_path, monkeypatch, always=True)
    check = self_check()
    assert not check.works
    assert not check.works_in_safer_mode
    assert not safer_mode.is_remembered()
    assert "safer" not in check.sentence


def test_wrong_values_are_found_like_a_death(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_llama(tmp_path, monkeypatch, lies=True)
    check = self_check()
    assert not check.works
    assert "computes wrong values" in check.sentence


def test_the_module_prints_its_outcome_for_the_set_up() -> None:
    command = [sys.executable, "-m", "belle.engine.llama.self_check"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    outcome = json.loads(done.stdout)
    assert outcome["works"] is True
    assert outcome["words"].startswith("llama.cpp reads F16")
