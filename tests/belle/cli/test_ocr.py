"""`belle ocr` prints the text in pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from belle.cli.main import main
from belle.ocr import reading
from belle.ocr.reading import is_installed
from tests.support.pictures import png, written

needs_ocr = pytest.mark.skipif(not is_installed(), reason="reading text in pictures needs the extra ocr")


@needs_ocr
def test_each_text_stands_under_the_name_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], qapp: object
) -> None:
    sign, dot, bad = tmp_path / "sign.png", tmp_path / "dot.png", tmp_path / "bad.png"
    sign.write_bytes(written("PLATFORM 42"))
    dot.write_bytes(png())
    bad.write_bytes(b"hello")
    assert main(["ocr", str(sign), str(bad), str(dot)]) == 2
    out, err = capsys.readouterr()
    assert out == f"# {sign}\nPLATFORM 42\n\n# {bad}\n\n# {dot}\n"
    assert f"The picture {bad} is not a picture" in err
    assert f"{dot} has no text" in err


def test_what_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PACKAGES", ("a_package_that_nobody_has",))
    (tmp_path / "a.png").write_bytes(png())
    assert main(["ocr", str(tmp_path / "a.png")]) == 2
    assert "pip install a_package_that_nobody_has" in capsys.readouterr().err
