"""Freely licensed Chinese and English text to calibrate with and to measure on: the Debian Administrator's Handbook.

    python -m tests.bench.handbook FOLDER     # writes calibration.{zh,en}.txt and heldout.{zh,en}.txt

Debian's package `debian-handbook` (Raphaël Hertzog and Roland Mas; GPL-2.0-or-later or CC-BY-SA-3.0) holds the same
book in both languages. Every other page is for calibration, so that nothing that is measured has been calibrated on;
what is not translated is left out of the Chinese half. The package is fetched with apt; nothing of it is in this
repository.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path

PACKAGE = "debian-handbook"
LANGUAGES = {"zh": "zh-CN", "en": "en-US"}
SHORTEST = 40  # characters of a paragraph: less is a caption
_HAN = re.compile("[\u4e00-\u9fff]")


class Paragraphs(HTMLParser):
    """The running text of one page: what stands in `<div class="para">` outside of lists of commands."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[list[str] | None] = []  # for each open div: its text, None when it is no paragraph

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "div":
            self._open.append([] if ("class", "para") in attrs else None)

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self._open:
            text = self._open.pop()
            if text is not None:
                self.found.append(" ".join("".join(text).split()))

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] is not None:
            self._open[-1].append(data)


def pages(folder: Path, language: str) -> list[str]:
    """The text of each page in the order of its name, a paragraph a line."""
    texts = []
    for path in sorted((folder / "usr/share/doc/debian-handbook/html" / LANGUAGES[language]).glob("*.html")):
        parser = Paragraphs()
        parser.feed(path.read_text(encoding="utf-8"))
        kept = [p for p in parser.found if len(p) >= SHORTEST and (language == "en" or _is_chinese(p))]
        if kept:
            texts.append("\n".join(kept))
    return texts


def _is_chinese(paragraph: str) -> bool:
    return len(_HAN.findall(paragraph)) > 0.3 * len(paragraph)


def main() -> int:
    """Fetch the package, write the four texts."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        subprocess.run(["apt-get", "download", PACKAGE], cwd=name, check=True, stderr=subprocess.DEVNULL)
        (package,) = Path(name).glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", package, name], check=True)
        for language in LANGUAGES:
            texts = pages(Path(name), language)
            for half, part in (("calibration", texts[::2]), ("heldout", texts[1::2])):
                path = target / f"{half}.{language}.txt"
                path.write_text("\n".join(part) + "\n", encoding="utf-8")
                print(f"{path}: {len(part)} pages, {path.stat().st_size:,} bytes")
        print(f"from {package.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
