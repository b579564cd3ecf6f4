"""Commands, line editing and interruptions in a real terminal, with the real model."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

from belle.models.catalog import resolve
from tests.support.pty_chat import HAS_READ, READS, Pty

Terminals = Callable[..., Pty]
NO_DESKTOP = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}


def questions(tty: Pty, path: Path) -> list[str]:
    assert "Saved" in tty.ask(f"/save {path}")
    return [m["content"] for m in json.loads(path.read_text())["messages"] if m["role"] == "user"]


def test_three_quotes_and_alt_enter_hold_several_lines(terminal: Terminals, tmp_path: Path) -> None:
    tty = terminal("--max-tokens", "2", "--no-history")
    tty.expect(READS)
    tty.ask('"""first\rsecond 你好\r"""')
    tty.ask("one\x1b\rtwo")
    assert questions(tty, tmp_path / "talk.json") == ["first\nsecond 你好", "one\ntwo"]


def test_commands_change_what_is_sent(terminal: Terminals, tmp_path: Path) -> None:
    tty = terminal("--max-tokens", "2")
    tty.expect(READS)
    assert "cannot be “hot”" in tty.ask("/set temperature hot")
    assert "temperature 0.25" in tty.ask("/set temperature 0.25")
    assert "context summary" in tty.ask("/set context summary")
    assert "ctx 512" in tty.ask("/set ctx 512")
    settings = tty.ask("/set")
    assert re.search(r"temperature +0\.25\r", settings)
    assert re.search(r"ctx +512\r", settings)
    (tmp_path / "notes.md").write_text("A note with \x1b]0;title\x07.\n")
    assert "notes.md: 1 line(s)" in tty.ask(f"/file {tmp_path}/notes.md")
    tty.ask("What is it?")
    shown = tty.ask("/show")
    assert "<|im_start|>user\r\nnotes.md:\r\n```md\r\nA note with \\x1b]0;title\\x07.\r\n```" in shown
    assert "\x1b]0" not in tty.raw
    assert "is a folder" in tty.ask(f"/file {tmp_path}")
    tty.ask(f"/file {tmp_path}/notes.md")
    assert "notes.md" in tty.ask("/file")
    assert "No file" in tty.ask("/file off")
    path = tmp_path / "talk.json"
    assert len(questions(tty, path)) == 1
    tty.ask("/clear")
    assert "nothing yet" in tty.ask("/undo")
    assert "Loaded 2 messages" in tty.ask(f"/load {path}")
    assert "Took back: notes.md" in tty.ask("/undo")
    assert "is not a conversation" in tty.ask(f"/load {tmp_path}/notes.md")


def test_another_model_takes_the_place_and_a_wrong_one_does_not(terminal: Terminals, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.symlink_to(resolve("starter").path)
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(2000))
    tty = terminal("--max-tokens", "2")
    tty.expect(READS)
    assert "bad.gguf" in tty.ask(f"/model {tmp_path}/bad.gguf")
    assert "no model called" in tty.ask("/model belle-7b-3m")
    tty.expect("starter ›")
    assert str(other) in tty.ask(f"/model {other}")
    tty.expect("other ›")
    assert tty.ask("Hello!").strip()


def test_the_last_answer_goes_to_the_clipboard_of_the_terminal(terminal: Terminals) -> None:
    tty = terminal("--max-tokens", "4", "--seed", "1", **NO_DESKTOP)
    tty.expect(READS)
    assert "nothing yet" in tty.ask("/copy")
    answer = tty.ask("Hello!")
    tty.ask("/copy")
    copied = re.search(r"\x1b\]52;c;([^\a]*)\a", tty.raw)
    assert copied is not None
    text = base64.b64decode(copied[1]).decode()
    assert text
    assert text.split()[0] in answer


def test_tab_completes_commands_and_paths_and_ctrl_r_searches(terminal: Terminals, tmp_path: Path) -> None:
    (tmp_path / "only-one.txt").write_text("text")
    tty = terminal("--max-tokens", "2")
    tty.expect(READS)
    tty.type("/sta\t")
    tty.expect("ts")
    assert "nothing yet" in tty.ask("")
    tty.type(f"/file {tmp_path}/only\t")
    tty.expect("-one.txt")
    assert "only-one.txt: 1 line(s)" in tty.ask("")
    tty.type("\x12stat")
    tty.expect("/stats")
    tty.type("\r")
    assert "nothing yet" in tty.ask("")


def test_ctrl_c_stops_the_reading_of_a_long_question(terminal: Terminals, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("several words of a long text\n" * 500)
    tty = terminal("--max-tokens", "2")
    tty.expect(READS)
    tty.ask(f"/file {tmp_path}/long.txt")
    tty.type("Summarize.\r")
    tty.expect("Reading the conversation")
    tty.type("\x03")
    tty.expect("(stopped)")
    tty.expect(READS)
    assert "nothing yet" in tty.ask("/undo")
    tty.type("\x04")
    assert tty.end() == 0


def test_a_second_ctrl_c_ends_the_program(terminal: Terminals) -> None:
    tty = terminal("--max-tokens", "4000", "--temperature", "1", "--seed", "3", "--no-history")
    tty.expect(READS)
    tty.type("Tell me a very long story about a king.\r")
    tty.expect(HAS_READ)
    tty.expect(" the ")
    worker = int(Path(f"/proc/{tty.process.pid}/task/{tty.process.pid}/children").read_text().split()[0])
    os.kill(worker, signal.SIGSTOP)  # it does not stop by itself
    tty.type("\x03")
    time.sleep(0.5)  # one Ctrl-C may reach the program twice
    tty.type("\x03")
    time.sleep(0.1)
    os.kill(worker, signal.SIGCONT)
    assert tty.end() == 130


def test_a_worker_that_dies_costs_one_answer(terminal: Terminals) -> None:
    tty = terminal("--max-tokens", "3000", "--temperature", "1", "--seed", "3", "--no-history")
    tty.expect(READS)
    tty.type("Tell me a very long story about a king.\r")
    tty.expect(HAS_READ)
    tty.expect(" the ")
    children = Path(f"/proc/{tty.process.pid}/task/{tty.process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    tty.expect(READS)
    tty.ask("/set max_tokens 3")
    assert "Took back" not in tty.ask("Hello!")
    assert "tokens answered" in tty.ask("/stats")
