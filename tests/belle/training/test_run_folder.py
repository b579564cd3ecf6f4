"""The folder of a run: its checkpoints in order, and whether it holds a run at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.training.run_folder import RunFolder


def test_steps_are_those_of_folders_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("step-10", "step-9", "step-10.tmp", "step-x", "steps", "final"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-3").write_text("a file")
    assert RunFolder(tmp_path).steps() == [9, 10]
    assert RunFolder(tmp_path).checkpoint(9) == tmp_path / "step-9"


@pytest.mark.parametrize("name", ["step-0", "step-12", "final"])
def test_models_are_known_by_their_names(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path)
    assert folder.is_model(name)
    assert not any(folder.is_model(other) for other in (f"{name}.tmp", f"my-{name}", "data", "step-"))


def test_a_folder_holds_a_run_once_it_logged_or_saved_something(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert not folder.holds_run()
    folder.path.mkdir()
    folder.recipe.write_text("stage: sft")
    folder.metrics.touch()
    assert not folder.holds_run()
    folder.metrics.write_text("{}\n")
    assert folder.holds_run()
    folder.metrics.unlink()
    folder.checkpoint(4).mkdir()
    assert folder.holds_run()
