"""Every path on every command line: whatever is given, the answer is words and an exit status, never a traceback."""

from __future__ import annotations

import argparse
import ctypes
import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from belle.cli import arguments
from belle.cli.main import COMMANDS, main

GUARDED = (
    arguments.input_file,
    arguments.input_path,
    arguments.path_or_name,
    arguments.output_file,
    arguments.output_folder,
    arguments.output_path,
)
OUTPUTS = (arguments.output_file, arguments.output_folder, arguments.output_path)
# How a path is called in the help, and what is called like one and is none.
PATHS = {
    *("SRC", "OUT.gguf", "FILE", "PATH", "DIR", "MODEL.gguf", "OUT", "MODEL", "REF", "CAND", "ADAPTER", "CHECKPOINT"),
    *("HOSTS", "RECIPE.yaml | report RUN", "R", "EVAL", "GGUF"),
}
VALUES = {"--type": "q4_0", "--ratio": "1:1"}


def parsers() -> Iterator[tuple[list[str], argparse.ArgumentParser]]:
    """Every command with its words, sub-commands by themselves."""
    for name, (module, _) in COMMANDS.items():
        parser = argparse.ArgumentParser(name)
        importlib.import_module(module).configure(parser)
        inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not inner:
            yield [name], parser
        for action in inner:
            yield from (([name, word], sub) for word, sub in action.choices.items())


def command_lines() -> Iterator[tuple[list[str], argparse.Action]]:
    """A command line for each path of each command: `@` is where it goes, everything else is there or missing."""
    for words, parser in parsers():
        actions = [action for action in parser._actions if action.dest != "help"]
        needed = [action for action in actions if action.required]
        for action in actions:
            if action.type not in GUARDED:
                continue
            line = list(words)
            for other in dict.fromkeys([*needed, action]):
                option = max(other.option_strings, key=len, default="")
                usual = "starter" if not option and other.type == arguments.path_or_name else "missing"
                value = VALUES.get(option, next(iter(other.choices or ()), usual))
                line += [option] if option else []
                line += ["@" if other is action else value]
            yield line, action


LINES = list(command_lines())
NAMES = [" ".join(line) for line, _ in LINES]


def test_every_argument_that_is_a_path_is_guarded() -> None:
    for words, parser in parsers():
        for action in parser._actions:
            where = f"{' '.join(words)} {action.option_strings or action.dest}"
            assert action.type is not Path, where
            if action.metavar in PATHS:
                assert action.type in GUARDED, where
    assert len(LINES) > 50


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the guard refuses for reading and for writing."""
    folder = tmp_path_factory.mktemp("hostile")
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "full").symlink_to("/dev/full")
    return {
        "too long": "x" * 300,
        "too deep": "a/" * 3000,
        "a pipe": str(folder / "pipe"),
        "a loop": str(folder / "loop"),
        "a device": "/dev/full",
        "a link to a device": str(folder / "full"),
    }


@pytest.mark.parametrize("number", range(len(LINES)), ids=NAMES)
def test_what_no_command_can_use_is_refused_at_once(
    number: int, hostile: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    line, _ = LINES[number]
    for what, path in hostile.items():
        assert main([path if word == "@" else word for word in line]) == 2, what
        shown = capsys.readouterr()
        assert shown.err.startswith("belle: "), what
        assert shown.out == ""


# In a process without root's right to enter every folder; it tells what did not end in words.
DRIVER = """
import contextlib, io, json, sys, traceback
from belle.cli.main import main
wrong = {}
for line in json.load(sys.stdin):
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            status = main(line)
    except BaseException:
        wrong[" ".join(line)] = traceback.format_exc()
    else:
        if status != 2 or "permission denied" not in said.getvalue():
            wrong[" ".join(line)] = f"{status}: {said.getvalue()}"
json.dump(wrong, sys.stdout)
"""


def test_a_folder_that_may_not_be_entered_is_said_by_every_command(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0)
    lines = [[str(locked / "file") if word == "@" else word for word in line] for line, _ in LINES]
    try:
        result = subprocess.run(
            [sys.executable, "-c", DRIVER],
            input=json.dumps(lines),
            capture_output=True,
            text=True,
            check=True,
            preexec_fn=_without_roots_rights,
        )
    finally:
        locked.chmod(0o700)
    assert json.loads(result.stdout) == {}


def _without_roots_rights() -> None:
    if os.geteuid() == 0:
        bounding_set_drop, override, search = 24, 1, 2
        prctl = ctypes.CDLL(None).prctl
        prctl(bounding_set_drop, override)
        prctl(bounding_set_drop, search)


USABLE = ("missing", "below a file", "an empty file", "a folder", "zeros", "not UTF-8", "commands the terminal")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What passes the guard and is nothing that a command was made for."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "empty").write_bytes(b"")
    (folder / "zeros").write_bytes(bytes(4096))
    (folder / "folder").mkdir()
    chinese = folder / os.fsdecode("贝尔.gguf".encode("gbk"))
    chinese.write_bytes(b"GGUF")
    commanding = folder / "a\x1b]0;b\x07.jsonl"
    commanding.write_bytes(b"{")
    values = ("missing", "empty/below", "empty", "folder", "zeros", chinese.name, commanding.name)
    return {what: str(folder / name) for what, name in zip(USABLE, values, strict=True)}


@pytest.mark.parametrize("number", range(len(LINES)), ids=NAMES)
def test_what_is_not_what_it_should_be_is_said_in_words(
    number: int,
    odd: dict[str, str],
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    line, action = LINES[number]
    if action.type in OUTPUTS:
        return  # where something may be written it is no mistake
    for what, path in odd.items():
        status = main([path if word == "@" else word for word in line])
        said = capsysbinary.readouterr().err.decode()
        assert status in (0, 1, 2), what
        assert "Traceback" not in said, what
        if status == 2:
            assert said.startswith("belle: ") or "\nbelle: " in said, (what, said)
