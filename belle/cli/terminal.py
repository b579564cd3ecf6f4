"""The person's terminal: colours where they are wanted, one line of progress, questions, lines of input.

Everything here goes to stderr, except what line editing shows: stdout belongs to the answers. The line of progress is
our own: importing `rich.progress` takes 0.15 s, more than all of `belle --help`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from belle.cli.messages import say
from belle.streams import commanding
from belle.texts import visible

if TYPE_CHECKING:
    from belle.cli.chat.line_editor import LineEditor

DIM, BOLD, GREEN, RED = "2", "1", "32", "31"
_BAR_WIDTH = 24


def bar(fraction: float) -> str:
    """How much of something is done, of 1, as a line and in percent."""
    done = "━" * round(_BAR_WIDTH * fraction)
    return f"{done:─<{_BAR_WIDTH}} {fraction:4.0%}"


class Terminal:
    """Writes what is not an answer. Without a terminal there are no colours and no progress."""

    def __init__(self) -> None:
        self.interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._moves = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._colours = self._moves and not os.environ.get("NO_COLOR")
        self._shown = ""
        self._thinks = False
        self._editor: LineEditor | None = None

    def paint(self, text: str, style: str) -> str:
        """`text` in a colour, none for ""; it was made visible before, where it may hold what strangers wrote."""
        return f"\x1b[{style}m{text}\x1b[0m" if self._colours and style else text

    def note(self, text: str, style: str = DIM) -> None:
        """A line for the person."""
        self.clear()
        self._say(text, style, end="\n")

    @property
    def shows_progress(self) -> bool:
        """Whether `progress` writes anything."""
        return self._moves

    def progress(self, text: str) -> None:
        """Replace the line of progress."""
        if self._moves and text != self._shown:
            self._command(f"\r\x1b[K{self.paint(visible(text), DIM)}")
            self._shown = text

    def think(self, text: str) -> None:
        """More of what a model thinks before its answer, quietly and apart from that."""
        self.clear_line()
        self._thinks = True
        self._say(text)

    def clear(self) -> None:
        """Remove the line of progress; a thought that was being shown is over."""
        self.clear_line()
        if self._thinks:
            self._thinks = False
            self._say("\n\n")

    def clear_line(self) -> None:
        """Remove the line of progress."""
        if self._shown:
            self._command("\r\x1b[K")
            self._shown = ""

    def _say(self, text: str, style: str = DIM, end: str = "") -> None:
        if self._colours:
            self._command(self.paint(visible(text), style) + end)
        else:
            print(text, end=end, file=sys.stderr, flush=True)

    def _command(self, text: str) -> None:
        # Nobody is left to read an error about the terminal itself.
        with contextlib.suppress(OSError):
            stream = commanding(sys.stderr)
            stream.write(text)
            stream.flush()

    def send(self, command: str) -> bool:
        """Send the terminal an escape sequence of the program. False where there is no terminal that takes one."""
        if self._moves:
            self._command(command)
        return self._moves

    def edit_lines(self, editor: LineEditor) -> None:
        """Read by `editor` from now on."""
        self._editor = editor

    def read(self, prompt: str) -> str:
        """What the person enters, one line or several. Raises EOFError on Ctrl-D and KeyboardInterrupt on Ctrl-C."""
        self.clear()
        read = self._editor.read if self._editor is not None else input
        return read(self.paint(visible(prompt), f"{BOLD};{GREEN}"))

    def ask(self, question: str) -> str:
        """The answer to a question of the program: one line. Raises as `read`."""
        self.clear()
        ask = self._editor.ask if self._editor is not None else input
        return ask(self.paint(visible(question), f"{BOLD};{GREEN}"))

    def agrees(self, question: str) -> bool:
        """Ask a question that is answered with yes or no; anything but a yes is a no, Ctrl-C and Ctrl-D too."""
        try:
            answer = self.ask(f"{question} {say('yes_no')} ")
        except (EOFError, KeyboardInterrupt):
            return False
        return answer.strip().casefold() in (say("yes"), "yes", "是")
