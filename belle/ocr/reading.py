"""Has the text in a picture read by a process of its own (`worker`), which can be stopped."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable

from belle.documents import DocumentError, parse_json_row
from belle.engine.process.native_process import environment
from belle.environment import pip_command
from belle.errors import KnownError
from belle.ocr.layout import TextLine, text_of

LONGEST_S = 300.0
"""Seconds for one picture."""

PACKAGES = ("rapidocr", "onnxruntime")

_COMMAND = (sys.executable, "-P", "-m", "belle.ocr.worker")
_POLL_S = 0.1


class OcrStopped(Exception):  # noqa: N818 - not an error: the caller asked for it
    """Reading was stopped before its end."""


def is_installed() -> bool:
    """Whether text in pictures can be read here."""
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


def install_command() -> str:
    """What a person types to get what is missing."""
    return pip_command("install", *PACKAGES)


def check_installed() -> None:
    """Raises KnownError("missing_package") where text in pictures cannot be read here."""
    if not is_installed():
        message = f"Reading text in pictures needs {' and '.join(PACKAGES)}, which are not installed."
        raise KnownError("missing_package", message, f"Install: {install_command()}")


def read_text(
    content: bytes,
    name: str = "to be read",
    *,
    stopped: Callable[[], bool] = lambda: False,
    longest_s: float = LONGEST_S,
) -> str:
    """The text in a picture, in reading order; empty where there is none.

    Args:
        content: of a PNG, JPEG, WebP, GIF, BMP or TIFF file.
        name: what messages call the picture.
        stopped: asked now and then, in the calling thread.

    Raises KnownError `missing_package`, `picture_too_large`, `bad_picture`, `ocr_hangs`, `ocr_died`, and OcrStopped.
    """
    check_installed()
    process = subprocess.Popen(
        [*_COMMAND, name.replace("\0", "")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(safer=False),
        start_new_session=True,  # Ctrl-C in a terminal is for this process alone
    )
    answer: list[bytes] = []
    # In a thread: the pipes must be served while this one looks whether it is to stop.
    exchange = threading.Thread(target=lambda: answer.append(process.communicate(content)[0]), daemon=True)
    exchange.start()
    try:
        for _ in range(int(longest_s / _POLL_S)):
            exchange.join(_POLL_S)
            if not exchange.is_alive():
                break
            if stopped():
                raise OcrStopped
        else:
            advice = "Try it with a smaller part of the picture."
            raise KnownError("ocr_hangs", "Reading the text takes too long.", advice)
    finally:
        process.kill()
        exchange.join()
    return text_of(_lines(answer[0] if answer else b""))


def _lines(answer: bytes) -> list[TextLine]:
    try:
        said = parse_json_row(answer)
        if "error" in said:
            raise KnownError.from_fields(said["error"])
        return [TextLine(*line) for line in said["lines"]]
    except (DocumentError, TypeError, KeyError):
        message = "The process that reads text in pictures has ended unexpectedly."
        raise KnownError("ocr_died", message, "Try again; free some memory, or try a smaller picture.") from None
