"""What the terminal shows beside answers."""

from __future__ import annotations

import pytest

from belle.cli.terminal import Terminal


def test_a_thought_stands_apart_from_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.think("Let me ")
    terminal.think("see.")
    terminal.clear()
    print("Hello", end="")
    terminal.clear()
    shown = capsys.readouterr()
    assert shown.err == "Let me see.\n\n"
    assert shown.out == "Hello"
