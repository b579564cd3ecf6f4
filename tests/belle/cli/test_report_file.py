"""Reports that commands write beside a model: what cannot work is said before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.cli.report_file import check_report, write_report
from belle.errors import KnownError


@pytest.mark.parametrize(
    ("report", "kind", "words"),
    [
        ("m.gguf", "usage", "written twice"),
        ("folder/../m.gguf", "usage", "written twice"),
        ("link.json", "usage", "written twice"),
        ("none/r.json", "unwritable", "there is no folder"),
        ("folder", "unwritable", "a folder"),
        ("input.txt", "output_is_input", "an input of this command"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused(tmp_path: Path, report: str, kind: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "input.txt").write_text("text")
    (tmp_path / "link.json").symlink_to(tmp_path / "m.gguf")
    with pytest.raises(KnownError, match=words) as caught:
        check_report(tmp_path / report, tmp_path / "m.gguf", [tmp_path / "input.txt"])
    assert caught.value.kind == kind


def test_a_report_that_fails_says_that_the_model_is_there(tmp_path: Path) -> None:
    check_report(tmp_path / "r.json", tmp_path / "m.gguf")
    write_report(tmp_path / "r.json", {"type": "q4_0"})
    assert (tmp_path / "r.json").read_text() == '{\n "type": "q4_0"\n}\n'
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(KnownError) as caught:
        write_report(tmp_path / "file" / "r.json", {})
    assert caught.value.advice == "Only the report is missing: the model itself was written."
