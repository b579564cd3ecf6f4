"""Comparing logits without the libraries it needs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from belle.cli.main import main


def test_missing_libraries_are_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find_spec(name, *rest)
    )
    assert main(["convert", str(tmp_path), "-o", str(tmp_path / "m.gguf"), "--verify", "logits"]) == 2
    shown = capsys.readouterr().err
    assert "torch is not installed" in shown
    assert "pip install 'chatbelle[train]'" in shown
    assert list(tmp_path.iterdir()) == []
