"""Copies a text to the clipboard: by the desktop's own command, or else by the terminal."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

from belle.cli.terminal import Terminal
from belle.errors import KnownError
from belle.texts import utf8

_TIMEOUT_S = 5.0
_LONGEST_FOR_TERMINALS = 74_994
"""Bytes: xterm and what follows it ignore longer ones (100,000 characters with the base64)."""


def copy_text(text: str, terminal: Terminal, environ: Mapping[str, str] = os.environ) -> None:
    """Copy `text` to the clipboard. Raises KnownError("no_clipboard")."""
    content = utf8(text)
    if any(_run(command, content) for command in _commands(environ)):
        return
    # OSC 52: the terminal sets the clipboard of the machine that it runs on, also across ssh.
    encoded = base64.b64encode(content).decode("ascii")
    if len(content) > _LONGEST_FOR_TERMINALS or not terminal.send(f"\x1b]52;c;{encoded}\a"):
        raise KnownError(
            "no_clipboard",
            "The text could not be copied: there is no clipboard here.",
            "Save it with /save FILE, or install wl-clipboard, xclip or xsel.",
        )


def _commands(environ: Mapping[str, str]) -> Iterator[list[str]]:
    if sys.platform == "darwin":
        yield ["pbcopy"]
    if environ.get("WAYLAND_DISPLAY"):
        yield ["wl-copy"]
    if environ.get("DISPLAY"):
        yield ["xclip", "-selection", "clipboard"]
        yield ["xsel", "--clipboard", "--input"]


def _run(command: list[str], content: bytes) -> bool:
    if shutil.which(command[0]) is None:
        return False
    try:
        # Its output goes nowhere: xclip stays in the background to serve the text, and would keep a pipe open.
        done = subprocess.run(
            command,
            input=content,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
