"""Updates the translations from the sources: `python -m desktop.i18n.update`.

Extracts every `translate("Context", "Text")` of `desktop/` into `assets/translations/chatbelle_*.ts` (Qt Linguist) and
compiles these to the `.qm` files that the window loads; both are committed. English has a file for its plurals only.
A missing Chinese text is marked `type="unfinished"` in `chatbelle_zh_CN.ts`: translate it there, or with
`pyside6-linguist`, and run this again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from belle import paths

LANGUAGES = ("zh_CN", "en")


def ts_file(language: str, folder: Path | None = None) -> Path:
    """The Linguist file of a language."""
    return (folder or paths.asset("translations")) / f"chatbelle_{language}.ts"


def update(folder: Path | None = None) -> None:
    """Extract and compile into `folder` (default: `assets/translations`). Raises CalledProcessError if a tool fails."""
    root = Path(__file__).resolve().parents[1]
    sources = sorted(str(path) for path in root.rglob("*.py"))
    for language in LANGUAGES:
        target = ts_file(language, folder)
        extra = ["-pluralonly"] if language == "en" else []
        _run(
            "pyside6-lupdate", *sources, "-ts", str(target), "-target-language", language,
            "-source-language", "en", "-locations", "none", "-no-obsolete", *extra,
        )  # fmt: skip
        compiled = target.with_suffix(".qm")
        # Unfinished translations are left out: their texts stay English.
        _run("pyside6-lrelease", str(target), "-qm", str(compiled), "-nounfinished", "-silent")


def _run(tool: str, *arguments: str) -> None:
    # The tools are beside the interpreter of a virtual environment, which need not be on the PATH.
    program = shutil.which(tool, path=str(Path(sys.executable).parent)) or tool
    subprocess.run([program, *arguments], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    update()
