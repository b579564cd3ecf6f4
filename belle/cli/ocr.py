"""`belle ocr`: writes down the text in pictures and scans."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from belle.cli.arguments import input_path
from belle.errors import KnownError

_EPILOG = """\
examples:
  belle ocr scan.png
  belle ocr page-*.jpg > text.txt

PNG, JPEG, WebP, GIF, BMP and TIFF; Chinese, English and other Latin letters. With several pictures each text stands
under the name of its file. It needs the extra ocr, whose models are inside its packages: nothing is fetched, and
nothing leaves this computer.

exit status: 0 all are read; 2 a mistake, in words, also for one picture of several; 130 after Ctrl-C.
"""
_LARGEST = 64 << 20  # bytes of a picture


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("files", nargs="+", type=input_path, metavar="FILE", help="pictures")


def run(arguments: argparse.Namespace) -> int:
    """Read the texts. Returns the exit status; raises KnownError where nothing can be read at all."""
    from belle.ocr.reading import check_installed

    check_installed()
    status = 0
    for place, path in enumerate(arguments.files):
        if len(arguments.files) > 1:
            print(f"{'' if place == 0 else chr(10)}# {path}")
        try:
            _print_text(path)
        except KnownError as error:
            if len(arguments.files) == 1:
                raise
            print(f"belle: {error.message} {error.advice}", file=sys.stderr)
            status = 2
    return status


def _print_text(path: Path) -> None:
    from belle.ocr.reading import read_text
    from belle.texts import read_input

    text = read_text(read_input(path, longest=_LARGEST), str(path))
    if text:
        print(text)
    else:
        print(f"belle: {path} has no text that can be read.", file=sys.stderr)
