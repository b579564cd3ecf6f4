"""The live view: a panel in a terminal, plain lines elsewhere, and training goes on without it."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belle.training.tracking.console import LiveView
from belle.training.tracking.panel import Picture, ShownSample, draw, line, sparkline

ROOT = Path(__file__).parents[4]
PROGRAM = """
import sys
from belle.training.tracking.console import LiveView
steps = int(sys.argv[1])
with LiveView("sft build/tiny/sft", steps) as view:
    view.note("precision fp32: no fast bf16 here")
    for step in range(1, steps + 1):
        view.update(step, {"loss": 3 / step, "lr": 1e-4, "grad_norm": 0.5, "tokens_per_s": 12345.6, "memory": 1.2e9})
        if step % 10 == 0:
            view.sample(step, "请介绍一下你自己。", "我是" * 300 + "\\x1b[2J[bold]")
            print("from others", file=sys.stderr, flush=True)
with open(sys.argv[2], "w") as file:
    file.write("trained")
"""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run_in_terminal(columns: int, done: Path) -> str:
    """The output to a terminal with so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "30", str(done)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**environment, "TERM": "xterm-256color"},
    )
    os.close(theirs)
    received = b""
    with process:
        while True:
            try:
                part = os.read(ours, 1 << 16)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            received += part
    os.close(ours)
    assert process.returncode == 0
    return received.decode()


class TestTerminal:
    @pytest.mark.parametrize("columns", [80, 40])
    def test_the_panel_fits_into_the_terminal(self, tmp_path: Path, columns: int) -> None:
        from rich.cells import cell_len

        received = run_in_terminal(columns, tmp_path / "done")
        last = received[received.rindex("╭") :]
        shown = [row.rstrip("\r") for row in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", last).split("\n") if row.strip()]
        assert [cell_len(row) for row in shown] == [columns] * len(shown)
        text = "\n".join(shown)
        assert "loss 0.1000" in text
        assert "step 30/30 (100 %)" in text
        assert "█" in text
        assert "我是" in text
        assert "from others" in received
        # The model's own escape sequence never reaches the terminal, the cursor is given back.
        assert "\x1b[2J" not in received
        assert received.rstrip().endswith("\x1b[?25h")

    def test_training_goes_on_when_the_terminal_is_closed(self, tmp_path: Path) -> None:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "3000", str(tmp_path / "done")],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(theirs)
        os.read(ours, 100)
        os.close(ours)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0
        assert b"Traceback" not in errors
        assert (tmp_path / "done").read_text() == "trained"

    def test_a_dumb_terminal_gets_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setenv("TERM", "dumb")
        stream = Terminal()
        with LiveView("sft", 10, stream=stream) as view:
            view.update(1, {"loss": 1.0})
        assert "\x1b" not in stream.getvalue()
        assert "step 1/10 (10 %)  loss 1.0000" in stream.getvalue()


class TestPlainLines:
    def test_the_facts_are_plain_lines(self) -> None:
        stream, clock = io.StringIO(), Clock()
        with LiveView("sft run", 100, first_step=40, stream=stream, clock=clock) as view:
            for step in range(41, 61):
                clock.now += 3
                view.update(step, {"loss": 2.0, "eval_loss": 2.5} if step == 60 else {"loss": 1.0})
            view.note("saved step-60")
            view.sample(60, "你好", "hello\nworld\x1b[31m")
        lines = stream.getvalue().splitlines()
        assert lines[0] == "sft run: step 40/100 (40 %)"
        assert lines[20] == "step 60/100 (60 %)  loss 2.0000  eval loss 2.5000  time left 2 min"
        assert lines[21] == "saved step-60"
        assert lines[22] == "sample at step 60: 你好 → hello⏎world�[31m"

    def test_at_most_one_line_every_two_seconds(self) -> None:
        stream, clock = io.StringIO(), Clock()
        with LiveView("sft", 1000, stream=stream, clock=clock) as view:
            for step in range(1, 1001):
                clock.now += 0.01
                view.update(step, {"loss": 1.0})
        lines = stream.getvalue().splitlines()
        assert len(lines) < 10
        assert lines[-1].startswith("step 1000/1000")

    def test_training_goes_on_when_the_reader_of_a_pipe_ends(self, tmp_path: Path) -> None:
        """`belle train … | head -1`: the run goes on to its end, and nothing complains."""
        program = PROGRAM.replace(
            "with LiveView", "import belle.training.tracking.console as live\nlive._LINE_SECONDS = 0\nwith LiveView"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", program, "2000", str(tmp_path / "done")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"sft build/tiny/sft: step 0/2000 (0 %)\n"
            process.stdout.close()
            errors = process.stderr.read()
        assert process.returncode == 0
        assert set(errors.splitlines()) == {b"from others"}
        assert (tmp_path / "done").read_text() == "trained"

    def test_a_closed_stream_ends_the_view_alone(self) -> None:
        stream = io.StringIO()
        view = LiveView("sft", 2, stream=stream)
        stream.close()
        view.update(1, {"loss": 1.0})
        view.note("more")
        view.close()
        LiveView("sft", 2, stream=stream).update(1, {"loss": 1.0})


class TestPanel:
    @given(values=st.lists(st.floats()), width=st.integers(0, 30))
    def test_a_sparkline_has_at_most_its_width(self, values: list[float], width: int) -> None:
        bars = sparkline(values, width)
        assert len(bars) <= width
        assert set(bars) <= set("▁▂▃▄▅▆▇█")

    def test_sparkline_shows_the_shape(self) -> None:
        assert sparkline([8, 7, 6, 5, 4, 3, 2, 1], 8) == "█▇▆▅▄▃▂▁"
        assert sparkline([8, 8, 1, 1], 2) == "█▁"
        assert sparkline([1, 1], 2) == "▁▁"

    @given(prompt=st.text(), text=st.text(), title=st.text(), columns=st.integers(20, 200), total=st.integers(0, 9))
    def test_no_answer_breaks_the_panel(self, prompt: str, text: str, title: str, columns: int, total: int) -> None:
        from rich.console import Console

        picture = Picture(title, 3, total, {"loss": 1.0}, [float("nan"), 1.0], ShownSample(3, prompt, text))
        console = Console(file=io.StringIO(), width=columns, force_terminal=True, color_system=None)
        console.print(draw(picture, columns))
        assert isinstance(console.file, io.StringIO)
        assert "\x1b" not in console.file.getvalue()
        assert len(console.file.getvalue().split("\n")) <= 12
        assert line(picture).startswith("step 3")
