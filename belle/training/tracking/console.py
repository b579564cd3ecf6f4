"""The live view of a run in a terminal: loss, learning rate, speed, memory, time left, and the model's answers.

Where there is no terminal (a pipe, a log file, a batch system) the same facts come as plain lines. Whatever happens to
the terminal, training goes on: a closed pipe or a lost connection only ends the view.

rich draws it (`Live`, `Panel`, `ProgressBar`). Its `Progress` is not used: it prints nothing but its end where there is
no terminal, and its time left is an estimate of the last 30 s, so ours would have to stay beside it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from belle.streams import commanding
from belle.training.tracking.panel import Picture, ShownSample, draw, line, plain, printable

_REDRAW_SECONDS = 0.25
_LINE_SECONDS = 2.0


class LiveView:
    """Shows a run. Only rank 0 has one.

    Args:
        title: what is trained, such as `sft build/tiny/sft`.
        total_steps: optimizer steps of the whole run; 0 when that is not known.
        first_step: the step that the run goes on from.
        stream: where to; standard output when None.
        clock: seconds, for the time left.
    """

    def __init__(
        self,
        title: str,
        total_steps: int,
        *,
        first_step: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._picture = Picture(title, first_step, total_steps)
        self._first = first_step
        self._stream = commanding(stream or sys.stdout)
        self._clock = clock
        self._began = clock()
        self._shown = float("-inf")
        self._live: Any = None
        self._over = False
        if self._is_terminal():
            self._safely(self._start)
        else:
            self._write(f"{title}: {line(self._picture)}")

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def update(self, step: int, values: Mapping[str, Any]) -> None:
        """Show the values of a step: those of `Tracker.log`, or any part of them. Cheap to call: it redraws seldom."""
        picture, now = self._picture, self._clock()
        picture.step = step
        picture.values |= plain(values)
        if "loss" in values:
            picture.losses.append(picture.values["loss"])
        if picture.total and step > self._first:
            picture.seconds_left = (now - self._began) / (step - self._first) * max(0, picture.total - step)
        wait = _LINE_SECONDS if self._live is None else _REDRAW_SECONDS
        if now - self._shown < wait and step != picture.total:
            return
        self._shown = now
        self._show(lambda: line(picture))

    def sample(self, step: int, prompt: str, text: str) -> None:
        """Show what the model answers."""
        self._picture.sample = ShownSample(step, prompt, text)
        self._show(lambda: f"sample at step {step}: {prompt} → {text}")

    def note(self, text: str) -> None:
        """Print a line that stays above the view."""
        if self._live is None:
            self._write(text)
            return

        def print_above() -> None:
            from rich.text import Text

            self._live.console.print(Text(printable(text), style="dim"))

        self._safely(print_above)

    def close(self) -> None:
        """End the view and give the terminal back; the last picture stays on the screen."""
        if self._live is not None:
            self._safely(self._draw)
            self._stop()
        self._over = True

    def _show(self, plain_line: Callable[[], str]) -> None:
        if self._live is None:
            self._write(plain_line())
        else:
            self._safely(self._draw)

    def _is_terminal(self) -> bool:
        try:
            return self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        except ValueError:
            return False  # the stream was closed

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        class PipeAwareConsole(Console):
            def on_broken_pipe(self) -> None:
                raise BrokenPipeError  # rich's own way is to end the program

        self._live = Live(
            console=PipeAwareConsole(file=self._stream, highlight=False),
            # No thread of its own: it would wake up on the cores that train.
            auto_refresh=False,
            # Other output to this terminal is printed above the view; a redirected stream is left alone.
            redirect_stdout=self._stream is commanding(sys.stdout),
            redirect_stderr=sys.stderr.isatty(),
        )
        self._live.start()
        self._draw()

    def _draw(self) -> None:
        self._live.update(draw(self._picture, self._live.console.width), refresh=True)

    def _stop(self) -> None:
        live, self._live = self._live, None
        with contextlib.suppress(OSError, ValueError):
            live.stop()

    def _write(self, text: str) -> None:
        def write() -> None:
            self._stream.write(printable(text).replace("\n", "⏎") + "\n")
            self._stream.flush()

        self._safely(write)

    def _safely(self, action: Callable[[], object]) -> None:
        """Run `action`; when the terminal is gone, end the view and not the training."""
        if self._over:
            return
        try:
            action()
        except (OSError, ValueError):  # ValueError: the stream was closed
            self._over = True
            if self._live is not None:
                self._stop()
            with contextlib.suppress(OSError, ValueError):
                # Python flushes the stream's buffer once more when it exits, which must not fail then.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
