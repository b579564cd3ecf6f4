"""What is printed goes out whole, or says in one sentence that it could not; and it commands no terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from belle.cli.main import main
from belle.models.registry import installed
from tests.belle.engine import tiny_gguf

BELLE = [sys.executable, "-m", "belle"]
TALKATIVE = [["--help"], ["inspect", "starter", "--tensors"], ["models", "list"], ["data", "clean", "--rules"]]
CHINESE = "贝尔".encode("gbk")


@pytest.mark.parametrize("words", TALKATIVE, ids=" ".join)
def test_a_full_disk_is_one_sentence(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run([*BELLE, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 2
    assert "could not be written: No space left on device" in result.stderr


@pytest.mark.parametrize("words", TALKATIVE[:2], ids=" ".join)
@pytest.mark.parametrize("how", ["{} | true", "{} | head -1", "{} >&-", "{} <&-", "{} >&- 2>&- <&-", "{} 2>/dev/full"])
def test_a_closed_end_is_no_error(words: list[str], how: str) -> None:
    line = how.format(" ".join([*BELLE, *words]))
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stderr == ""


def test_a_mistake_with_nobody_to_tell_still_has_its_status() -> None:
    for how in ("2>&-", "2>/dev/full", ">/dev/full 2>/dev/full"):
        line = f"{' '.join(BELLE)} inspect nowhere {how}"
        assert subprocess.run(["sh", "-c", line], capture_output=True, check=False).returncode == 2


def in_a_terminal(*words: str | bytes) -> str:
    """What the command shows in one."""
    master, slave = pty.openpty()
    process = subprocess.Popen([*BELLE, *words], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    process.wait()
    os.close(master)
    return shown.decode()


COMMANDS = "\x1b]0;title\x07\x1b]52;c;aGk=\x07\x9b2J\u202e\r"


def test_nothing_out_of_a_file_commands_the_terminal(tmp_path: Path) -> None:
    entries = tiny_gguf.ENTRIES | {"general.name": f"a{COMMANDS}b", "general.license": COMMANDS}
    named = tmp_path / f"m{COMMANDS}.gguf"
    named.write_bytes(tiny_gguf.whole(entries=entries))
    data = tmp_path / "data.jsonl"
    row = {"conversations": [{"from": f"role{COMMANDS}", "value": "x"}, {"from": "assistant", "value": COMMANDS}]}
    data.write_text(json.dumps(row) + "\n" + json.dumps({COMMANDS: 1}) + "\n", encoding="utf-8")
    for words in (
        ("inspect", str(named)),
        ("inspect", str(named), "--json"),
        ("inspect", str(tmp_path / COMMANDS)),
        ("data", "check", str(data)),
        ("data", "check", str(data), "--format", COMMANDS),
        ("chat", "--model", str(named), "--prompt", "x"),
        ("models", "import", str(named), "--name", f"x{COMMANDS}"),
        ("convert", str(named), "-o", str(tmp_path / "out.gguf"), "--type", COMMANDS),
        ("train", str(data)),
        ("measure", str(named), str(named), "--text", str(data), "-o", str(tmp_path / COMMANDS)),
        (COMMANDS,),
    ):
        shown = in_a_terminal(*words).replace("\r\x1b[K", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
        assert shown, words
        left = set(shown.replace("\r\n", "\n")) & set("\x1b\x07\x9b\u202e\r")
        assert not left, (words, shown)


def test_a_name_that_is_not_utf8_goes_through_every_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.fsencode(tmp_path) + b"/" + CHINESE + b".gguf"
    Path(os.fsdecode(path)).write_bytes(tiny_gguf.whole())

    def shown(*words: str | bytes) -> bytes:
        result = subprocess.run([*BELLE, *words], capture_output=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    shown("models", "import", path, "--name", "mine")
    assert shown("models", "path", "mine") == path + b"\n"
    assert [os.fsencode(model.path) for model in installed()] == [path]
    (row,) = [row for row in json.loads(shown("models", "list", "--json")) if row["name"] == "mine"]
    assert os.fsencode(row["path"]) == path
    assert os.fsencode(json.loads(shown("inspect", path, "--json"))["path"]) == path
    assert b"mine is removed" in shown("models", "remove", "mine", "--yes")
    data = os.fsencode(tmp_path) + b"/" + CHINESE + b".jsonl"
    Path(os.fsdecode(data)).write_text('{"instruction": "a", "output": "b"}\n', encoding="utf-8")
    shown("data", "convert", data, "-o", data + b".out.jsonl")
    shown("data", "check", data, "--plot", data + b".svg")
    shown("data", "clean", data + b".out.jsonl", "-o", data + b".clean.jsonl", "--json")


def test_an_output_is_not_one_of_the_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    data.write_text('{"instruction": "a", "output": "b"}\n', encoding="utf-8")
    model = tmp_path / "m.gguf"
    model.write_bytes(tiny_gguf.whole())
    before = data.read_bytes(), model.read_bytes()
    for words in (
        ("data", "convert", data, "-o", data),
        ("data", "dedup", data, "-o", other, "--against", other),
        ("data", "clean", data, "-o", other, "--rejected", other),
        ("data", "split", data, "-o", other, "--held-out", data),
        ("data", "mix", other, data, "--ratio", "1:1", "-o", data),
        ("data", "check", data, "--plot", data),
        ("imatrix", model, "--text", data, "-o", data),
        ("imatrix", model, "--text", data, "-o", model),
        ("quantize", model, "--type", "q4_0", "--calib", data, "-o", model),
        ("quantize", model, "--type", "q4_0", "--calib", data, "-o", other, "--report", data),
        ("generate", "m", "--data", data, "-o", data),
        ("measure", tmp_path, model, "--text", data, "-o", tmp_path),
        ("merge", tmp_path, "-o", tmp_path),
        ("gptq", tmp_path, "--calib", data, "-o", tmp_path),
    ):
        other.write_bytes(before[0])
        assert main(list(map(str, words))) == 2, words
        said = capsys.readouterr().err
        assert "is an input of this command" in said or "would be written twice" in said, (words, said)
        assert (data.read_bytes(), model.read_bytes()) == before
