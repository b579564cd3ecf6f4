"""Commands with native code as a person runs them: crashes in words, and everything else as without a child."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from gguf import GGUFWriter

from belle.engine.process import safer_mode
from tests.belle.engine import tiny_gguf
from tests.belle.engine.tiny_gguf import SPM_WORDS, write_random_model
from tests.support import illegal_kernels

BELLE = [sys.executable, "-m", "belle"]
SENTENCE = "hello world, hello a b. Human: Yes. "


def belle(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = [*BELLE, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)  # type: ignore[call-overload, no-any-return]


class Changed(GGUFWriter):
    """Writes another architecture, or entries more."""

    architecture = "llama"
    entries: tuple[Callable[[GGUFWriter], None], ...] = ()

    def __init__(self, path: str, _: str) -> None:
        super().__init__(path, self.architecture)

    def write_header_to_file(self, path: Path | None = None) -> None:
        for entry in self.entries:
            entry(self)
        super().write_header_to_file(path)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(SENTENCE * 300, encoding="utf-8")
    return path


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.gguf"
    write_random_model(path, n_layers=2)
    return path


@pytest.fixture
def bad(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A GGUF that llama.cpp chokes on, made after the one that it does not."""
    del good
    path = tmp_path / f"{request.param}.gguf"
    match request.param:
        case "equal-tokens":
            monkeypatch.setattr(tiny_gguf, "SPM_WORDS", [*SPM_WORDS, SPM_WORDS[0]])
        case "bert":
            monkeypatch.setattr(Changed, "architecture", "bert")
        case "no-experts":
            monkeypatch.setattr(
                Changed, "entries", (lambda w: w.add_expert_count(4), lambda w: w.add_expert_used_count(2))
            )
        case "more-experts-used":
            monkeypatch.setattr(Changed, "architecture", "qwen3moe")
            monkeypatch.setattr(
                Changed, "entries", (lambda w: w.add_expert_count(4), lambda w: w.add_expert_used_count(8))
            )
    monkeypatch.setattr(tiny_gguf, "GGUFWriter", Changed)
    write_random_model(path)
    if request.param == "truncated":
        os.truncate(path, path.stat().st_size - 5000)
    return path


BAD = ["equal-tokens", "bert", "no-experts", "more-experts-used", "truncated"]


@pytest.mark.parametrize(
    ("bad", "command"),
    [
        *((bad, "imatrix") for bad in BAD),
        *((bad, command) for bad in BAD[::3] for command in ("measure", "measure-candidate", "quantize", "tasks")),
        *((bad, "quantize-rtn") for bad in BAD[1:4]),
    ],
    indirect=["bad"],
)
def test_a_file_that_llama_cpp_chokes_on_is_told_in_two_lines(
    bad: Path, good: Path, text: Path, tmp_path: Path, command: str
) -> None:
    out = tmp_path / "out"
    (tmp_path / "items.jsonl").write_text(
        "\n".join(json.dumps({"question": f"{n}?", "choices": ["a", "b"], "answer": "A"}) for n in range(3))
    )
    result = belle(
        *{
            "imatrix": ("imatrix", bad, "--text", text, "-o", out),
            "measure": ("measure", bad, good, "--text", text, "-o", out, "--threads", "1"),
            "measure-candidate": ("measure", good, bad, "--text", text, "-o", out, "--threads", "1"),
            "quantize": ("quantize", bad, "--type", "q4_0", "--calib", text, "-o", out, "--threads", "1"),
            "quantize-rtn": ("quantize", bad, "--type", "q4_0", "--method", "rtn", "-o", out, "--threads", "1"),
            "tasks": ("measure", good, bad, "--tasks", tmp_path / "items.jsonl", "--tasks-format", "plain", "-o", out),
        }[command]
    )  # fmt: skip
    assert result.returncode == 2, result
    lines = result.stderr.splitlines()
    assert lines[0].startswith("belle: ") and 1 <= len(lines) <= 3, result.stderr
    # What is only rounded is found to be wrong when it has been written.
    assert ("use out as it was written" if command == "quantize-rtn" else bad.name) in result.stderr
    assert "/vendor/" not in result.stderr and "Traceback" not in result.stderr
    assert not out.is_file()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("core")]


def test_ctrl_c_of_a_terminal_and_a_signal_alone_both_stop_the_command(good: Path, text: Path, tmp_path: Path) -> None:
    text.write_text(SENTENCE * 60_000, encoding="utf-8")
    command = [*BELLE, "measure", good, good, "--text", text, "--threads", "1", "-o"]
    for whole_group in (True, False):
        out = tmp_path / f"report-{whole_group}"
        process = subprocess.Popen(
            [*map(str, command), str(out)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while not (out.exists() and any(out.iterdir())) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        shown, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "not complete" in shown and said == ""


def test_ctrl_c_while_the_child_starts_shows_no_traceback(good: Path, text: Path, tmp_path: Path) -> None:
    text.write_text(SENTENCE * 60_000, encoding="utf-8")
    command = [*BELLE, "imatrix", good, "--text", text, "-o", tmp_path / "out", "--threads", "1"]
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1, 0.2):
        process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, start_new_session=True)
        while not psutil.Process(process.pid).children():
            time.sleep(0.001)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=30)[1]
        assert (process.returncode, said) == (130, ""), delay


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_a_command_that_is_ended_takes_its_child_along(
    good: Path, text: Path, tmp_path: Path, number: signal.Signals
) -> None:
    text.write_text(SENTENCE * 60_000, encoding="utf-8")
    command = [*BELLE, "imatrix", good, "--text", text, "-o", tmp_path / "out", "--threads", "1"]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE)
    children: list[psutil.Process] = []
    while not children:
        children = psutil.Process(process.pid).children()
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == -number
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_a_child_that_is_killed_is_told_without_guessing(good: Path, text: Path, tmp_path: Path) -> None:
    text.write_text(SENTENCE * 60_000, encoding="utf-8")
    command = [*BELLE, "imatrix", good, "--text", text, "-o", tmp_path / "out", "--threads", "1"]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    children: list[psutil.Process] = []
    while not children:
        children = psutil.Process(process.pid).children()
        time.sleep(0.02)
    children[0].kill()
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 2
    assert said.startswith("belle: The command was ended by the system or by someone (SIGKILL).")


def test_a_command_is_run_once_more_without_the_kernels_that_do_not_work(
    good: Path, text: Path, tmp_path: Path
) -> None:
    (tmp_path / "hook").mkdir()
    environment = os.environ | illegal_kernels.install(tmp_path / "hook")
    words = ("imatrix", good, "--text", text, "--threads", "1", "--chunks", "1", "-o")
    assert belle(*words, tmp_path / "plain.gguf").stderr == ""
    first = belle(*words, tmp_path / "first.gguf", env=environment)
    assert first.returncode == 0 and first.stderr.count("without them") == 1
    assert safer_mode.is_remembered()
    assert belle(*words, tmp_path / "second.gguf", env=environment).stderr == ""
    files = [np.fromfile(tmp_path / f"{name}.gguf", np.uint8) for name in ("first", "second")]
    np.testing.assert_array_equal(files[0], files[1])


def test_output_progress_and_status_are_the_command_s_own(good: Path, text: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    words = ("imatrix", good, "--text", text, "--threads", "1", "-o", tmp_path / "out")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*BELLE, *map(str, words)], stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"}
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 1 << 16)
        except OSError:
            break
    os.close(ours)
    assert process.wait(30) == 0
    assert b" windows  0:00 left" in shown and b"matrices" in shown.splitlines()[-1]
    assert belle("imatrix", good, "--text", tmp_path / "missing", "-o", tmp_path / "out").returncode == 2
    assert belle("imatrix", good).returncode == 2


def test_the_report_names_the_command_as_it_was_given(good: Path, text: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert belle("measure", good, good, "--text", text, "--threads", "1", "-o", out).returncode == 0
    assert f"belle measure {good}" in (out / "report.md").read_text(encoding="utf-8")


def test_a_child_costs_no_more_than_a_start_of_python() -> None:
    program = "import sys; from belle.cli.main import main; sys.exit(main(sys.argv[1:]))"

    def seconds(*command: str) -> float:
        times = []
        for _ in range(3):
            began = time.monotonic()
            subprocess.run(command, capture_output=True, check=False)
            times.append(time.monotonic() - began)
        return min(times)

    alone = seconds(sys.executable, "-c", program, "imatrix", "missing.gguf", "--text", "missing", "-o", "x")
    assert seconds(*BELLE, "imatrix", "missing.gguf", "--text", "missing", "-o", "x") < 2 * alone + 0.1
